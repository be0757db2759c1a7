"""Reads one line of the app's own log, of any version (docs/app-log.md).

Types, ranges and closed lists are checked by the decoder; here is checked what an event needs. A
live room becomes its live slot: no room's id goes further than this file.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from etl.live_slots import WEEKDAYS, slot_named, slot_of
from etl.silver.old_app_lines import renewed
from etl.silver.verdict import (
    WITHOUT_ITEM,
    WITHOUT_USER,
    Problem,
    Slate,
    Verdict,
    id_of,
    misdated,
    rejected,
    unreadable,
)
from etl.sources.app_log import App, Item, Reference, Shown, Version1, Version2, Version3
from etl.sources.rows import ProblemError
from etl.surfaces import LIVE_STREAMS
from etl.tables.silver import CATALOGUE_COLUMNS

_DECODER: Final = msgspec.json.Decoder(Version1 | Version2 | Version3)
_ENUM_REASONS: Final = {
    "$.type": "unknown_event",
    "$.event": "unknown_event",
    "$.surface": "unknown_surface",
}
_OUT_OF_RANGE: Final = re.compile(r"Expected `(\w+)` (?:of length )?[<>]|Number out of range")
_ROOM: Final = "live_room"
_SLOT: Final = LIVE_STREAMS.item_type
_NOBODY: Final = App()
_NO_CATALOGUE: Final = (None,) * len(CATALOGUE_COLUMNS)

What = tuple[str | None, str | None, tuple, Slate | None]
"""Item type, item, values of ``CATALOGUE_COLUMNS``, slate."""


def read(line: bytes, *, source: str, arrival_us: int) -> Verdict:
    """Read one line of the app's log.

    Args:
        line: Its bytes, without the newline.
        source: The log it is of.
        arrival_us: When it reached us, microseconds of the epoch.
    """
    try:
        said = _decoded(line)
        _require_complete(said, arrival_us)
        event = _event(said, said.id or id_of(source, line))
    except ProblemError as problem:
        return rejected(line, problem.reason, problem.detail)
    return Verdict(event, None, None, None)


def _decoded(line: bytes) -> Version3:
    try:
        said = _DECODER.decode(line)
        if not line.isascii():
            line.decode()  # What the decoder passes over it does not look at.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(*(unreadable(line) or _unfit(str(error)))) from error
    return said if type(said) is Version3 else renewed(said)


def _unfit(said: str) -> Problem:
    """Name the reason for which msgspec refused a value, by its words and the value's path."""
    what, _, path = said.rstrip("`").partition(" - at `")
    if what.startswith("Invalid enum value"):
        return _ENUM_REASONS.get(path, "bad_value"), said
    out_of_range = _OUT_OF_RANGE.match(what)
    if out_of_range:
        return ("id_too_long" if out_of_range[1] == "str" else "bad_value"), said
    return "wrong_type", said


def _require_complete(said: Version3, arrival_us: int) -> None:
    if said.type is None:
        raise ProblemError("missing_event", "no event type")
    if said.at is None:
        raise ProblemError("missing_time", "no event time")
    if not said.user and said.type not in WITHOUT_USER:
        raise ProblemError("missing_user", f"a {said.type} without a user")
    if said.type == "follow" and not said.host:
        raise ProblemError("missing_item", "a follow without the host")
    problem = misdated(said.at * 1_000, arrival_us)
    if problem is not None:
        raise ProblemError(*problem)


def _event(said: Version3, event_id: str) -> tuple:
    """Values of ``FIELDS``."""
    item_type, item_id, catalogue, slate = _what(said)
    app = said.app or _NOBODY
    return (
        event_id,
        said.type,
        (said.at or 0) * 1_000,
        said.user,
        item_type,
        item_id,
        said.surface,
        said.session,
        said.request,
        said.position,
        None,
        said.quantity,
        said.watch_ms,
        said.query,
        said.comment,
        app.country,
        app.platform,
        app.language,
        *catalogue,
        slate,
    )


def _what(said: Version3) -> What:
    if said.type == "impression":
        return _slate(said)
    return _change(said) if said.type == "item" else _act(said)


def _act(said: Version3) -> What:
    """What a user did something to, for how much, or whom he follows."""
    if said.item is None:
        if said.type not in WITHOUT_ITEM:
            raise ProblemError("missing_item", f"a {said.type} without an item")
        return None, None, _of_act(said.price_cents, said.host), None
    item_type, item_id, host = _item(said.item)
    return item_type, item_id, _of_act(said.price_cents, said.host or host), None


def _of_act(price_cents: int | None, host: str | None) -> tuple:
    return (None, None, None, None, None, price_cents, None, None, host, None)


def _item(named: Reference) -> tuple[str, str, str | None]:
    """Item type, item and host; a room's slot stands for it."""
    item_type = named.type
    if item_type == _ROOM:
        return _SLOT, _slot(named), named.host
    if item_type == _SLOT:
        raise ProblemError("bad_value", "a live slot where a room belongs")
    if item_type is None or not named.id:
        raise ProblemError("missing_item", f"an item of type {item_type} and id {named.id!r}")
    return item_type, named.id, None


def _slot(room: Reference) -> str:
    if not room.host or room.started_at is None:
        raise ProblemError("missing_item", "a live room without host or started_at")
    return slot_of(room.host, room.started_at * 1_000)


def _change(said: Version3) -> What:
    """What a catalogue line says of its item."""
    item = said.item
    if item is None:
        raise ProblemError("missing_item", "a catalogue line without an item")
    item_type, item_id = _described(item)
    catalogue = (
        item.title,
        item.text,
        item.category,
        item.brand,
        item.seller,
        item.price_cents,
        item.stock,
        item.duration_ms,
        item.host,
        item.products,
    )
    return item_type, item_id, catalogue, None


def _described(item: Item) -> tuple[str, str]:
    if item.type == _ROOM:
        raise ProblemError("bad_value", "a catalogue line of a room; it is of a live slot")
    if item.type != _SLOT:
        return _item(item)[:2]
    if not item.host or item.weekday is None or item.hour is None:
        raise ProblemError("missing_item", "a live slot without host, weekday or hour")
    weekday = WEEKDAYS.index(item.weekday)
    return _SLOT, slot_named(item.host, weekday=weekday, hour=item.hour)


def _slate(said: Version3) -> What:
    """What a request showed: items of one type."""
    shown = said.shown
    if not shown:
        raise ProblemError("missing_item", "an impression that shows nothing")
    item_types = {one.type for one in shown}
    if len(item_types) > 1:
        raise ProblemError("bad_value", "a slate of items of several types")
    slate = Slate(said.first_position or 0, _ids(shown), [one.p for one in shown])
    item_type = _item(shown[0])[0]
    return item_type, None, _NO_CATALOGUE, slate


def _ids(shown: Sequence[Shown]) -> list[str]:
    if shown[0].type == _ROOM:
        return [_slot(one) for one in shown]
    ids = [one.id for one in shown if one.id]
    if len(ids) < len(shown):
        raise ProblemError("missing_item", "a slate with a place without an item")
    return ids
