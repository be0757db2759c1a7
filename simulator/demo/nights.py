"""The demo's runs: the same as ``nightmarket backfill``, ``publish`` and ``night`` make.

To be imported once the home's first day is known: the calendar of Dagster's partitions is read when
it is imported.
"""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

from rich.console import Console

from etl import tables
from etl.days import Days, one_day
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration import planning, runs
from orchestration.publishing import publish_day
from orchestration.runs import Request
from orchestration.settings import Settings
from orchestration.workspace import Workspace
from scoring.published import NoPublicationError, read_current
from simulator.demo.steps import Steps


def backfill(home: Home, days: Days, steps: Steps) -> bool:
    """Make the days that are missing by one run; tell whether there were any."""
    files = LakeFiles(home.lake, home.first_day())
    made = [*tables.SLATES.values(), tables.REPORTS_SLATES]
    if not any(files.missing_days(table, days) for table in made):
        return False
    for request in planning.backfill(days, files):
        _run(request, home, steps)
    return True


def publish(home: Home, day: date) -> bool:
    """Let readers see a day's slates; tell whether they did not yet."""
    if _published_until(home.publications) >= day:
        return False
    lake = Workspace(home_path=str(home.root)).lake("publish")
    publish_day(lake, Settings(), day)
    return True


def night(home: Home, day: date, steps: Steps) -> bool:
    """Run one night that publishes; tell whether it was still to be run, or broken off."""
    files = LakeFiles(home.lake, home.first_day())
    is_reported = not files.missing_days(tables.REPORTS_SLATES, one_day(day))
    if is_reported and _published_until(home.publications) >= day:
        return False
    _run(planning.night(day), home, steps)
    return True


def _published_until(publications: Path) -> date:
    try:
        swap = read_current(publications)
    except NoPublicationError:
        return date.min
    dates = [one.slate_date for one in swap.surfaces.values() if one.slate_date is not None]
    return max(dates, default=date.min)


def _run(request: Request, home: Home, steps: Steps) -> None:
    with steps.log.open("a", encoding="utf-8") as log:
        lines = _Lines(log, steps.told)
        runs.run(request, home, Console(file=lines, width=100))


class _Lines(io.StringIO):
    """Keeps what a run says in the log, and shows the table at hand."""

    def __init__(self, log: io.TextIOWrapper, told: Callable[[str], None]) -> None:
        super().__init__()
        self._log, self._told = log, told

    def write(self, text: str, /) -> int:
        """Take a piece of what is said."""
        words = text.split()
        if words:
            self._told(words[0])
        return self._log.write(text)

    def flush(self) -> None:
        """Let the log be read while the run goes on."""
        self._log.flush()
