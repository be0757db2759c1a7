"""What a table's own past says of its rows: counts and rates of users, items, words and pairs.

As in the product, features are of an evening: rows are cut into blocks by time, and a row reads
what came before its block began; all rows that are judged read what came before the first of them.
No row reads its own label, and none that is judged reads another judged one's.

Shapes: N rows, K keys, E elements of lists.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.ranking_files import Listed, Rows
from training.inputs import Inputs, Layout

ITEM: Final = "item"
"""The column of items' names."""
_PRIOR: Final = 20.0
"""Rows at the mean rate that are added to a key's own."""
_SHARE_IN_COMMON: Final = 0.3
"""Of a list's words, that a column must know to be what the list is of."""
_SHARE_OF_ITEMS: Final = 0.95
"""Of rows, that must say of their item what the first row of it says, for a column to be the
item's."""


def inputs(rows: Rows, block_N: np.ndarray) -> Inputs:
    """Lay a table out as rankers read it, its own columns and what its past says.

    Args:
        rows: The table.
        block_N: int64, ascending: rows of a block read the blocks before.
    """
    numbers = dict(rows.numbers) | dict(_of_past(rows, block_N)) | dict(_of_lists(rows))
    numeric_NF = np.empty((len(rows), len(numbers)), np.float32)
    for column, values in enumerate(numbers.values()):
        numeric_NF[:, column] = values
    words = dict(rows.words) | {"user": _named(rows.user_N)}
    return Inputs(numeric_NF, words, rows.item_N, Layout(tuple(numbers), tuple(words)))


def _named(number_N: np.ndarray) -> pa.DictionaryArray:
    return pa.array(number_N).cast(pa.string()).dictionary_encode()


def _of_past(rows: Rows, block_N: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    label_N = np.nan_to_num(next(iter(rows.labels.values())).astype(np.float64))
    keys = {"item": rows.item_N} | {name: _codes(words) for name, words in rows.words.items()}
    yield from _counted("user", rows.user_N, label_N, block_N)
    for name, key_N in keys.items():
        yield from _counted(name, key_N, label_N, block_N)
        pair_N = np.unique(rows.user_N << 32 | key_N, return_inverse=True)[1]
        yield from _counted(f"user × {name}", pair_N, label_N, block_N)


def _codes(words: pa.DictionaryArray) -> np.ndarray:
    """Number words from 1, 0 where nothing is known: int64, N."""
    return pc.fill_null(words.indices.cast(pa.int64()), -1).to_numpy() + 1


def _counted(
    name: str, key_N: np.ndarray, label_N: np.ndarray, block_N: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """How often a key came before, and how much of that was positive."""
    num_keys = int(key_N.max(initial=0)) + 1
    seen_K, positive_K = np.zeros(num_keys), np.zeros(num_keys)
    seen_N, rate_N = np.zeros(len(key_N)), np.zeros(len(key_N))
    starts = np.flatnonzero(np.diff(block_N, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(block_N)], strict=True):
        key, label = key_N[start:stop], label_N[start:stop]
        usual = positive_K.sum() / max(seen_K.sum(), 1)
        seen_N[start:stop] = seen_K[key]
        rate_N[start:stop] = (positive_K[key] + _PRIOR * usual) / (seen_K[key] + _PRIOR)
        seen_K += np.bincount(key, minlength=num_keys)
        positive_K += np.bincount(key, label, minlength=num_keys)
    yield f"{name}: rows before", np.log1p(seen_N).astype(np.float32)
    yield f"{name}: rate before", rate_N.astype(np.float32)


def _of_lists(rows: Rows) -> Iterator[tuple[str, np.ndarray]]:
    columns = columns_of(rows)
    for name, listed in rows.lists.items():
        length_N = np.bincount(listed.row_E, minlength=len(rows))
        yield f"{name}: length", np.log1p(length_N).astype(np.float32)
        own_kinds = kinds(listed, columns)
        for column in own_kinds:
            yield from _matched(f"{name} with {column}", listed, columns[column])
        if ITEM in own_kinds:
            for column, word_I in words_of_items(rows, columns).items():
                place_E = pc.index_in(listed.word_E, value_set=rows.item_names)
                own = Listed(listed.row_E, word_I.take(place_E))
                yield from _matched(f"{name}'s {column}", own, columns[column])


def columns_of(rows: Rows) -> dict[str, pa.StringArray]:
    """What lists may be of: the items' names and all words, N each."""
    return {ITEM: rows.item_names.take(pa.array(rows.item_N))} | {
        name: words.dictionary_decode() for name, words in rows.words.items()
    }


def kinds(listed: Listed, columns: Mapping[str, pa.StringArray]) -> list[str]:
    """Columns whose words a list's words are, the likeliest first.

    Ids may be mere numbers, and those of categories be ids of items too: the likeliest is the
    column of which most is in the list.
    """
    words = pc.unique(listed.word_E)
    if not len(words):
        return []
    likely = {}
    for name, column in columns.items():
        known = pc.unique(column)
        num_shared = pc.sum(pc.is_in(words, value_set=known)).as_py()
        if num_shared >= _SHARE_IN_COMMON * len(words):
            likely[name] = num_shared / len(words) * num_shared / len(known)
    return sorted(likely, key=lambda name: (-likely[name], name))


def words_of_items(rows: Rows, columns: Mapping[str, pa.StringArray]) -> dict[str, pa.StringArray]:
    """Words of items: for each column that is the item's the word of every item, by number."""
    items, first_I = np.unique(rows.item_N, return_index=True)
    found = {}
    for name in rows.words:
        word_I = columns[name].take(pa.array(first_I))
        same = pc.equal(word_I.take(pa.array(np.searchsorted(items, rows.item_N))), columns[name])
        if pc.mean(pc.fill_null(same, False)).as_py() >= _SHARE_OF_ITEMS:
            found[name] = word_I
    return found


def _matched(name: str, listed: Listed, column: pa.StringArray) -> Iterator[tuple[str, np.ndarray]]:
    """How often a row's word is in its list, and how near to the list's end it last is."""
    own = column.take(pa.array(listed.row_E))
    is_own = pc.fill_null(pc.equal(own, listed.word_E), False).to_numpy(zero_copy_only=False)
    length_N = np.bincount(listed.row_E, minlength=len(column))
    yield (
        f"{name}: times",
        np.bincount(listed.row_E, is_own, minlength=len(column)).astype(np.float32),
    )
    place_E = np.arange(len(listed.row_E)) - (np.cumsum(length_N) - length_N)[listed.row_E]
    last_N = np.full(len(column), -1)
    np.maximum.at(last_N, listed.row_E[is_own], place_E[is_own])
    back_N = np.where(last_N >= 0, length_N - last_N, np.nan)
    yield f"{name}: steps back", back_N.astype(np.float32)
