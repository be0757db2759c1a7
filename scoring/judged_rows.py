"""Reads what users did, and what was listed for them, as flat arrays of one bucket of users.

What is made of it is ``scoring.judging``.

Shapes: F facts (rows of slates, candidates, pairs), T pairs of a user and an item, U users.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import days_of_epoch
from scoring.shown_lists import NO_LIST, Lists, Watched

FACT_CODES: Final = {"pairs": 1, "slates": 2, "candidates": 3}
"""What a fact's two lists are: bought, hidden; shown, none; fused order, order by co-visitation."""

_ITEM_BITS: Final = 32


def key_of(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Write a user and an item as one number: int64."""
    return user << _ITEM_BITS | item


def user_in(key: np.ndarray) -> np.ndarray:
    """Read the user back."""
    return key >> _ITEM_BITS


def item_in(key: np.ndarray) -> np.ndarray:
    """Read the item back."""
    return key & ((1 << _ITEM_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Touches:
    """What users acted on, as columns."""

    key: np.ndarray
    event_day: np.ndarray
    arrival_day: np.ndarray
    first_day: np.ndarray
    """Day on which the item was first heard of."""

    @classmethod
    def of(cls, rows: pa.Table, user: np.ndarray) -> "Touches":
        """Read user_id (as numbers), item_no, event_date, arrival_date, first_arrival_date."""
        names = ("event_date", "arrival_date", "first_arrival_date")
        key = key_of(user, rows["item_no"].to_numpy().astype(np.int64))
        return cls(key, *(_days(rows, name) for name in names))

    def within(self, one: Watched) -> tuple[np.ndarray, np.ndarray]:
        """List each pair touched in the horizon once: its key, and whether it was known before."""
        evening, last = days_of_epoch(one.slate_date), days_of_epoch(one.last_date)
        is_meant = (self.event_day > evening) & (self.event_day <= last)
        is_meant &= self.arrival_day <= last
        key_T, at = np.unique(self.key[is_meant], return_index=True)
        return key_T, self.first_day[is_meant][at] <= evening


@dataclass(frozen=True, slots=True)
class Facts:
    """F rows of what was known of users and listed for them."""

    dated: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """For each of ``FACT_CODES`` keys of user and day, ascending, and the rows they stand for."""
    segment: pa.ChunkedArray
    first: Lists
    second: Lists

    @classmethod
    def of(cls, rows: pa.Table, user_F: np.ndarray) -> "Facts":
        """Read user_id (as numbers), arrival_date, code, segment, first and second."""
        key_F, code_F = key_of(user_F, _days(rows, "arrival_date")), rows["code"].to_numpy()
        dated = {}
        for name, code in FACT_CODES.items():
            meant = np.flatnonzero(code_F == code)
            meant = meant[np.argsort(key_F[meant], kind="stable")]
            dated[name] = key_F[meant], meant
        return cls(dated, rows["segment"], Lists.of(rows["first"]), Lists.of(rows["second"]))

    def newest(self, name: str, user_U: np.ndarray, evening: date) -> np.ndarray:
        """Find each user's newest row of ``name`` that is not after the evening: −1 if none."""
        at_U, key = self._newest(name, user_U, evening)
        is_his_U = (at_U >= 0) & (user_in(key) == user_U)
        return self._rows(name, at_U, is_his_U)

    def of_evening(self, name: str, user_U: np.ndarray, evening: date) -> np.ndarray:
        """Find each user's row of ``name`` of that evening itself: −1 if none."""
        at_U, key = self._newest(name, user_U, evening)
        is_his_U = (at_U >= 0) & (key == key_of(user_U, np.array(days_of_epoch(evening))))
        return self._rows(name, at_U, is_his_U)

    def segments(self, row_U: np.ndarray) -> list[str | None]:
        """The segment that each row names; None where there is no row."""
        return self.segment.take(pa.array(row_U, mask=row_U == NO_LIST)).to_pylist()

    def _newest(
        self, name: str, user_U: np.ndarray, evening: date
    ) -> tuple[np.ndarray, np.ndarray]:
        keys, _ = self.dated[name]
        wanted_U = key_of(user_U, np.array(days_of_epoch(evening)))
        at_U = np.searchsorted(keys, wanted_U, side="right") - 1
        return at_U, keys[at_U] if len(keys) else at_U

    def _rows(self, name: str, at_U: np.ndarray, is_his_U: np.ndarray) -> np.ndarray:
        _, rows = self.dated[name]
        found_U = np.full(len(at_U), NO_LIST)
        found_U[is_his_U] = rows[at_U[is_his_U]]
        return found_U


def _days(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].cast(pa.int32()).to_numpy().astype(np.int64)
