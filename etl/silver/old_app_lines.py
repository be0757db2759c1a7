"""Turns lines of older apps into what the current version says (docs/app-log.md).

A line is changed in place: its attributes are called as in version 3 already, so that only values
written in other ways are left to do.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from etl.sources.app_log import App, Item, Line, Line1, Line2
from etl.sources.rows import ProblemError
from etl.surfaces import LIVE_STREAMS, named

_TYPES: Final = {"add_to_cart": "cart", "purchase": "order"}
_PRICE: Final = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,2}))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def renew_2(line: Line2) -> None:
    """Renew a line of version 2.

    Raises:
        ProblemError: If it cannot be: the reason and what was found.
    """
    at_ms = None if line.at is None else (line.at - _EPOCH) // _MILLISECOND
    _renew(line, at_ms=at_ms, price_cents=_cents(line.price_cents))
    if line.item is not None:
        _price(line.item, line.item.price_cents)


def renew_1(line: Line1) -> None:
    """Renew a line of version 1.

    Raises:
        ProblemError: If it cannot be: the reason and what was found.
    """
    at_ms = None if line.at is None else line.at * 1_000
    _renew(line, at_ms=at_ms, price_cents=line.price_cents)
    line.app = App(line.country, line.platform, line.language)
    line.item = _item(line)
    if line.type == "impression":
        line.first_position, line.position = line.position, None


def _renew(line: Line, *, at_ms: int | None, price_cents: int | None) -> None:
    line.at, line.price_cents = at_ms, price_cents
    if line.type in _TYPES:
        line.type = _TYPES[line.type]


def _price(item: Item, text: str | None) -> None:
    item.price_cents = _cents(text)


def _cents(text: str | None) -> int | None:
    """Read a price in units."""
    if text is None:
        return None
    found = _PRICE.fullmatch(text)
    if found is None:
        raise ProblemError("bad_value", f"price {text[:40]!r}; one is written like '19.99'")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _item(line: Line1) -> Item | None:
    if line.item_type is None and line.item_id is None:
        return None
    started_at = None if line.room_started is None else line.room_started * 1_000
    return Item(line.item_type, line.item_id, line.room_host, started_at)


def slate_of_surface(line: Line1) -> str:
    """Say of what type a slate's items are: its surface's; the oldest apps have no live streams.

    Raises:
        ProblemError: If the surface does not say.
    """
    if line.surface is None or line.surface == LIVE_STREAMS.name:
        raise ProblemError("unknown_surface", f"a slate of version 1 on surface {line.surface!r}")
    return named(line.surface).item_type
