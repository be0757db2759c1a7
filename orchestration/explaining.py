"""Explains an item in a user's slate from the lake, without Spark, down to the raw lines.

What the explanation says is ``scoring.explain``; which rows it rests on is
``orchestration.explained_rows``. Here events and lines are added to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from etl import tables
from etl.days import Days
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables import PARTITION
from orchestration.explained_rows import Evening, among
from orchestration.settings import Settings
from scoring.explain import Explanation, explain
from scoring.explained_lines import (
    EVENT_COLUMNS,
    MAX_EVENTS,
    MAX_LINES,
    Entry,
    Event,
    Line,
    entries_of,
    events_of,
    lines_of,
    newest_of,
)
from scoring.published import NoPublicationError, read_current, read_manifest
from training.retrieval.popularity import POSITIVE, WINDOW_DAYS


def published_day(publications: Path, surface: Surface) -> date:
    """Say of which evening the slates are that readers see.

    Raises:
        NoPublicationError: If nothing is published, at all or for this surface.
    """
    manifest = read_manifest(publications, read_current(publications).publication_id)
    found = manifest.surfaces.get(surface.name)
    if found is None or found.slate_date is None:
        raise NoPublicationError(
            f"nothing is published for {surface.name}; name an evening that was made: --day D"
        )
    return found.slate_date


def explanation(
    user: str, item: str, *, surface: Surface, day: date, settings: Settings
) -> Explanation:
    """Explain an item in a user's slate of one evening.

    Args:
        user: His id, as the log names him.
        item: Its id, as the log names it.
        surface: The surface.
        day: The evening.
        settings: Of this process: values and caps are explained by them.

    Raises:
        UnknownItemError: If the item was not heard of by then.
        UnknownUserError: If the user has no event in the 90 days before.
        MissingDayError: If the evening was never made.
        NoSlatesError: If the surface has no slates of that evening.
    """
    home = settings.at_home
    files = LakeFiles(home.lake, home.first_day())
    config = settings.candidate_config(surface.name)
    known, history = Evening(files, home.models, surface, day, config).known(user, item)
    found = explain(
        known,
        slate=settings.slate_config(surface.name),
        candidates=config,
    )
    led = [seed.item_no for one in found.proposals for seed in one.seeds]
    entries = entries_of([found.item_no, *led], history)
    events = _own_events(files, user, entries[:MAX_EVENTS])
    whoever = () if entries else _events_of_week(files, known.item, day)
    return replace(
        found,
        is_own_evidence=bool(entries),
        num_events=len(entries) or len(whoever),
        events=(events or whoever)[:MAX_EVENTS],
        lines=_lines(files, (events or whoever)[:MAX_LINES]),
    )


def _own_events(files: LakeFiles, user: str, entries: list[Entry]) -> tuple[Event, ...]:
    """Read the events that entries of a user's history were made of, in their order."""
    if not entries:
        return ()
    days = {entry.arrival_date for entry in entries}
    wanted = (pc.field("user_id") == user) & among(PARTITION, days)
    wanted &= among("event_id", {entry.event_id for entry in entries})
    rows = files.arrow(tables.SILVER_EVENTS, _spanning(days), where=wanted, columns=EVENT_COLUMNS)
    return events_of(entries, rows)


def _events_of_week(files: LakeFiles, item: Mapping[str, Any], day: date) -> tuple[Event, ...]:
    """Read who made the item popular, the newest first."""
    # An event may be stamped a day after it arrived.
    days = Days(day - timedelta(days=WINDOW_DAYS), day)
    since = pc.field("event_date") > days.first
    wanted = since & (pc.field("event_date") <= day) & among("event_type", POSITIVE)
    wanted &= (pc.field("item_type") == item["item_type"]) & pc.field("user_id").is_valid()
    wanted &= pc.field("item_id") == item["item_id"]
    rows = files.arrow(tables.SILVER_EVENTS, days, where=wanted, columns=EVENT_COLUMNS)
    return newest_of(rows)


def _lines(files: LakeFiles, events: tuple[Event, ...]) -> tuple[Line, ...]:
    """Read the raw lines of events."""
    if not events:
        return ()
    days, sources, names, numbers = map(set, zip(*(one.place for one in events), strict=True))
    wanted = among(PARTITION, days) & among("source", sources)
    wanted &= among("file_name", names) & among("line_number", numbers)
    return lines_of(events, files.arrow(tables.BRONZE_LINES, _spanning(days), where=wanted))


def _spanning(days: Collection[date]) -> Days:
    return Days(min(days), max(days))
