"""What the users of a table's rows had done before: its lists, or where it has none its own past.

A list that holds items, or words of a column, is a history, oldest first; lists that are as long as
one another in every row say of the same events what they were. Of a table without such lists the
history is what the user did positively in blocks before, as all features here are of what came
before a row's block: no row reads its own label, none that is judged another judged one's.

Shapes: N rows of the table, M rows that are read, E events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.ranking_features import ITEM, columns_of, kinds, words_of_items
from benchmarks.ranking_files import Listed, Rows
from etl.arrow import run_starts
from training.histories import Histories

_MOST: Final = 1_000
"""Newest events of a history."""
_US_A_DAY: Final = 86_400_000_000
_MOST_KINDS: Final = 8


class Past(Protocol):
    """Gives rows their histories."""

    def of(self, row_M: np.ndarray) -> Histories:
        """Histories of rows of one block that are sorted by user."""
        ...


def of_table(rows: Rows, block_N: np.ndarray) -> Past:
    """Say what the histories of a table's rows are.

    Args:
        rows: The table.
        block_N: int64, ascending: rows of a block read the blocks before.
    """
    columns = columns_of(rows)
    words_I = words_of_items(rows, columns)
    found: list[_Group] = []
    for listed in _together(rows.lists):
        group = _Group.of(listed, rows, columns, words_I)
        found += [group] if group is not None else []
    if not found:
        return _Positives.found(rows, block_N, words_I)
    names = sorted({name for group in found for name in group.words})
    return _Lists(tuple(found), tuple(names))


def _together(lists: Mapping[str, Listed]) -> list[list[Listed]]:
    """Lists that are as long as one another in every row, each with its likes."""
    found: list[list[Listed]] = []
    for listed in lists.values():
        alike = [one for one in found if np.array_equal(one[0].row_E, listed.row_E)]
        if alike:
            alike[0].append(listed)
        else:
            found.append([listed])
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    """Events of every row, oldest first."""

    offset_N1: np.ndarray
    item_E: np.ndarray
    """int32, −1 where it is not known."""
    words: Mapping[str, pa.DictionaryArray]

    @classmethod
    def of(
        cls,
        listed: list[Listed],
        rows: Rows,
        columns: Mapping[str, pa.StringArray],
        words_I: Mapping[str, pa.StringArray],
    ) -> "_Group | None":
        """Read lists of the same events; None where they are neither of items nor of words."""
        item_E: pa.Array | None = None
        words: dict[str, pa.StringArray] = {}
        for one in listed:
            likeliest = kinds(one, columns)[:1]
            if ITEM in likeliest and item_E is None:
                item_E = pc.index_in(one.word_E, value_set=rows.item_names)
            words |= {name: one.word_E for name in likeliest if name != ITEM}
        if item_E is not None:
            words = {name: word_I.take(item_E) for name, word_I in words_I.items()} | words
        elif not words:
            return None
        row_E = listed[0].row_E
        offset_N1 = np.searchsorted(row_E, np.arange(len(rows) + 1))
        unknown_E = np.full(len(row_E), -1, np.int32)
        return cls(
            offset_N1,
            unknown_E if item_E is None else pc.fill_null(item_E, -1).to_numpy(),
            {name: word_E.dictionary_encode() for name, word_E in words.items()},
        )

    def newest(self, row_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Events of rows, newest first: how many each has, and int64 where they lie."""
        stop_M = self.offset_N1[row_M + 1]
        length_M = np.minimum(stop_M - self.offset_N1[row_M], _MOST)
        return length_M, _counted(stop_M - 1, length_M, step=-1)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Histories that rows have themselves; events of the first lists come first."""

    groups: tuple[_Group, ...]
    names: tuple[str, ...]

    def of(self, row_M: np.ndarray) -> Histories:
        """Histories of rows: each has its own."""
        found = [group.newest(row_M) for group in self.groups]
        lengths_GM = np.stack([length_M for length_M, _ in found])
        of_event = np.concatenate([np.repeat(np.arange(len(row_M)), own) for own in lengths_GM])
        order_E = np.argsort(of_event, kind="stable")
        items = [group.item_E[at] for group, (_, at) in zip(self.groups, found, strict=True)]
        kind = [
            np.full(len(at), min(number, _MOST_KINDS), np.int8)
            for number, (_, at) in enumerate(found, start=1)
        ]
        return Histories(
            np.arange(len(row_M)),
            np.append(0, lengths_GM.sum(0).cumsum()),
            np.concatenate(items).astype(np.int64)[order_E],
            {name: self._words(name, found, order_E) for name in self.names},
            np.concatenate(kind)[order_E],
            np.full(len(order_E), np.nan, np.float32),
        )

    def _words(
        self, name: str, found: list[tuple[np.ndarray, np.ndarray]], order_E: np.ndarray
    ) -> pa.DictionaryArray:
        parts = [
            group.words[name].take(pa.array(at)).dictionary_decode()
            if name in group.words
            else pa.nulls(len(at), pa.string())
            for group, (_, at) in zip(self.groups, found, strict=True)
        ]
        return pa.concat_arrays(parts).take(pa.array(order_E)).dictionary_encode()


@dataclass(frozen=True, slots=True)
class _Positives:
    """What users did positively, by user, newest first."""

    rows: Rows
    block_N: np.ndarray
    names: tuple[str, ...]
    row_E: np.ndarray
    """int64: where each was done."""

    @classmethod
    def found(
        cls, rows: Rows, block_N: np.ndarray, words_I: Mapping[str, pa.StringArray]
    ) -> "_Positives":
        """Find them."""
        first = next(iter(rows.labels.values()))
        row_E = np.flatnonzero(np.nan_to_num(first.astype(np.float32)) > 0)
        order = np.lexsort((-row_E, rows.user_N[row_E]))
        return cls(rows, block_N, tuple(words_I), row_E[order])

    def of(self, row_M: np.ndarray) -> Histories:
        """Histories of rows: one a user."""
        user_M = self.rows.user_N[row_M]
        starts_M = run_starts(user_M)
        user_H, block = user_M[starts_M], self.block_N[row_M[0]] if len(row_M) else 0
        before_E = self.row_E[self.block_N[self.row_E] < block]
        first_H = np.searchsorted(self.rows.user_N[before_E], user_H)
        stop_H = np.searchsorted(self.rows.user_N[before_E], user_H, side="right")
        length_H = np.minimum(stop_H - first_H, _MOST)
        at_E = before_E[_counted(first_H, length_H, step=1)]
        labels = [np.nan_to_num(one[at_E].astype(np.float32)) for one in self.rows.labels.values()]
        kind_E = np.minimum(sum((one > 0).astype(np.int8) for one in labels), _MOST_KINDS)
        return Histories(
            np.cumsum(starts_M) - 1,
            np.append(0, length_H.cumsum()),
            self.rows.item_N[at_E],
            {name: self.rows.words[name].take(pa.array(at_E)) for name in self.names},
            np.asarray(kind_E, np.int8),
            self._age_days(at_E, block),
        )

    def _age_days(self, at_E: np.ndarray, block: int) -> np.ndarray:
        if not self.rows.is_dated:
            return np.full(len(at_E), np.nan, np.float32)
        evening = self.rows.time_N[np.searchsorted(self.block_N, block)]
        return ((evening - self.rows.time_N[at_E]) / _US_A_DAY).astype(np.float32)


def _counted(first_M: np.ndarray, length_M: np.ndarray, *, step: int) -> np.ndarray:
    """Count up, or down, from each first number, so many times: int64."""
    before_M = np.cumsum(length_M) - length_M
    place_E = np.arange(int(length_M.sum())) - np.repeat(before_M, length_M)
    return np.repeat(first_M, length_M) + step * place_E
