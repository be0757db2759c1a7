"""What a ranker reads: the same two blocks of columns in training and in scoring.

Rankers know columns by their names alone: examples of the lake have those of ``OURS``, a table from
elsewhere (``benchmarks.ranking``) its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from etl.tables.ranking import CATEGORICAL, POSITION, numeric_features, source_features
from training.histories import Histories

NUMERIC: Final = tuple(feature.name for feature in numeric_features())
"""Numeric features in the order of ``Inputs.numeric_NF``'s columns."""
WORDS: Final = CATEGORICAL
"""Features that are words."""
OF_SOURCES: Final = frozenset(feature.name for feature in source_features())
"""Features that say who proposed an item, and at which place."""
SCORED_POSITION: Final = 0.0
"""The place at which every candidate is scored. Where a user looks first says nothing of the item,
yet the policy of the time put what it liked there: a ranker that may read the place need not find
the place's clicks in the items' features. One place for all is then a fair comparison, and the
first makes probabilities of items that are looked at (Guo et al., PAL, RecSys 2019, §3)."""


_COLUMNS_AT_ONCE: Final = 16
"""Numbers that are brought into order together: as many as lie in a line of the cache."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of what is read."""

    numeric: tuple[str, ...]
    """Columns of ``Inputs.numeric_NF``, in their order."""
    words: tuple[str, ...]
    """Keys of ``Inputs.words``."""


def is_of_user(name: str) -> bool:
    """Tell from a feature's name whether it is of the user alone: as all his rows have it."""
    return name == "user" or name.startswith(("user_", "user:"))


class MissingColumnError(ValueError):
    """Rows lack columns that a model was fitted on; the message names them."""


OURS: Final = Layout(NUMERIC, WORDS)
"""Features of ``tables.EXAMPLES``."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """N rows of features, as an example holds them. N rows, F features."""

    numeric_NF: np.ndarray
    """float32, NaN where nothing is known; columns as in ``layout.numeric``."""
    words: Mapping[str, pa.DictionaryArray]
    """For each of ``layout.words`` N strings, null where the log does not say."""
    item_N: np.ndarray
    """int64: item_no. No feature; a ranker may know items by it."""
    layout: Layout = OURS
    """What the columns are."""
    histories: Histories | None = None
    """What the rows' users had done before; None where nobody asked."""

    def __len__(self) -> int:
        return len(self.numeric_NF)

    def taken(self, row_M: np.ndarray) -> "Inputs":
        """Keep some rows, int64, in another order; where there are histories, users' in order."""
        places = pa.array(row_M)
        told = self.histories
        return replace(
            self,
            numeric_NF=self.numeric_NF[row_M],
            words={name: column.take(places) for name, column in self.words.items()},
            item_N=self.item_N[row_M],
            histories=None if told is None else told.read_by(told.of_N[row_M]),
        )

    def require(self, layout: Layout) -> None:
        """Refuse rows without the columns that are read.

        Raises:
            MissingColumnError: With their names.
        """
        gone = [name for name in layout.numeric if name not in self.layout.numeric]
        gone += [name for name in layout.words if name not in self.words]
        if gone:
            raise MissingColumnError(
                f"the model reads {', '.join(gone)}, which the rows lack; they have "
                f"{', '.join((*self.layout.numeric, *self.words))}"
            )

    def at_scored_position(self) -> "Inputs":
        """The same rows, as if every item stood where scoring lets it stand."""
        return self.at_positions(SCORED_POSITION)

    def at_positions(self, position: np.ndarray | float) -> "Inputs":
        """The same rows, as if the items stood at these places, counted from 0: N, or one."""
        if POSITION.name not in self.layout.numeric:
            return self
        numeric_NF = self.numeric_NF.copy()
        numeric_NF[:, self.layout.numeric.index(POSITION.name)] = position
        return replace(self, numeric_NF=numeric_NF)

    def number(self, name: str) -> np.ndarray:
        """View one numeric feature: float32, N; NaN everywhere where there is no such column."""
        if name not in self.layout.numeric:
            return np.full(len(self), np.nan, np.float32)
        return self.numeric_NF[:, self.layout.numeric.index(name)]

    @property
    def position_N(self) -> np.ndarray:
        """Where each item stood, counted from 0: float32, NaN where nobody was shown it."""
        return self.number(POSITION.name)

    @property
    def has_positions(self) -> bool:
        """Whether any row was shown at a known place."""
        return not np.isnan(self.position_N).all()

    def columns(self) -> dict[str, pa.Array]:
        """Write the features as columns of ``tables.EXAMPLES``: null where nothing is known."""
        columns = {name: self.words[name].dictionary_decode() for name in WORDS}
        for number, name in enumerate(NUMERIC):
            values = self.numeric_NF[:, number]
            columns[name] = pa.array(values, mask=np.isnan(values))
        return columns


def from_table(
    rows: pa.Table, order_N: np.ndarray, parts: list[np.ndarray] | None = None
) -> Inputs:
    """Take the features out of rows of ``tables.EXAMPLES``.

    Args:
        rows: The rows.
        order_N: int64: which row stands where; each stands once.
        parts: Their numeric features, in parts (``numbers``) that follow one another as the rows
            do, if the rows have them no more. The list is emptied: of a million rows they are 600
            MB, of which two copies would lie in memory.
    """
    numeric_NF = _together([numbers(rows)] if parts is None else parts, len(order_N))
    for first in range(0, len(NUMERIC), _COLUMNS_AT_ONCE):
        block = numeric_NF[:, first : first + _COLUMNS_AT_ONCE]
        block[:] = block[order_N]
    words = {name: _dictionary(rows.column(name), pa.array(order_N)) for name in WORDS}
    return Inputs(numeric_NF, words, rows.column("item_no").to_numpy()[order_N].astype(np.int64))


def numbers(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Read the numeric features of rows of ``tables.EXAMPLES``: float32, N × F, NaN for null."""
    numeric_NF = np.empty((rows.num_rows, len(NUMERIC)), np.float32)
    for number, name in enumerate(NUMERIC):
        numeric_NF[:, number] = rows.column(name).to_numpy(zero_copy_only=False)
    return numeric_NF


def _together(parts: list[np.ndarray], num_rows: int) -> np.ndarray:
    numeric_NF = np.empty((num_rows, len(NUMERIC)), np.float32)
    while parts:
        part = parts.pop()
        numeric_NF[num_rows - len(part) : num_rows] = part
        num_rows -= len(part)
    return numeric_NF


def _dictionary(column: pa.ChunkedArray, order: pa.Array) -> pa.DictionaryArray:
    whole = column.combine_chunks().take(order)
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
