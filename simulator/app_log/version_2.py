"""Lines of version 2 of the app's log, of last year's apps (docs/app-log.md)."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.app_log import said
from simulator.app_log.arrivals import DAY_US
from simulator.app_log.catalogue import catalogue_items
from simulator.app_log.pieces import (
    BINARY,
    decimals,
    field,
    joined,
    lists,
    scattered,
    table,
    taken,
    units,
    where,
    whole,
)
from simulator.app_log.references import event_items, shown_items
from simulator.app_log.said import Part, Shown
from simulator.day import EVENT_TYPES

VERSION: Final = 2
WORDS: Final = {"order": "purchase", "cart": "add_to_cart"}
"""Types that versions 1 and 2 call otherwise."""
TYPES: Final = table(*(f'"{WORDS.get(name, name)}"' for name in EVENT_TYPES))
_PAIRS: Final = table(*(f"{number:02}" for number in range(60)))
_THOUSANDS: Final = table(*(f"{number:03}" for number in range(1_000)))
_TIME_STARTS: Final = table(',"time":"', ',"time":{"iso":"')
_TIME_ENDS: Final = table('Z"', 'Z"}')
_NULL: Final = pa.scalar(b"null", BINARY)


def lines(part: Part) -> pa.LargeBinaryArray:
    """Write a line an event."""
    shown = said.shown(part)
    price = field("price", units(part.of(part.day.price_cents_E)))
    return joined(
        b'{"v":2,"id":"',
        said.event_id(part),
        b'","type":',
        TYPES.take(pa.array(part.of(part.day.type_E))),
        _time(part),
        field("user", said.user(part)),
        field("session", pc.coalesce(said.session(part), _NULL)),
        taken(part.spelled.device, said.app_user(part)),
        field("surface", said.surface(part)),
        field("request", said.request(part)),
        field("first_position", said.first_position(part)),
        field("position", said.position(part)),
        shown_items(part, shown, b"}"),
        propensities(part, shown),
        field("item", event_items(part)),
        field("item", catalogue_items(part, price)),
        where(price, ~part.is_catalogue()),
        field("quantity", said.quantity(part)),
        field("watch_ms", said.watch_ms(part)),
        field("query", said.words(part, said.SEARCH)),
        field("comment", said.words(part, said.COMMENT)),
        field("host", said.host(part)),
        b"}\n",
    )


def propensities(part: Part, shown: Shown) -> pa.LargeBinaryArray:
    """Write each impression's field ``propensities``; null elsewhere."""
    numbers = lists("propensities", decimals(shown.propensity_I), shown.start_R)
    return scattered(numbers, shown.row_R, len(part.event_V))


def iso(at_us: np.ndarray) -> pa.LargeBinaryArray:
    """Write instants to the millisecond, without a zone."""
    days, day_place = np.unique(at_us // DAY_US, return_inverse=True)
    dates = table(*(str(np.datetime64(int(day), "D")) for day in days))
    seconds = at_us // 1_000_000
    return whole(
        taken(dates, day_place),
        b"T",
        taken(_PAIRS, seconds // 3_600 % 24),
        b":",
        taken(_PAIRS, seconds // 60 % 60),
        b":",
        taken(_PAIRS, seconds % 60),
        b".",
        taken(_THOUSANDS, at_us // 1_000 % 1_000),
    )


def _time(part: Part) -> pa.LargeBinaryArray:
    form_V = said.is_time_in_object(part).astype(np.int8)
    at = iso(said.at_us(part))
    return whole(taken(_TIME_STARTS, form_V), at, taken(_TIME_ENDS, form_V))
