"""Arrow columns as numpy arrays: what every kernel needs and none should write again."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

_BITS: Final = 63
"""Of an int64 that is not negative."""


def arrow_schema(schema: StructType) -> pa.Schema:
    """Say a Spark schema in Arrow's words, as Spark expects a kernel's result."""
    return to_arrow_schema(schema, timezone="UTC")


def flat_lists(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Take a column of lists apart.

    Returns:
        row_N: int64, for each of the N elements the row it stood in.
        elements: the N elements, in row order.
    """
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    lengths = np.diff(lists.offsets.to_numpy())
    return np.repeat(np.arange(len(lists)), lengths), lists.flatten()


def run_starts(*keys: np.ndarray) -> np.ndarray:
    """Mark where a run of equal keys begins in arrays sorted by them: bool, same length."""
    num_rows = len(keys[0])
    starts = np.ones(num_rows, bool)
    if num_rows > 1:
        starts[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return starts


def places_in_runs(starts: np.ndarray) -> np.ndarray:
    """Number the elements of each run from 0, given where runs begin: int64, same length."""
    first = np.flatnonzero(starts)
    lengths = np.diff(np.r_[first, len(starts)])
    return np.arange(len(starts)) - np.repeat(first, lengths)


def distinct(values: np.ndarray) -> np.ndarray:
    """List integers once, ascending, as ``np.unique`` does.

    numpy 2.3 and later hashes them by their low bits, which differ little among keys of user and
    item: 140 times slower than sorting them (2 million keys).
    """
    ascending = np.sort(values)
    return ascending[run_starts(ascending)]


def order_by(*keys: np.ndarray) -> np.ndarray:
    """Order rows by integers, the first key first; equal ones stay as they stand: int64.

    Keys and place are sorted as one number where they fit into one: processors' vector instructions
    sort numbers but no pairs, which is two to three times faster than a stable ``np.argsort`` where
    rows fit into the cache. Where the first key ascends already, a place among equal ones will do.
    """
    num_rows = len(keys[0])
    place, first = np.arange(num_rows), np.zeros(1, np.int64)
    widths = [_width(key) for key in keys]
    if sum(widths) + _width(place) > _BITS and not (keys[0][1:] < keys[0][:-1]).any():
        starts = run_starts(keys[0])
        first = np.maximum.accumulate(np.where(starts, place, 0))
        place = place - first
    widths.append(_width(place))
    if sum(widths) > _BITS:
        return np.lexsort(keys[::-1])
    packed = np.zeros(num_rows, np.int64)
    for key, width in zip((*keys, place), widths, strict=True):
        packed <<= width
        packed |= key
    packed.sort()
    packed &= (1 << widths[-1]) - 1
    packed += first
    return packed


def _width(key: np.ndarray) -> int:
    """Bits of the largest; more than there are where one is negative."""
    return _BITS + 1 if key.min(initial=0) < 0 else int(key.max(initial=0)).bit_length()


def is_in(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Tell which integers stand in an ascending array: bool. ``np.isin`` hashes them as badly."""
    if not len(ascending):
        return np.zeros(np.shape(values), bool)
    place = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return ascending[place] == values


def offsets_of(row_N: np.ndarray, num_rows: int) -> np.ndarray:
    """Turn the row of each element, ascending, into list offsets: int32, num_rows + 1."""
    return np.searchsorted(row_N, np.arange(num_rows + 1)).astype(np.int32)


def days_of_epoch(day: date) -> int:
    """Number a day as Arrow's date32 does: days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def weekdays_of_epoch(day: np.ndarray) -> np.ndarray:
    """Say the days of the week of days since 1970-01-01, which was a Thursday: 0 for Monday."""
    return (day + 3) % 7


def ranges(indptr: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List the elements of some of the lists that lie one behind another.

    Args:
        indptr: int64, list l holds the elements indptr[l] … indptr[l + 1].
        chosen: int64, Q lists in any order.

    Returns:
        query: for each element its place in ``chosen``.
        element: its place among all elements.
    """
    lengths = indptr[chosen + 1] - indptr[chosen]
    query = np.repeat(np.arange(len(chosen)), lengths)
    place = np.arange(len(query)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return query, np.repeat(indptr[chosen], lengths) + place


def lists_of(row_N: np.ndarray, num_rows: int, elements: pa.Array) -> pa.ListArray:
    """Put elements that are sorted by row into one list a row."""
    return pa.ListArray.from_arrays(pa.array(offsets_of(row_N, num_rows)), elements)


def codes_of(*columns: pa.ChunkedArray) -> tuple[pa.StringArray, list[np.ndarray]]:
    """Write words of several columns as places in one sorted vocabulary.

    Returns:
        vocabulary: the distinct words, ascending.
        codes: for each column int64 places, −1 where it is null.
    """
    words = pa.chunked_array([c for column in columns for c in column.chunks], pa.string())
    vocabulary = words.drop_null().unique().sort()
    found = []
    for column in columns:
        place = pc.index_in(column.combine_chunks(), value_set=vocabulary)
        found.append(place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
    return vocabulary, found


def newest(rows: pa.Table, key: Sequence[str], by: str) -> pa.Table:
    """Keep each key's row of the latest ``by``, sorted by key."""
    numbered = rows.append_column("_row", pa.array(np.arange(rows.num_rows)))
    order = [(by, "descending"), *((name, "ascending") for name in key)]
    ranked = numbered.select([by, *key, "_row"]).sort_by(order)
    first = ranked.group_by(list(key), use_threads=False).aggregate([("_row", "first")])
    kept = first.sort_by([(name, "ascending") for name in key])
    return rows.take(kept.column("_row_first"))
