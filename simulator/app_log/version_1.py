"""Lines of version 1 of the app's log, of the oldest apps: flat, ASCII texts (docs/app-log.md)."""

from typing import Final

import numpy as np
import pyarrow as pa

from etl import surfaces
from simulator.app_log import said
from simulator.app_log.pieces import (
    field,
    integers,
    joined,
    lists,
    scattered,
    table,
    taken,
    whole,
)
from simulator.app_log.said import Part, Shown
from simulator.app_log.version_2 import TYPES, propensities

VERSION: Final = 1
_ITEM_TYPES: Final = table(*(f'"{name}"' for name in surfaces.ITEM_TYPES))
_TIME_STARTS: Final = table(',"ts":', ',"ts":{"s":')
_TIME_ENDS: Final = table("", "}")


def lines(part: Part) -> pa.LargeBinaryArray:
    """Write a line an event; there are no catalogue lines among them."""
    shown = said.shown(part)
    return joined(
        b'{"v":1,"id":"',
        said.event_id(part),
        b'","event":',
        TYPES.take(pa.array(part.of(part.day.type_E))),
        _time(part),
        field("uid", said.user(part)),
        field("sid", said.session(part)),
        taken(part.spelled.flat, said.app_user(part)),
        field("surface", said.surface(part)),
        field("req", said.request(part)),
        field("pos", said.first_position(part)),
        field("pos", said.position(part)),
        _ids(part, shown),
        propensities(part, shown),
        _item(part),
        field("price_cents", integers(part.of(part.day.price_cents_E))),
        field("quantity", said.quantity(part)),
        field("watch_ms", said.watch_ms(part)),
        field("query", said.words(part, said.SEARCH, is_ascii=True)),
        field("comment", said.words(part, said.COMMENT, is_ascii=True)),
        field("host", said.host(part)),
        b"}\n",
    )


def _time(part: Part) -> pa.LargeBinaryArray:
    form_V = said.is_time_in_object(part).astype(np.int8)
    seconds = integers(said.at_us(part) // 1_000_000)
    return whole(taken(_TIME_STARTS, form_V), seconds, taken(_TIME_ENDS, form_V))


def _item(part: Part) -> pa.LargeBinaryArray:
    item_V = part.of(part.day.item_E)
    types = taken(_ITEM_TYPES.take(pa.array(part.spelled.names.item_type_N)), item_V)
    ids = taken(part.spelled.item, item_V)
    return whole(field("item_type", types), field("item_id", ids))


def _ids(part: Part, shown: Shown) -> pa.LargeBinaryArray:
    """Write each impression's field ``shown``; null elsewhere."""
    ids = taken(part.spelled.item, shown.item_I)
    return scattered(lists("shown", ids, shown.start_R), shown.row_R, len(part.event_V))
