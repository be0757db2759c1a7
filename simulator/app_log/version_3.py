"""Lines of version 3 of the app's log, the current one (docs/app-log.md)."""

from typing import Final

import numpy as np
import pyarrow as pa

from simulator.app_log import dirt, said
from simulator.app_log.catalogue import catalogue_items
from simulator.app_log.pieces import decimals, field, integers, joined, table, taken, where, whole
from simulator.app_log.references import event_items, shown_items
from simulator.app_log.said import Part
from simulator.day import EVENT_TYPES

VERSION: Final = 3
_TYPES: Final = table(*(f'"{name}"' for name in EVENT_TYPES))
_PLAIN, _IN_OBJECT, _RENAMED = range(3)
_TIME_STARTS: Final = table(',"at":', ',"at":{"ms":', ',"timestamp":')
_TIME_ENDS: Final = table("", "}", "")
_EXTRA: Final = table(
    ',"network":{"type":"wifi","rtt_ms":34,"hops":[1,2.5,null]}',
    ',"experiments":["résumé-β",{"id":"“home”","arm":true}]',
)


def lines(part: Part) -> pa.LargeBinaryArray:
    """Write a line an event."""
    price = field("price_cents", integers(part.of(part.day.price_cents_E)))
    return joined(
        b'{"v":3,"id":"',
        said.event_id(part),
        b'","type":',
        _TYPES.take(pa.array(part.of(part.day.type_E))),
        _time(part),
        field("user", said.user(part)),
        field("session", said.session(part)),
        taken(part.spelled.app, said.app_user(part)),
        field("surface", said.surface(part)),
        field("request", said.request(part)),
        field("first_position", said.first_position(part)),
        field("position", said.position(part)),
        _shown(part),
        field("item", event_items(part)),
        field("item", catalogue_items(part, price)),
        where(price, ~part.is_catalogue()),
        field("quantity", said.quantity(part)),
        field("watch_ms", said.watch_ms(part)),
        field("query", said.words(part, said.SEARCH)),
        field("comment", said.words(part, said.COMMENT)),
        field("host", said.host(part)),
        _extra(part),
        b"}\n",
    )


def _time(part: Part) -> pa.LargeBinaryArray:
    form_V = np.where(said.is_time_in_object(part), _IN_OBJECT, _PLAIN)
    form_V = np.where(part.is_kind(dirt.RENAMED), _RENAMED, form_V)
    digits = pa.array(said.at_us(part) // 1_000).cast(pa.large_string()).cast(pa.large_binary())
    return whole(taken(_TIME_STARTS, form_V), digits, taken(_TIME_ENDS, form_V))


def _shown(part: Part) -> pa.LargeBinaryArray:
    shown = said.shown(part)
    return shown_items(part, shown, decimals(shown.propensity_I, b',"p":', b"}"))


def _extra(part: Part) -> pa.LargeBinaryArray:
    place = np.where(said.has_extra(part), part.event_V % len(_EXTRA), -1)
    return taken(_EXTRA, place)
