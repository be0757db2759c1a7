"""Who touched what, in which order: what learned sources are fitted on and asked with.

Plain arrays of dense numbers; where they come from (a file, a lake) is not known here.
Shapes: U users, N interactions, I items, A attributes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from etl.arrow import places_in_runs, ranges, run_starts

UNSEEN: Final = -1
"""Stands for a user whom no fit has seen."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """N interactions of U users, grouped by user, oldest first within a user."""

    indptr: np.ndarray
    """int64, U + 1: user u has the interactions indptr[u] … indptr[u + 1]."""
    item_N: np.ndarray
    """int64, 0 … num_items − 1."""
    num_items: int
    """Items of the catalogue, those that nobody touched included."""
    is_ordered: bool
    """Whether the order within a user means time."""
    user_U: np.ndarray
    """int64: each user's row in what sources were fitted on, or ``UNSEEN``."""
    attribute_IA: csr_array | None = None
    """float32 ones: what is known of the items themselves, where something is."""

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def of(
        cls, lists: Sequence[Sequence[int]], *, num_items: int, is_ordered: bool = True
    ) -> "Interactions":
        """Lay out one list of items a user."""
        indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
        flat = [item for items in lists for item in items]
        rows = np.arange(len(lists))
        return cls(indptr, np.array(flat, np.int64), num_items, is_ordered, rows)

    @property
    def length_U(self) -> np.ndarray:
        """int64: interactions of each user."""
        return np.diff(self.indptr)

    @property
    def row_N(self) -> np.ndarray:
        """int64: the place in U of each interaction's user."""
        return np.repeat(np.arange(len(self)), self.length_U)

    @property
    def steps_back_N(self) -> np.ndarray:
        """int64: how many interactions of the same user are newer."""
        return np.repeat(self.indptr[1:], self.length_U) - 1 - np.arange(len(self.item_N))

    def taken(self, rows: np.ndarray) -> "Interactions":
        """Some users, in the order asked for."""
        _, element = ranges(self.indptr, rows)
        indptr = np.r_[0, np.cumsum(self.length_U[rows])].astype(np.int64)
        item_N, user_U = self.item_N[element], self.user_U[rows]
        return replace(self, indptr=indptr, item_N=item_N, user_U=user_U)

    def where(self, keep_N: np.ndarray) -> "Interactions":
        """Leave interactions out; users stay."""
        indptr = np.r_[0, np.cumsum(keep_N)][self.indptr].astype(np.int64)
        return replace(self, indptr=indptr, item_N=self.item_N[keep_N])

    def blocks(self, num_users: int) -> Iterator["Interactions"]:
        """Go through the users, some at a time."""
        for start in range(0, len(self), num_users):
            yield self.taken(np.arange(start, min(start + num_users, len(self))))

    def matrix(self) -> csr_array:
        """Who touched what, once: float32 ones, U × I."""
        pairs = self.weighted(np.ones(len(self.item_N), np.float32))
        pairs.data[:] = 1
        return pairs

    def weighted(self, weight_N: np.ndarray) -> csr_array:
        """Sum a weight of each interaction by user and item: float32, U × I."""
        found = csr_array(
            (weight_N.astype(np.float32), self.item_N.copy(), self.indptr.copy()),
            shape=(len(self), self.num_items),
        )
        found.sum_duplicates()
        return found

    def recent(self, decay: float) -> csr_array:
        """Weigh what each user touched by decay^steps back: float32, U × I.

        Without an order every item weighs 1.
        """
        if not self.is_ordered:
            return self.matrix()
        return self.weighted(np.power(decay, self.steps_back_N))

    def distinct(self) -> "Interactions":
        """Keep the newest of a user's interactions with one item."""
        key = self.row_N * self.num_items + self.item_N
        order = np.lexsort((-np.arange(len(key)), key))
        keep = np.zeros(len(key), bool)
        keep[order[run_starts(key[order])]] = True
        return self.where(keep)

    def last(self, num: int) -> "Interactions":
        """Keep each user's newest interactions."""
        return self.where(self.steps_back_N < num)

    def places_N(self) -> np.ndarray:
        """int64: each interaction's place in its user's list."""
        return places_in_runs(run_starts(self.row_N)) if len(self.item_N) else self.item_N
