"""The lists that policies showed on an evening, as flat arrays.

How they are judged is ``scoring.judging``.

Shapes: E elements of L lists, U users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import places_in_runs, run_starts

EVERYBODY: Final = "*"
NO_LIST: Final = -1


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """One evening's slates and the days after it on which they are judged."""

    slate_date: date
    horizon_days: int

    @property
    def last_date(self) -> date:
        """The last day watched: nothing that arrived later counts."""
        return self.slate_date + timedelta(days=self.horizon_days)


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of items one behind another; an empty one stands last, for whoever has none."""

    indptr: np.ndarray
    """int64, L + 2: list l is ``item_E[indptr[l] : indptr[l + 1]]``."""
    item_E: np.ndarray
    """int64, item_no."""

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Lists":
        """Read a column of lists of item_no; a null list is an empty one."""
        lists = column.combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
        item_E = pc.list_flatten(lists).to_numpy().astype(np.int64)
        return cls(np.r_[0, np.cumsum(lengths), len(item_E)].astype(np.int64), item_E)

    def first(self, list_U: np.ndarray, most_U: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
        """Take the first elements of one list a user.

        Args:
            list_U: int64, which list; −1 for none.
            most_U: how many of it.

        Returns:
            user: for each element the user's place in ``list_U``, ascending.
            item: the elements.
        """
        chosen_U = np.where(list_U == NO_LIST, len(self.indptr) - 2, list_U)
        start_U = self.indptr[chosen_U]
        taken_U = np.minimum(self.indptr[chosen_U + 1] - start_U, most_U)
        user = np.repeat(np.arange(len(list_U)), taken_U)
        return user, self.item_E[np.repeat(start_U, taken_U) + places_in_runs(run_starts(user))]

    def lengths(self, list_U: np.ndarray) -> np.ndarray:
        """How long one list a user is: int64, 0 for none."""
        chosen_U = np.where(list_U == NO_LIST, len(self.indptr) - 2, list_U)
        return self.indptr[chosen_U + 1] - self.indptr[chosen_U]


@dataclass(frozen=True, slots=True)
class Evening:
    """What one evening held for everybody alike."""

    popular: Lists
    """One list, or none: popularity-of-7-days, first place first."""
    slates: Lists
    """The stand-ins' slates."""
    with_reserve: Lists
    """The same with the reserves behind them: who steps in for what a user bought."""
    stand_in_of: Mapping[str, int]
    """Where each segment's list stands, and the default's as '*'."""

    def stand_ins(self, segments: Sequence[str | None]) -> np.ndarray:
        """Find whose list stands in for U users: int64; his segment's, else the default's."""
        default = self.stand_in_of.get(EVERYBODY, NO_LIST)
        found = [self.stand_in_of.get(segment or EVERYBODY, default) for segment in segments]
        return np.array(found, np.int64)

    def most_popular(self, num_users: int) -> np.ndarray:
        """Give U users the same list: int64."""
        has_list = len(self.popular.indptr) > len((0, 0))
        return np.full(num_users, 0 if has_list else NO_LIST)
