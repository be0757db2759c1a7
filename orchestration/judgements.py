"""What nights said of rankers, and who served: in a run so far, and in the lake before it."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from etl import tables
from etl.days import Days
from etl.surfaces import Surface
from orchestration import champions
from orchestration.contenders import DAYS_READ
from orchestration.table_asset import Night
from training import promote
from training.promote import Champion
from training.rankers.ranker import NONE

JUDGED: Final = (
    tables.RANKERS_CALIBRATORS,
    tables.RANKERS_IMPORTANCE,
    tables.RANKERS_REPORTS,
    tables.RANKERS_CHAMPIONS,
)
"""Tables that a judgement is written into, together."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one night says of one surface's rankers."""

    champion: Champion
    reports: list[Row] = field(default_factory=list)
    """Rows of ``tables.RANKERS_REPORTS``."""
    calibrators: list[Row] = field(default_factory=list)
    """Rows of ``tables.RANKERS_CALIBRATORS``."""
    importance: list[Row] = field(default_factory=list)
    """Rows of ``tables.RANKERS_IMPORTANCE``."""
    findings: tuple[str, ...] = ()
    """What was found of each ranker fitted tonight."""

    def champion_row(self, day: date) -> Row:
        """Write the champion as a row of ``tables.RANKERS_CHAMPIONS``."""
        return self.champion.row(day) | {"challenged": "\n".join(self.findings) or None}


@dataclass(frozen=True, slots=True)
class Past:
    """Who served one surface: on the nights of the run so far, and in the lake before them."""

    night: Night
    surface: Surface
    of_run: dict[date, Judgement] = field(default_factory=dict)

    def on(self, day: date) -> Champion | None:
        """Who served on ``day``; None where nobody has been judged."""
        if day in self.of_run:
            return self.of_run[day].champion
        if not self._is_made(day, tables.RANKERS_CHAMPIONS):
            return None
        return champions.champion_of(self.night.lake.files, self.surface, day)

    def calibrations_on(self, day: date, champion: Champion) -> dict[str, str]:
        """His calibrations of that night: JSON by task."""
        if day in self.of_run:
            return champions.written_of(self.of_run[day].calibrators, champion)
        if not self._is_made(day, tables.RANKERS_CALIBRATORS):
            return {}
        return champions.calibrations_of(self.night.lake.files, self.surface, champion, day)

    def before(self, day: date) -> Champion:
        """Who served until ``day``."""
        # Nights before a backfill's first have no champion.
        return self.on(day - timedelta(days=1)) or promote.first(self.surface.name, day)

    def earlier(self, day: date, than: Champion) -> Champion:
        """Who served before one champion began."""
        oldest = day - timedelta(days=DAYS_READ)
        for other in reversed(list(Days(oldest, day - timedelta(days=1)))):
            found = self.on(other)
            if found is not None and not _are_same(found, than):
                return found
        return promote.first(self.surface.name, day)

    def _is_made(self, day: date, table: tables.Table) -> bool:
        is_past = self.night.lake.first_day <= day < self.night.days.first
        return is_past and day in self.night.lake.made_days(table)


def _are_same(one: Champion, other: Champion) -> bool:
    """Tell whether two champions are of one model."""
    if one.ranker == other.ranker == NONE:
        return True
    return (one.ranker, one.model_date) == (other.ranker, other.model_date)
