"""Plans what a backfill must make before its first day, so that its first night is a whole one.

State needs every day since the lake's first. The first night is served by the ranker that the
calendar fitted last; that fit needs the examples of four weeks, and those the candidates of the
evenings before them. What weighs the sources then is learned from a week of proposals before, and
these are made by models that were fitted up to four weeks earlier, some of which go on from fits up
to three weeks before.
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
from training.registry import CALENDARS
from training.retrieval.learned import SourcesConfig
from training.retrieval.weights import WeightsConfig
from training.split import CalendarConfig

_FIT_DAYS: Final = max(one.fit_every_days for one in CALENDARS.values()) - 1
_EXAMPLE_DAYS: Final = max(one.num_days for one in CALENDARS.values()) + _FIT_DAYS
_CANDIDATE_DAYS: Final = _EXAMPLE_DAYS + LATE_DAYS + 1
_ASKED_DAYS: Final = _CANDIDATE_DAYS + WeightsConfig().num_days
_WARM_DAYS: Final = CalendarConfig().fit_every_days * (SourcesConfig().cold_every - 1)
_MODEL_DAYS: Final = _ASKED_DAYS + 1 + SourcesConfig().max_age_days + _WARM_DAYS

STATE: Final = (
    *(t for t in tables.ALL if t.layer in {"bronze", "silver", "features"}),
    tables.RETRIEVAL_COVISITATION,
)
"""Built on by the day after; needed from the lake's first day on."""
FITTED: Final = tuple(tables.RETRIEVAL_FITS.values())
"""Learned sources: the last fit before an evening proposes on it."""
LISTED: Final = (
    tables.RETRIEVAL_POPULARITY,
    tables.RETRIEVAL_NEW_ITEMS,
    tables.RETRIEVAL_LATENT_INTERESTS,
)
"""What all users' sources read; proposals are of the evening before."""
ASKED: Final = tuple(tables.PROPOSALS.values())
"""What sources weigh is learned from the proposals of a week."""
PROPOSED: Final = (
    tables.RETRIEVAL_WEIGHTS,
    *tables.SIMILAR.values(),
    *tables.CANDIDATES.values(),
)
"""What the next days' examples are made of."""
_LEARNED: Final = tuple(tables.EXAMPLES.values())
_JUDGED: Final = tuple(t for t in tables.ALL if t.layer == "rankers")
_SERVED: Final = tuple(t for t in tables.ALL if t.layer in {"slates", "reports", "publications"})
EVERYTHING: Final = (*STATE, *FITTED, *LISTED, *ASKED, *PROPOSED, *_LEARNED, *_JUDGED, *_SERVED)


def backfill(days: Days, files: LakeFiles) -> list[Request]:
    """List the runs that make ``days``: what is missing before them, then the range itself."""
    before = days.day_before
    parts = (
        (STATE, files.first_day),
        (FITTED, days.first - timedelta(days=_MODEL_DAYS)),
        (LISTED, days.first - timedelta(days=_ASKED_DAYS + 1)),
        (ASKED, days.first - timedelta(days=_ASKED_DAYS)),
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
