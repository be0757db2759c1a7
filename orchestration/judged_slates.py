"""Reads what reports on slates rest on, for the asset of a night and for the pooled report."""

from collections.abc import Sequence

from etl import tables
from etl.days import Days
from etl.lake import Lake
from etl.surfaces import Surface
from scoring.evidence import Evidence
from scoring.shown_lists import Watched


def evidence(lake: Lake, surface: Surface, watched: Sequence[Watched]) -> Evidence:
    """Read the tables of the evenings judged and of the days watched.

    Raises:
        MissingDayError: If one of them was not made.
    """
    evenings = Days(min(one.slate_date for one in watched), max(one.slate_date for one in watched))
    last = max(one.last_date for one in watched)
    return Evidence(
        slates=lake.read(tables.SLATES[surface.name], evenings),
        candidates=lake.read(tables.CANDIDATES[surface.name], evenings),
        popularity=lake.read(tables.RETRIEVAL_POPULARITY, evenings),
        item_daily=lake.read(tables.FEATURES_ITEM_DAILY, evenings),
        pairs=lake.since_full(tables.FEATURES_USER_PAIRS, evenings),
        events=lake.read(tables.SILVER_EVENTS, Days(evenings.first, last)),
        items=lake.as_of(tables.SILVER_ITEMS, last),
    )
