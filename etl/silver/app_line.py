"""Reads one line of the app's own log, of any version (docs/app-log.md).

Types, ranges and closed lists are checked by the decoder; here is checked what an event needs. A
live room becomes its live slot: no room's id goes further than this file.
"""

import re
from typing import Final

import msgspec

from etl.live_slots import WEEKDAYS, slot_named, slot_of
from etl.silver.old_app_lines import renew_1, renew_2, slate_of_surface
from etl.silver.verdict import WITHOUT_ITEM, WITHOUT_USER, Problem, id_of, misdated, unreadable
from etl.sources.app_log import SOURCE, Item, Line, Line1, Line2, Line3, Shown
from etl.sources.rows import ProblemError

_DECODER: Final = msgspec.json.Decoder(Line1 | Line2 | Line3)
_ENUM_REASONS: Final = {
    "$.type": "unknown_event",
    "$.event": "unknown_event",
    "$.surface": "unknown_surface",
}
_BAD_TIMES: Final = (
    "Invalid RFC3339 encoded datetime",
    "Expected `datetime` with a timezone component",
)
_OUT_OF_RANGE: Final = re.compile(r"Expected `(\w+)` (?:of length )?[<>]|Number out of range")
_ROOM: Final = "live_room"
_SLOT: Final = "live_slot"
_OF_ROOMS: Final = (_ROOM, _SLOT)
_NO_ITEM: Final = Item()
_OF_SLATE: Final = {
    "product": Item("product"),
    "short_video": Item("short_video"),
    _SLOT: Item(_SLOT),
}
"""What is known of the items of a slate together: their type."""


def read(text: bytes, arrival_us: int) -> Line:
    """Read one line of the app's log into what the current version says, slots in rooms' places.

    Args:
        text: Its bytes, without the newline.
        arrival_us: When it reached us, microseconds of the epoch.

    Returns:
        A line with id, type and time; with ``item``, empty where the event has none; an impression
        with ids in ``shown``, their ``propensities`` if any, and their type in ``item``.

    Raises:
        ProblemError: If it gives no event: the reason and what was found.
    """
    line = _decoded(text)
    problem = _problem(line, arrival_us)
    if problem is not None:
        raise ProblemError(*problem)
    if line.type == "impression":
        _settle_slate(line)
    else:
        _settle_item(line)
    if not line.id:
        line.id = id_of(SOURCE, text)
    return line


def _decoded(text: bytes) -> Line:
    try:
        line = _DECODER.decode(text)
        if not text.isascii():
            text.decode()  # What the decoder passes over it does not look at.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(*(unreadable(text) or _unfit(str(error)))) from error
    if type(line) is Line2:
        renew_2(line)
    elif type(line) is Line1:
        renew_1(line)
    return line


def _unfit(said: str) -> Problem:
    """Name the reason for which msgspec refused a value, by its words and the value's path."""
    what, _, path = said.rstrip("`").partition(" - at `")
    if what in _BAD_TIMES:
        return "bad_time", said
    if what.startswith("Invalid enum value"):
        return _ENUM_REASONS.get(path, "bad_value"), said
    out_of_range = _OUT_OF_RANGE.match(what)
    if out_of_range:
        return ("id_too_long" if out_of_range[1] == "str" else "bad_value"), said
    return "wrong_type", said


def _problem(line: Line, arrival_us: int) -> Problem | None:
    """What keeps a line from being an event, its item aside."""
    if line.type is None:
        return "missing_event", "no event type"
    if not isinstance(line.at, int):
        return "missing_time", "no event time"
    if not line.user and line.type not in WITHOUT_USER:
        return "missing_user", f"a {line.type} without a user"
    if line.type == "follow" and not line.host:
        return "missing_item", "a follow without the host"
    return misdated(line.at * 1_000, arrival_us)


def _settle_item(line: Line) -> None:
    """Name the item by what stands in silver, or say that there is none."""
    item = line.item
    if item is None:
        if line.type not in WITHOUT_ITEM:
            raise ProblemError("missing_item", f"a {line.type} without an item")
        line.item = _NO_ITEM
    elif item.type in _OF_ROOMS:
        _settle_slot(item, is_catalogue=line.type == "item")
    elif item.type is None or not item.id:
        raise ProblemError("missing_item", f"an item of type {item.type} and id {item.id!r}")


def _settle_slot(item: Item, *, is_catalogue: bool) -> None:
    """Name a slot; the catalogue names it by its parts, all others by one of its rooms."""
    if is_catalogue != (item.type == _SLOT):
        raise ProblemError("bad_value", f"a {item.type} where it cannot be")
    item.id = _named_slot(item) if is_catalogue else _slot(item)
    item.type = _SLOT


def _slot(room: Item | Shown) -> str:
    if not room.host or room.started_at is None:
        raise ProblemError("missing_item", "a live room without host or started_at")
    return slot_of(room.host, room.started_at * 1_000)


def _named_slot(slot: Item) -> str:
    if not slot.host or slot.weekday is None or slot.hour is None:
        raise ProblemError("missing_item", "a live slot without host, weekday or hour")
    return slot_named(slot.host, weekday=WEEKDAYS.index(slot.weekday), hour=slot.hour)


def _settle_slate(line: Line) -> None:
    """Leave of a slate the ids of its items, their propensities and, in ``item``, their type."""
    if not line.shown:
        raise ProblemError("missing_item", "an impression that shows nothing")
    if isinstance(line, Line1):
        item_type, ids = slate_of_surface(line), line.shown
    else:
        item_type, ids = _slate(line.shown)  # type: ignore[arg-type,assignment]
    if isinstance(line, Line3):
        line.propensities = [one.p for one in line.shown]
    if item_type not in _OF_SLATE or not all(ids):
        raise ProblemError("missing_item", f"a slate of {item_type}, one of them without an id")
    if line.propensities is not None and len(line.propensities) != len(ids):
        said = f"{len(line.propensities)} propensities of {len(ids)} items"
        raise ProblemError("bad_value", said)
    line.shown, line.item = ids, _OF_SLATE[item_type]


def _slate(shown: list[Shown]) -> tuple[str | None, list[str | None]]:
    """Type and ids of shown items, all of one type."""
    item_type = shown[0].type
    # Lists and their C loops, not generators: slates hold most of a log's values.
    if [one.type for one in shown].count(item_type) < len(shown):
        raise ProblemError("bad_value", "a slate of items of several types")
    if item_type == _ROOM:
        return _SLOT, [_slot(room) for room in shown]
    return item_type, [one.id for one in shown]
