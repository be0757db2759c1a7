"""Says lines of older apps in the words of the current version (docs/app-log.md)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast

from etl.sources.app_log import (
    App,
    Item,
    OldItem,
    Shown,
    Type1,
    Type2,
    Type3,
    Version1,
    Version2,
    Version3,
)
from etl.sources.rows import ProblemError
from etl.surfaces import LIVE_STREAMS, named

_TYPES: Final = {"add_to_cart": "cart", "purchase": "order"}
_PRICE: Final = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,2}))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def renewed(old: Version1 | Version2) -> Version3:
    """Say an old line anew.

    Raises:
        ProblemError: If it cannot be said: the reason and what was found.
    """
    return _of_version_1(old) if isinstance(old, Version1) else _of_version_2(old)


def _of_version_2(old: Version2) -> Version3:
    device = old.device
    if old.shown:
        _give_propensities(old.shown, old.propensities)
    return Version3(
        id=old.id,
        type=_type(old.type),
        at=_ms(old.time),
        user=old.user,
        session=old.session,
        app=App(device.country, device.os, device.lang) if device is not None else None,
        surface=old.surface,
        request=old.request,
        position=old.position,
        first_position=old.first_position,
        shown=old.shown,
        item=_item(old.item) if old.item is not None else None,
        price_cents=_cents(old.price),
        quantity=old.quantity,
        watch_ms=old.watch_ms,
        query=old.query,
        comment=old.comment,
        host=old.host,
    )


def _of_version_1(old: Version1) -> Version3:
    shown = None if old.shown is None else _slate(old, old.shown)
    return Version3(
        id=old.id,
        type=_type(old.event),
        at=None if old.ts is None else old.ts * 1_000,
        user=old.uid,
        session=old.sid,
        app=App(old.country, old.platform, old.language),
        surface=old.surface,
        request=old.req,
        position=old.pos if shown is None else None,
        first_position=old.pos,
        shown=shown,
        item=_flat_item(old),
        price_cents=old.price_cents,
        quantity=old.quantity,
        watch_ms=old.watch_ms,
        query=old.query,
        comment=old.comment,
        host=old.host,
    )


def _type(word: Type1 | Type2 | None) -> Type3 | None:
    return cast("Type3 | None", _TYPES.get(word, word) if word is not None else None)


def _ms(text: str | None) -> int | None:
    """Read a time with its zone: milliseconds of the epoch, what is finer cut off."""
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, TypeError) as error:
        raise ProblemError("bad_time", f"{text[:40]!r} is no ISO 8601 with Z") from error
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def _cents(text: str | None) -> int | None:
    """Read a price in units."""
    if text is None:
        return None
    found = _PRICE.fullmatch(text)
    if found is None:
        raise ProblemError("bad_value", f"price {text[:40]!r}; one is written like '19.99'")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _item(old: OldItem) -> Item:
    return Item(
        type=old.type,
        id=old.id,
        host=old.host,
        started_at=old.started_at,
        weekday=old.weekday,
        hour=old.hour,
        title=old.title,
        text=old.text,
        category=old.category,
        brand=old.brand,
        seller=old.seller,
        stock=old.stock,
        duration_ms=old.duration_ms,
        products=old.products,
        price_cents=_cents(old.price),
    )


def _flat_item(old: Version1) -> Item | None:
    if old.item_type is None and old.item_id is None:
        return None
    started_at = None if old.room_started is None else old.room_started * 1_000
    return Item(type=old.item_type, id=old.item_id, host=old.room_host, started_at=started_at)


def _slate(old: Version1, ids: Sequence[str]) -> list[Shown]:
    """Items of the surface's type; the oldest apps have no live streams."""
    if old.surface is None or old.surface == LIVE_STREAMS.name:
        raise ProblemError("unknown_surface", f"a slate of version 1 on surface {old.surface!r}")
    item_type = named(old.surface).item_type
    shown = [Shown(type=item_type, id=one) for one in ids]  # type: ignore[arg-type]
    _give_propensities(shown, old.propensities)
    return shown


def _give_propensities(shown: Sequence[Shown], propensities: Sequence[float] | None) -> None:
    """Put the propensities that stand beside a slate to its items."""
    if propensities is None:
        return
    if len(propensities) != len(shown):
        said = f"{len(propensities)} propensities of {len(shown)} items"
        raise ProblemError("bad_value", said)
    for one, propensity in zip(shown, propensities, strict=True):
        one.p = propensity
