"""Plans what a backfill must make before its first day, so that its first night is a whole one.

State needs every day since the lake's first. The first night is served by the ranker that the
calendar fitted last; that fit needs the examples of four weeks, and those the candidates of the
evenings before them.
"""

from datetime import date, timedelta
from typing import Final

import dagster as dg

from etl import tables
from etl.days import Days
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration.reads import key
from orchestration.runs import BACKFILL, NIGHT, Request
from training.example_rows import LATE_DAYS
from training.split import CalendarConfig

_FIT_DAYS: Final = CalendarConfig().fit_every_days - 1
_EXAMPLE_DAYS: Final = CalendarConfig().num_days + _FIT_DAYS
_CANDIDATE_DAYS: Final = _EXAMPLE_DAYS + LATE_DAYS + 1

STATE: Final = (
    *(t for t in tables.ALL if t.layer in {"bronze", "silver", "features"}),
    tables.RETRIEVAL_COVISITATION,
)
"""Built on by the day after; needed from the lake's first day on."""
PROPOSED: Final = (
    tables.RETRIEVAL_POPULARITY,
    tables.RETRIEVAL_NEW_ITEMS,
    tables.RETRIEVAL_LATENT_INTERESTS,
    *tables.SIMILAR.values(),
    *tables.CANDIDATES.values(),
)
"""What the next days' examples are made of."""
_LEARNED: Final = tuple(tables.EXAMPLES.values())
_JUDGED: Final = tuple(t for t in tables.ALL if t.layer == "rankers")
_SERVED: Final = tuple(t for t in tables.ALL if t.layer in {"slates", "reports", "publications"})
EVERYTHING: Final = (*STATE, *PROPOSED, *_LEARNED, *_JUDGED, *_SERVED)


def backfill(days: Days, files: LakeFiles) -> list[Request]:
    """List the runs that make ``days``: what is missing before them, then the range itself."""
    before = days.day_before
    parts = (
        (STATE, files.first_day),
        (PROPOSED, days.first - timedelta(days=_CANDIDATE_DAYS)),
        (_LEARNED, days.first - timedelta(days=_EXAMPLE_DAYS)),
        (_JUDGED, days.first - timedelta(days=_FIT_DAYS)),
    )
    earlier = [
        Request(Days(missing, before), selection(*made), BACKFILL)
        for made, since in parts
        if (missing := _first_missing(made, max(since, files.first_day), before, files))
    ]
    return [*earlier, Request(days, selection(*EVERYTHING), BACKFILL)]


def night(day: date) -> Request:
    """The run that makes one day and publishes it."""
    return Request(Days(day, day), selection(*EVERYTHING), NIGHT)


def selection(*made: Table) -> dg.AssetSelection:
    """Select the assets of tables, with their checks and what those found."""
    return dg.AssetSelection.assets(*map(key, [*made, tables.DATA_QUALITY_RESULTS]))


def _first_missing(
    made: tuple[Table, ...], first: date, last: date, files: LakeFiles
) -> date | None:
    """The first day on which any of the tables is missing; all days from it on are made again."""
    if first > last:
        return None
    missing = [day for table in made for day in files.missing_days(table, Days(first, last))]
    return min(missing, default=None)
