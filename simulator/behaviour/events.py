"""Puts a day's events together: parts made by each behaviour, one table in the order of time.

Shapes: E events, of a part or of the day.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.day import EVENT_TYPES, NONE

Part = dict[str, np.ndarray]
"""Columns of one kind of events; what is absent is ``NONE``, or False. Texts are Arrow arrays."""

_TYPES: Final = {
    "at_ms": np.int64,
    "type": np.int8,
    "user": np.int32,
    "session": np.int64,
    "surface": np.int8,
    "request": np.int64,
    "position": np.int32,
    "item": np.int32,
    "room": np.int32,
    "host": np.int32,
    "price_cents": np.int64,
    "stock": np.int64,
    "quantity": np.int32,
    "watch_ms": np.int64,
    "cause_day": np.int32,
    "cause_request": np.int64,
}


def part(kind: str, at_ms: np.ndarray, **columns: np.ndarray) -> Part:
    """Make events of one kind.

    Args:
        kind: One of ``EVENT_TYPES``.
        at_ms: int64, E, milliseconds of the day.
        columns: Any of ``Day``'s columns, without suffix; ``text`` and ``is_new_item`` too.
    """
    code = np.full(len(at_ms), EVENT_TYPES.index(kind), np.int8)
    return {"at_ms": at_ms, "type": code, **columns}


def taken(events: Part, place: np.ndarray) -> Part:
    """Take some of a part's rows: all its columns at these places."""
    return {name: column[place] for name, column in events.items()}


def merged(parts: Sequence[Part]) -> tuple[Part, pa.StringArray]:
    """Order all parts by time, ties in the order given.

    Returns:
        columns: every column, E.
        text: E; null where there is none.
    """
    lengths = [len(one["at_ms"]) for one in parts]
    at_ms = np.concatenate([one["at_ms"] for one in parts])
    order = np.argsort(at_ms, kind="stable")
    columns = {
        name: _column(parts, name, lengths, np.dtype(kind))[order] for name, kind in _TYPES.items()
    }
    columns["is_new_item"] = np.concatenate(
        [
            one.get("is_new_item", np.zeros(num, bool))
            for one, num in zip(parts, lengths, strict=True)
        ]
    )[order]
    return columns, _texts(parts, lengths, order)


def _column(parts: Sequence[Part], name: str, lengths: Sequence[int], kind: np.dtype) -> np.ndarray:
    whole = np.full(sum(lengths), NONE, kind)
    ends = np.cumsum(lengths)
    for one, num, end in zip(parts, lengths, ends, strict=True):
        if name in one:
            whole[end - num : end] = one[name]
    return whole


def _texts(parts: Sequence[Part], lengths: Sequence[int], order: np.ndarray) -> pa.StringArray:
    """Lay the few texts out over all events."""
    texts, places, end = [pa.array([], pa.string())], [], 0
    for one, num in zip(parts, lengths, strict=True):
        if "text" in one:
            texts.append(one["text"])
            places.append(np.arange(end, end + num))
        end += num
    row = np.full(end, NONE, np.int64)
    if places:
        row[np.concatenate(places)] = np.arange(sum(map(len, places)))
    row = row[order]
    return pc.take(pa.concat_arrays(texts), pa.array(row, mask=row == NONE))
