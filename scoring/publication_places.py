"""Packs the items of slates and neighbours into bytes, row by row, without a loop over items.

Shapes: R rows, P places (the rows' items one behind another), S sources of all places.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import flat_lists
from etl.tables.retrieval import SOURCE_NAMES
from scoring.published import EXPLORATION_BIT

SOURCES: Final = dict(sorted(SOURCE_NAMES.items()))
"""Names of the sources by code, as manifests give them."""


class StoreError(ValueError):
    """Rows cannot be published as they are; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places of R rows: of each column its bytes, one row behind another."""

    item_no_P: np.ndarray
    lengths_R: np.ndarray
    _ends: list[int]
    _columns: tuple[tuple[bytes, int], ...]
    """Of each: the bytes of all P, and how many one place takes."""

    @classmethod
    def of_slates(cls, column: pa.ChunkedArray) -> "Places":
        """Pack ``items`` or ``reserve``: item_no int32, value float64, marks uint32."""
        lengths_R, elements = _flat(column)
        value_P = whole(elements.field("value"), "value")
        return cls._of(lengths_R, elements, value_P.astype("<f8"), _marks(elements))

    @classmethod
    def of_neighbours(cls, column: pa.ChunkedArray) -> "Places":
        """Pack ``neighbours``: item_no int32, score float64, source uint8."""
        lengths_R, elements = _flat(column)
        score_P = whole(elements.field("score"), "score")
        source_P = whole(elements.field("source"), "source")
        return cls._of(lengths_R, elements, score_P.astype("<f8"), source_P.astype(np.uint8))

    @classmethod
    def _of(cls, lengths_R: np.ndarray, elements: pa.StructArray, *others: np.ndarray) -> "Places":
        item_no_P = whole(elements.field("item_no"), "item_no")
        columns = (item_no_P.astype("<i4"), *others)
        return cls(
            item_no_P,
            lengths_R,
            [0, *np.cumsum(lengths_R).tolist()],
            tuple((column.tobytes(), column.itemsize) for column in columns),
        )

    def row(self, row: int) -> Iterator[bytes]:
        """Each column's bytes of one row."""
        first, last = self._ends[row], self._ends[row + 1]
        return (raw[first * size : last * size] for raw, size in self._columns)


def whole(column: pa.Array | pa.ChunkedArray, name: str) -> np.ndarray:
    """Take a column of numbers that was promised to have no nulls.

    Raises:
        StoreError: If it has one.
    """
    if column.null_count:
        raise StoreError(f"{name} is null in {column.null_count} places; make the day again")
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(False)


def _flat(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.StructArray]:
    row_P, elements = flat_lists(column)
    return np.bincount(row_P, minlength=len(column)), elements


def _marks(elements: pa.StructArray) -> np.ndarray:
    """Write who proposed each place, and whether it was drawn, as bits: uint32[P]."""
    is_exploration_P = whole(elements.field("is_exploration"), "is_exploration")
    marks_P = is_exploration_P.astype(np.uint32) << EXPLORATION_BIT
    place_S, source_S = flat_lists(elements.field("sources"))
    np.bitwise_or.at(marks_P, place_S, np.uint32(1) << _codes(source_S))
    return marks_P.astype("<u4")


def _codes(source_S: pa.Array) -> np.ndarray:
    """Number sources by ``SOURCE_CODES``: uint32[S]."""
    place_S = pc.index_in(source_S, value_set=pa.array(SOURCES.values()))
    if place_S.null_count:
        unknown = source_S.filter(place_S.is_null()).unique().to_pylist()
        raise StoreError(
            f"{', '.join(map(repr, unknown))} proposed items and has no code; give each source one "
            "in etl.tables.retrieval.SOURCE_CODES"
        )
    return np.array(list(SOURCES), np.uint32)[place_S.to_numpy(False)]
