"""Plans what a backfill must make before its first day, so that its first night is a whole one.

State needs every day since the lake's first. The first night is served by the ranker that the
calendar fitted last; that fit needs the examples of four weeks, and those the candidates of the
evenings before them. What weighs the sources then is learned from a week of proposals before, and
these are made by models that were fitted up to four weeks earlier, some of which go on from fits up
to three weeks before.

Days that a table has forgotten (``etl.upkeep``) were made: they are made again only where something
that is to be made reads them.
"""

from dataclasses import dataclass
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
_READ_EXAMPLE_DAYS: Final = max(one.num_days for one in CALENDARS.values())
_EXAMPLE_DAYS: Final = _READ_EXAMPLE_DAYS + _FIT_DAYS
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
SHOWN: Final = tuple(tables.SLATES.values())
"""What was published of the evenings that examples are of; missing slates were not."""
_LEARNED: Final = tuple(tables.EXAMPLES.values())
_JUDGED: Final = tuple(t for t in tables.ALL if t.layer == "rankers")
_SERVED: Final = tuple(t for t in tables.ALL if t.layer in {"slates", "reports", "publications"})
EVERYTHING: Final = (*STATE, *FITTED, *LISTED, *ASKED, *PROPOSED, *_LEARNED, *_JUDGED, *_SERVED)


@dataclass(frozen=True, slots=True)
class _Part:
    """Tables that one run makes before the range, and how far back they may be needed."""

    made: tuple[Table, ...]
    since: date
    """A day that is missing from here on is made."""
    num_days_read: int | None = None
    """A forgotten day is made where it is within so many days of the first that the parts after it
    make; None where nothing of it that is forgotten is read."""


def backfill(days: Days, files: LakeFiles) -> list[Request]:
    """List the runs that make ``days``: what is missing before them, then the range itself."""
    first, earlier = days.first, []
    for part in reversed(_parts(days, files.first_day)):
        lacking = _first_lacking(part, first, days.day_before, files)
        if lacking is not None:
            made = Days(lacking, days.day_before)
            earlier.append(Request(made, selection(*part.made), BACKFILL))
            first = min(first, lacking)
    return [*reversed(earlier), Request(days, selection(*EVERYTHING), BACKFILL)]


def _parts(days: Days, lake_first_day: date) -> tuple[_Part, ...]:
    """What stands before a range, in the order in which it is made."""
    parts = (
        (STATE, (days.first - lake_first_day).days, None),
        (FITTED, _MODEL_DAYS, None),
        (LISTED, _ASKED_DAYS + 1, None),
        (ASKED, _ASKED_DAYS, WeightsConfig().num_days),
        (PROPOSED, _CANDIDATE_DAYS, LATE_DAYS + 1),
        (SHOWN, 0, LATE_DAYS + 1),
        (_LEARNED, _EXAMPLE_DAYS, _READ_EXAMPLE_DAYS),
        (_JUDGED, _FIT_DAYS, None),
    )
    return tuple(
        _Part(made, max(days.first - timedelta(days=back), lake_first_day), read)
        for made, back, read in parts
    )


def night(day: date) -> Request:
    """The run that makes one day and publishes it."""
    return Request(Days(day, day), selection(*EVERYTHING), NIGHT)


def selection(*made: Table) -> dg.AssetSelection:
    """Select the assets of tables, with their checks and what those found."""
    return dg.AssetSelection.assets(*map(key, [*made, tables.DATA_QUALITY_RESULTS]))


def _first_lacking(part: _Part, first: date, last: date, files: LakeFiles) -> date | None:
    """The first day on which any of the tables lacks rows; all days from it on are made again."""
    found = set()
    for table in part.made:
        if part.since <= last:
            found |= set(files.missing_days(table, Days(part.since, last)))
        if part.num_days_read is not None:
            read_from = first - timedelta(days=part.num_days_read)
            found |= {day for day in files.forgotten_days(table) if read_from <= day <= last}
    return min(found, default=None)
