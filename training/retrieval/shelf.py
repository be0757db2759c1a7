"""What one surface may show on the day after an evening, as sources look it up.

The item side holds every alive item; here are those that are eligible, listed by host, by category,
by the products they show and by the words of their titles. A worker lists them once an evening.

Shapes: E eligible items, L lists.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from etl import surfaces
from etl.arrow import places_in_runs, ranges, run_starts
from etl.surfaces import Surface
from training.item_side import FEATURES, ItemSide
from training.lookup import taken
from training.user_side import UserBatch

MAX_PER_WORD: Final = 1_000
"""Items listed of one word: the most clicked of 7 days."""
_CLICKS: Final = FEATURES.index("num_clicks_7d")
_APPEAL: Final = FEATURES.index("appeal")


@dataclass(frozen=True, slots=True)
class Listed:
    """L lists of eligible items: the most clicked of 7 days first, if nothing else is said."""

    indptr: np.ndarray
    """int64, L + 1."""
    place_N: np.ndarray
    """int64: places on the item side."""


@dataclass(frozen=True)
class Shelf:
    """The E items that ``surface`` may show."""

    items: ItemSide
    surface: Surface

    def own(self, batch: UserBatch) -> UserBatch:
        """Leave visits to other surfaces' items out of users' short histories."""
        place = self.items.places(batch.short.numbers("item_no").astype(np.int64))
        own_type = surfaces.ITEM_TYPES.index(self.surface.item_type)
        type_code = taken(self.items.type_code_N, place, otherwise=own_type)
        is_other_N = type_code != own_type
        return batch.without_visits(is_other_N) if is_other_N.any() else batch

    @cached_property
    def is_eligible_N(self) -> np.ndarray:
        """bool: which items of the item side they are."""
        return self.items.eligible(self.surface)

    @cached_property
    def eligible_no_E(self) -> np.ndarray:
        """int64: their item_no, ascending."""
        return self.items.item_no_N[self.is_eligible_N]

    def may_show(self, item_no_P: np.ndarray) -> np.ndarray:
        """Tell which items it may show: bool, P."""
        return self._is_eligible_by_no[np.minimum(item_no_P, len(self._is_eligible_by_no) - 1)]

    @cached_property
    def _is_eligible_by_no(self) -> np.ndarray:
        """bool, by item_no, False at the end: a search in a list costs fifty times as much."""
        is_eligible = np.zeros(self.eligible_no_E.max(initial=-1) + 2, bool)
        is_eligible[self.eligible_no_E] = True
        return is_eligible

    @cached_property
    def place_E(self) -> np.ndarray:
        """int64: their places on the item side, the most clicked of 7 days first."""
        place = np.flatnonzero(self.is_eligible_N)
        clicks = np.nan_to_num(self.items.numeric_NF[place, _CLICKS])
        return place[np.argsort(-clicks, kind="stable")]

    @cached_property
    def appeal_N(self) -> np.ndarray:
        """float64: the appeal of everything on the item side; NaN without impressions."""
        return self.items.numeric_NF[:, _APPEAL].astype(np.float64)

    @cached_property
    def rated_E(self) -> np.ndarray:
        """int64: places on the item side of what has an appeal, the highest first."""
        place = np.flatnonzero(self.is_eligible_N & ~np.isnan(self.appeal_N))
        return place[np.argsort(-self.appeal_N[place], kind="stable")]

    @cached_property
    def rated_by_category(self) -> Listed:
        """A list a category of what has an appeal, the highest first."""
        code = self.items.codes("category")[self.rated_E]
        return _listed(code, self.rated_E, len(self.items.words("category")))

    @cached_property
    def by_host(self) -> Listed:
        """A list a host: list l is of ``items.words("host_id")[l]``."""
        return self._by_word("host_id")

    @cached_property
    def by_category(self) -> Listed:
        """A list a category: list l is of ``items.words("category")[l]``."""
        return self._by_word("category")

    @cached_property
    def by_product(self) -> Listed:
        """A list an item of the item side: what shows it."""
        of, shown = ranges(self.items.shown_indptr, self.place_E)
        return _listed(self.items.shown_place_S[shown], self.place_E[of], len(self.items.item_no_N))

    @cached_property
    def by_title_word(self) -> Listed:
        """A list a word: list l is of ``items.title_vocabulary[l]``."""
        of, word = ranges(self.items.title_indptr, self.place_E)
        every = _listed(
            self.items.title_word_W[word], self.place_E[of], len(self.items.title_vocabulary)
        )
        row = np.repeat(np.arange(len(every.indptr) - 1), np.diff(every.indptr))
        kept = places_in_runs(run_starts(row)) < MAX_PER_WORD
        return _listed(row[kept], every.place_N[kept], len(every.indptr) - 1)

    @cached_property
    def word_weight(self) -> np.ndarray:
        """How telling each word of a title is, float64: log(1 + E / eligible items with it)."""
        _, word = ranges(self.items.title_indptr, self.place_E)
        count = np.bincount(
            self.items.title_word_W[word], minlength=len(self.items.title_vocabulary)
        )
        return np.log1p(len(self.place_E) / np.maximum(count, 1))

    def _by_word(self, name: str) -> Listed:
        return _listed(
            self.items.codes(name)[self.place_E], self.place_E, len(self.items.words(name))
        )


def _listed(code: np.ndarray, place: np.ndarray, num_lists: int) -> Listed:
    """List places by code, in the order given; −1 is in no list."""
    order = np.argsort(code, kind="stable")
    indptr = np.searchsorted(code[order], np.arange(num_lists + 1)).astype(np.int64)
    return Listed(indptr, place[order])
