"""Says whether a night can be run: something landed, and the day before has been made.

Belongs here: what a schedule asks before it starts anything, from folders and markers alone.
"""

from datetime import date
from typing import Final

from etl.bronze.files import landed
from etl.days import one_day
from etl.home import Home, HomeError
from etl.lake_files import LakeFiles
from orchestration.planning import ASKED, LISTED, PROPOSED, STATE

_READ_BY_THE_NEXT: Final = (*STATE, *LISTED, *ASKED, *PROPOSED)
_SHOWN_TABLES: Final = 3


def why_not(day: date, home: Home) -> str | None:
    """Say why the night of ``day`` cannot be run, and what to do; None where it can."""
    try:
        first_day = home.first_day()
    except HomeError as error:
        return str(error)
    if day < first_day:
        return f"{day} lies before the lake's first day, {first_day}."
    if not landed(home.landing, day):
        return (
            f"Nothing landed for {day}: {home.landing / str(day)} holds no file. If nothing will "
            f"come, run the day all the same, as an empty one: nightmarket night --day {day}"
        )
    return _why_not_after(one_day(day).day_before, LakeFiles(home.lake, first_day))


def _why_not_after(before: date, files: LakeFiles) -> str | None:
    missing = [t.path for t in _READ_BY_THE_NEXT if files.missing_days(t, one_day(before))]
    if not missing:
        return None
    more = f" and {len(missing) - _SHOWN_TABLES} more" if len(missing) > _SHOWN_TABLES else ""
    return (
        f"The day before, {before}, has not run: {', '.join(missing[:_SHOWN_TABLES])}{more} were "
        f"not made. Make it first: nightmarket backfill --from {before} --to {before}"
    )
