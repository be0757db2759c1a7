"""Lays a batch of slates out as flat arrays for the checker, beside the evening's alive items.

Written apart from the makers of slates on purpose (``scoring.promises`` says why).

Shapes: R rows, P places (items of slates and reserves, one behind another), N alive items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import live_slots
from etl.surfaces import LIVE_STREAMS, Surface

ANY: Final = 7
"""The weekday of what may be shown on any."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The N alive items of the evening, ascending by number."""

    item_no_N: np.ndarray
    item_id_N: pa.StringArray
    is_of_surface_N: np.ndarray
    is_in_stock_N: np.ndarray
    weekday_N: np.ndarray
    """int64: the day of the week of live slots, 0 for Monday, −1 of one that names none; ``ANY``
    of everything else."""
    groups: Mapping[str, np.ndarray]
    """seller_id and category: for each item the code of its group, −1 where it is not known."""

    @classmethod
    def of(cls, item_daily: pa.Table, surface: Surface) -> "Shelf":
        """Read one evening of ``tables.FEATURES_ITEM_DAILY``."""
        rows = item_daily.sort_by("item_no").combine_chunks()
        return cls(
            numbers(rows["item_no"], -1).astype(np.int64),
            rows["item_id"].combine_chunks(),
            booleans(pc.equal(rows["item_type"], surface.item_type)),
            ~booleans(rows["is_sold_out"]),
            _weekdays(rows),
            {name: codes(rows[name]) for name in ("seller_id", "category")},
        )

    def find(self, item_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look items up: their places here (0 where they are not), and whether they are here."""
        if not len(self.item_no_N):
            return np.zeros(len(item_P), np.int64), np.zeros(len(item_P), bool)
        at_P = np.minimum(np.searchsorted(self.item_no_N, item_P), len(self.item_no_N) - 1)
        return at_P, self.item_no_N[at_P] == item_P


def _weekdays(rows: pa.Table) -> np.ndarray:
    is_slot = booleans(pc.equal(rows["item_type"], LIVE_STREAMS.item_type))
    named = live_slots.weekdays_of(rows["item_id"].combine_chunks())
    return np.where(is_slot, numbers(named, -1), ANY).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Places:
    """The P items of a batch: all slates, then all reserves."""

    row_P: np.ndarray
    place_P: np.ndarray
    is_reserve_P: np.ndarray
    elements: pa.Table

    @classmethod
    def of(cls, rows: pa.Table) -> "Places":
        """Take both lists of every row apart."""
        both = (flat(rows[name]) for name in ("items", "reserve"))
        row, place, elements = zip(*both, strict=True)
        is_reserve_P = np.repeat([False, True], [len(part) for part in row])
        return cls(
            np.concatenate(row), np.concatenate(place), is_reserve_P, pa.concat_tables(elements)
        )

    def numbers(self, field: str, missing: float = -1) -> np.ndarray:
        """One numeric field, P."""
        return numbers(self.elements[field], missing)

    def item_P(self) -> np.ndarray:
        """The items: int64, −1 where the number is null."""
        return self.numbers("item_no").astype(np.int64)

    def length_P(self, field: str) -> np.ndarray:
        """How long a list field is: 0 where it is null or empty."""
        return numbers(pc.list_value_length(self.elements[field]), 0)

    def first_of_rows(self, chosen_P: np.ndarray) -> list[int]:
        """The first chosen place of each row that has one."""
        chosen = np.flatnonzero(chosen_P)
        _, first = np.unique(self.row_P[chosen], return_index=True)
        return chosen[first].tolist()

    def name(self, at: int) -> str:
        """One place in words."""
        where = "reserve" if self.is_reserve_P[at] else "slate"
        return f"item {self.item_P()[at]} at {where}[{self.place_P[at]}]"

    def is_explored_P(self) -> np.ndarray:
        """Whether the item was drawn."""
        return booleans(self.elements["is_exploration"])


def times(key_P: np.ndarray, counts_P: np.ndarray) -> np.ndarray:
    """How often each key occurs among those that count; 0 for those that do not."""
    _, code, times = np.unique(key_P[counts_P], return_inverse=True, return_counts=True)
    found = np.zeros(len(key_P), np.int64)
    found[counts_P] = times[code]
    return found


def flat(lists: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, pa.Table]:
    """Take lists apart: the row of each element, its place there, and its fields."""
    whole = lists.combine_chunks()
    row = pc.list_parent_indices(whole).to_numpy().astype(np.int64)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    elements = pc.list_flatten(whole)
    if not pa.types.is_struct(elements.type):
        return row, place, pa.table({"item_no": elements})
    return row, place, pa.Table.from_struct_array(elements)


def numbers(column: pa.ChunkedArray, missing: float) -> np.ndarray:
    """View numbers as float64, exact for item numbers; ``missing`` stands for null."""
    filled = pc.fill_null(column.cast(pa.float64()), float(missing))
    return filled.to_numpy() if len(filled) else np.zeros(0)


def booleans(column: pa.ChunkedArray) -> np.ndarray:
    """Null counts as false."""
    filled = pc.fill_null(column.cast(pa.bool_()), False)
    return filled.to_numpy(zero_copy_only=False).astype(bool)


def codes(column: pa.ChunkedArray) -> np.ndarray:
    """Number the words of a column: int64, −1 where it is null."""
    encoded = column.combine_chunks().dictionary_encode()
    return numbers(encoded.indices, -1).astype(np.int64)
