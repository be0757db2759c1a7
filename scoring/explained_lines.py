"""Leads from a user's history to the events it was made of, and from them to the raw lines.

Belongs here: which entries count, and how rows are said. Where they lie is read by the caller.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from etl.tables.user_states import EVENT_CODES

Row = dict[str, Any]
MAX_EVENTS: Final = 20
"""Events that are named."""
MAX_LINES: Final = 5
"""Raw lines that are shown."""
MAX_CHARACTERS: Final = 300
"""Of one raw line."""
EVENT_COLUMNS: Final = (
    "user_id",
    "item_id",
    "event_type",
    "event_at",
    "arrival_date",
    "event_id",
    "source",
    "file_name",
    "line_number",
)
"""What is read of silver/events."""
_TYPES: Final = {code: name for name, code in EVENT_CODES.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of a user's history, as the evening knew it."""

    item_no: int
    event_type: str
    event_at: datetime
    arrival_date: date
    event_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event with the place of its line."""

    user_id: str
    item_id: str
    event_type: str
    event_at: datetime
    arrival_date: date
    event_id: str
    source: str
    file_name: str
    line_number: int

    @property
    def place(self) -> tuple[date, str, str, int]:
        """Key of its row in ``tables.BRONZE_LINES``."""
        return self.arrival_date, self.source, self.file_name, self.line_number


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One raw line, as it came."""

    arrival_date: date
    source: str
    file_name: str
    line_number: int
    text: str
    """Unreadable bytes replaced; cut at ``MAX_CHARACTERS``."""


def entries_of(item_nos: list[int], history: pa.Table) -> list[Entry]:
    """List a user's entries with some items: by item in the order given, the newest first.

    Args:
        item_nos: The explained item, then those that led to it.
        history: His row of ``tables.FEATURES_USER_HISTORY``, if he has one.
    """
    place = {item_no: number for number, item_no in enumerate(item_nos)}
    entries = [one for entries in history.column("long").to_pylist() for one in entries]
    found = [
        Entry(
            item_no=one["item_no"],
            event_type=_TYPES[one["event_code"]],
            event_at=one["event_at"],
            arrival_date=one["entry_arrival_date"],
            event_id=one["event_id"],
        )
        for one in reversed(entries)
        if one["item_no"] in place
    ]
    return sorted(found, key=lambda entry: place[entry.item_no])


def events_of(entries: list[Entry], rows: pa.Table) -> tuple[Event, ...]:
    """Find the events that entries were made of, in the entries' order.

    Args:
        entries: What the history holds.
        rows: The user's rows of ``tables.SILVER_EVENTS`` on the entries' days.
    """
    by_key = {(row["arrival_date"], row["event_id"]): row for row in rows.to_pylist()}
    keys = ((entry.arrival_date, entry.event_id) for entry in entries)
    return tuple(_event(by_key[key]) for key in keys if key in by_key)


def newest_of(rows: pa.Table) -> tuple[Event, ...]:
    """Order events, the newest first.

    Args:
        rows: Of ``tables.SILVER_EVENTS``.
    """
    events = map(_event, rows.to_pylist())
    return tuple(sorted(events, key=lambda one: (one.event_at, one.event_id), reverse=True))


def _event(row: Row) -> Event:
    return Event(**{name: row[name] for name in EVENT_COLUMNS})


def lines_of(events: Collection[Event], rows: pa.Table) -> tuple[Line, ...]:
    """Say the raw lines of events, in the events' order.

    Args:
        events: Whose lines are wanted.
        rows: Rows of ``tables.BRONZE_LINES``, theirs among them.
    """
    columns = ("arrival_date", "source", "file_name", "line_number")
    by_place = {tuple(row[name] for name in columns): row for row in rows.to_pylist()}
    found = (by_place[event.place] for event in events if event.place in by_place)
    return tuple(_line(row) for row in found)


def _line(row: Mapping[str, Any]) -> Line:
    text = row["line"].decode("utf-8", errors="replace")
    cut = text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
    named = {name: row[name] for name in ("arrival_date", "source", "file_name", "line_number")}
    return Line(**named, text=cut)
