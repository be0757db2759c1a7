"""Reads the lines of the app's log into columns; no rows are made in between, which costs more.

What a line can say depends on what it is: acts of users, changes of the catalogue and slates each
fill columns of their own.
"""

from collections.abc import Callable, Sequence
from itertools import chain, compress, repeat
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import arrow_schema
from etl.silver.app_line import read
from etl.silver.verdict import Columns, Events, Judged, Rejected, rejected
from etl.sources.app_log import App, Item, Line
from etl.sources.rows import ProblemError
from etl.tables import SILVER_EVENTS

_NO_APP: Final = App()
_TYPES: Final = {field.name: field.type for field in arrow_schema(SILVER_EVENTS.schema)}
_SLATE: Final = "impression"
_CHANGE: Final = "item"


def judged(lines: pa.RecordBatch) -> Judged:
    """Read rows of ``tables.BRONZE_LINES`` of the app's log."""
    said: list[Line] = []
    refused: dict[int, Rejected] = {}
    arrived = lines.column("arrival_at").cast(pa.int64()).to_pylist()
    for place, text in enumerate(lines.column("line").to_pylist()):
        try:
            said.append(read(text, arrived[place]))
        except ProblemError as problem:
            refused[place] = rejected(text, (problem.reason, problem.detail))
    return Judged(_events(said, np.delete(np.arange(len(arrived)), list(refused))), refused)


def _events(said: list[Line], place: np.ndarray) -> list[Events]:
    """Put each kind of lines into its columns."""
    is_slate, is_change = (
        np.array([line.type == kind for line in said], bool) for kind in (_SLATE, _CHANGE)
    )
    kinds: tuple[tuple[np.ndarray, Callable[[Sequence[Line]], Columns]], ...] = (
        (~is_slate & ~is_change, _acts),
        (is_slate, _slates),
        (is_change, _changes),
    )
    return [
        Events(place[is_kind], columns_of(list(compress(said, is_kind.tolist()))))
        for is_kind, columns_of in kinds
        if is_kind.any()
    ]


def _acts(said: Sequence[Line]) -> Columns:
    items: list[Item] = [line.item for line in said]  # type: ignore[misc]
    host = [line.host or item.host for line, item in zip(said, items, strict=True)]
    return _common(said) | _typed(
        {
            "item_type": [item.type for item in items],
            "item_id": [item.id for item in items],
            "host_id": host,
            "position": [line.position for line in said],
            "quantity": [line.quantity for line in said],
            "watch_ms": [line.watch_ms for line in said],
            "price_cents": [line.price_cents for line in said],
            "query": [line.query for line in said],
            "comment": [line.comment for line in said],
        }
    )


def _slates(said: Sequence[Line]) -> Columns:
    items: list[Item] = [line.item for line in said]  # type: ignore[misc]
    item_type = _typed({"item_type": [item.type for item in items]})
    return _common(said) | item_type | {"shown": _shown(said)}


def _changes(said: Sequence[Line]) -> Columns:
    items: list[Item] = [line.item for line in said]  # type: ignore[misc]
    return _common(said) | _typed(
        {
            "item_type": [item.type for item in items],
            "item_id": [item.id for item in items],
            "title": [item.title for item in items],
            "text": [item.text for item in items],
            "category": [item.category for item in items],
            "brand": [item.brand for item in items],
            "seller_id": [item.seller for item in items],
            "price_cents": [item.price_cents for item in items],
            "stock": [item.stock for item in items],
            "duration_ms": [item.duration_ms for item in items],
            "host_id": [item.host for item in items],
            "product_ids": [item.products for item in items],
        }
    )


def _common(said: Sequence[Line]) -> dict[str, pa.Array]:
    apps = [line.app or _NO_APP for line in said]
    at_ms = pa.array([line.at for line in said], pa.int64())
    return {"event_us": pc.multiply(at_ms, 1_000)} | _typed(
        {
            "event_id": [line.id for line in said],
            "event_type": [line.type for line in said],
            "user_id": [line.user for line in said],
            "surface": [line.surface for line in said],
            "session_id": [line.session for line in said],
            "request_id": [line.request for line in said],
            "country": [app.country for app in apps],
            "platform": [app.platform for app in apps],
            "language": [app.language for app in apps],
        }
    )


def _typed(columns: dict[str, list]) -> dict[str, pa.Array]:
    return {name: pa.array(values, _TYPES[name]) for name, values in columns.items()}


def _shown(said: Sequence[Line]) -> pa.ListArray:
    """Lay slates one behind another."""
    slates: list[list[str]] = [line.shown for line in said]  # type: ignore[misc]
    length = np.array([len(slate) for slate in slates])
    end = np.cumsum(length)
    first = np.array([line.first_position or 0 for line in said])
    position = np.arange(end[-1]) + np.repeat(first - end + length, length)
    chances = (line.propensities or repeat(None, len(line.shown or ())) for line in said)
    columns = [
        pa.array(position, pa.int32()),
        pa.array(list(chain.from_iterable(slates)), pa.string()),
        pa.array(list(chain.from_iterable(chances)), pa.float64()),
    ]
    kind = _TYPES["shown"]
    elements = pa.StructArray.from_arrays(columns, fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(np.r_[0, end], pa.int32()), elements, kind)
