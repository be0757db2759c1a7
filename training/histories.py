"""What users had done before an evening, as rankers that read sequences are given it.

Belongs here: the shape of histories, and how an evening's are made of what features/user_history
knew of the users and of what was known of the items. Examples and scoring both make them here, so
that neither can read a history differently. Which rows are read stands with whoever reads them.

Shapes: N rows of inputs, H histories, E events of all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import flat_lists, offsets_of, ranges
from etl.features.user_history import NUM_LONG
from training.item_side import WORDS, ItemSide
from training.lookup import taken
from training.user_side import DAY_US, end_of

MAX_EVENTS: Final = NUM_LONG
"""Events of a history at most, the newest. features/user_history keeps some older ones longer, of
whoever did more within a month."""


@dataclass(frozen=True, slots=True)
class Histories:
    """H histories, each newest event first, and which row reads which.

    Rows of one user and one evening share a history: what is worked out of it is worked out once.
    """

    of_N: np.ndarray
    """int64, ascending: each row's history, 0 … H − 1. None may read one."""
    offset_H1: np.ndarray
    """int64, H + 1: the events of history h are those from ``offset_H1[h]`` to before the next."""
    item_E: np.ndarray
    """int64: item_no of what was acted on, as ``Inputs.item_N`` counts it; −1 where it is not known
    which."""
    words: Mapping[str, pa.DictionaryArray]
    """For some of ``Inputs.words`` the same thing of the event's item: E strings, null where it is
    not known."""
    kind_E: np.ndarray
    """int8: what was done (``etl.tables.user_states``'s event codes), 0 where that is not told."""
    age_days_E: np.ndarray
    """float32: days from the event to the evening's end, >= 0; NaN where it is not told."""

    @property
    def num_histories(self) -> int:
        """H."""
        return len(self.offset_H1) - 1

    @property
    def length_H(self) -> np.ndarray:
        """Events of each history: int64."""
        return np.diff(self.offset_H1)

    def read_by(self, of_N: np.ndarray) -> "Histories":
        """The same histories, read by other rows: int64, N, ascending."""
        return replace(self, of_N=of_N)

    def arranged(self, order_Q: np.ndarray) -> "Histories":
        """Some of the histories in another order, each read by a row of its own.

        Args:
            order_Q: int64: which history stands where.
        """
        _, event = ranges(self.offset_H1, order_Q)
        places = pa.array(event)
        return Histories(
            of_N=np.arange(len(order_Q)),
            offset_H1=np.concatenate([[0], np.cumsum(self.length_H[order_Q])]).astype(np.int64),
            item_E=self.item_E[event],
            words={name: column.take(places) for name, column in self.words.items()},
            kind_E=self.kind_E[event],
            age_days_E=self.age_days_E[event],
        )


ReadHistories = Callable[[pa.Array, np.ndarray], Histories]
"""Takes N examples' users, equal ones side by side, and evenings: int64, days of the epoch."""


def of_evening(long: pa.ChunkedArray, *, items: ItemSide, evening: date) -> Histories:
    """Make the histories of some users as they were known on one evening.

    What a clock that was ahead dates after the evening happened at its end, as in the features of
    pairs: the log had it by then.

    Args:
        long: H lists of ``tables.FEATURES_USER_HISTORY`` as of the evening, oldest event first,
            null where a user has none; of an event ``user_side.EVENT_FIELDS`` are read.
        items: The evening's item side, of which ``item_side.named`` is read.
        evening: The day at whose end everything is known.

    Returns:
        H histories, each read by a row of its own.
    """
    row, entries = flat_lists(long)
    offset_H1, event = _newest_first(offsets_of(row, len(long)).astype(np.int64))
    at_E = entries.field("event_at").cast(pa.int64()).to_numpy()[event]
    item_E = entries.field("item_no").to_numpy()[event].astype(np.int64)
    age_E = np.maximum((end_of(evening) - at_E) / DAY_US, 0)
    return Histories(
        of_N=np.arange(len(long)),
        offset_H1=offset_H1,
        item_E=item_E,
        words=_words(items, items.places(item_E)),
        kind_E=entries.field("event_code").to_numpy()[event].astype(np.int8),
        age_days_E=age_E.astype(np.float32),
    )


def nothing() -> Histories:
    """No histories, for no rows."""
    none = np.empty(0, np.int64)
    nobody = pa.array([], pa.string()).dictionary_encode()
    words = {f"item_{name}": nobody for name in WORDS}
    offset_H1 = np.zeros(1, np.int64)
    return Histories(none, offset_H1, none, words, none.astype(np.int8), none.astype(np.float32))


def joined(parts: Sequence[Histories]) -> Histories:
    """Put histories of several evenings, one at least, one behind another.

    Returns:
        All of them, each read by a row of its own.
    """
    length_H = np.concatenate([part.length_H for part in parts])
    return Histories(
        of_N=np.arange(len(length_H)),
        offset_H1=np.concatenate([[0], np.cumsum(length_H)]).astype(np.int64),
        item_E=np.concatenate([part.item_E for part in parts]),
        words={name: _one(part.words[name] for part in parts) for name in parts[0].words},
        kind_E=np.concatenate([part.kind_E for part in parts]),
        age_days_E=np.concatenate([part.age_days_E for part in parts]),
    )


def _newest_first(indptr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn lists round and cut them.

    Args:
        indptr: int64, H + 1: where each list's events lie, oldest first.

    Returns:
        offset_H1: int64: where each history's events will lie.
        event: int64, E: where each of them lies now.
    """
    length_H = np.minimum(np.diff(indptr), MAX_EVENTS)
    offset_H1 = np.concatenate([[0], np.cumsum(length_H)]).astype(np.int64)
    place = np.arange(offset_H1[-1]) - np.repeat(offset_H1[:-1], length_H)
    return offset_H1, np.repeat(indptr[1:] - 1, length_H) - place


def _words(items: ItemSide, place_E: np.ndarray) -> dict[str, pa.DictionaryArray]:
    words = {}
    for name in WORDS:
        code_E = taken(items.codes(name), place_E, otherwise=-1).astype(np.int32)
        indices = pa.array(code_E, mask=code_E < 0)
        words[f"item_{name}"] = pa.DictionaryArray.from_arrays(indices, items.words(name))
    return words


def _one(columns: Iterable[pa.DictionaryArray]) -> pa.DictionaryArray:
    """Write columns of words one behind another in one vocabulary."""
    return pa.chunked_array(list(columns)).unify_dictionaries().combine_chunks()
