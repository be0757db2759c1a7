"""Which days of a table an asset reads, said once for people and for the lake.

A ``Read`` names a table and a window of its days relative to the days being made. What the UI says
of it and the DataFrame that the maker gets come from the same value. Dagster's graph knows tables
and no windows (decision 32).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import dagster as dg
from pyspark.sql import DataFrame

from etl import tables
from etl.days import FULL_EVERY_DAYS, Days, one_day
from etl.lake import Lake
from etl.tables import Table


@dataclass(frozen=True, slots=True)
class Read:
    """A table, and which of its days are read."""

    table: Table
    num_days_back: int
    """Days before the made ones that are read too."""
    num_days_ahead: int
    """0 where the made days themselves are read, −1 where only earlier ones are."""
    rows: Callable[[Lake, Days], DataFrame]
    """Reads them for a range of days to make."""
    is_frame: bool = True
    """Whether the maker gets a DataFrame; otherwise it reads the lake's files on the driver."""

    is_own_past: bool = False
    """Whether only days before the first are read: a table's own, or a state's."""
    is_past_optional: bool = False
    """Whether earlier days than those being made are read where they were made."""

    def require_made(self, lake: Lake, days: Days) -> None:
        """Refuse a window with days that were never made.

        Raises:
            MissingDayError: It names the days and the command that makes them.
        """
        if self.is_past_optional and self.is_own_past:
            return
        ahead = days.last + timedelta(days=self.num_days_ahead)
        last = days.day_before if self.is_own_past else ahead
        num_days_back = 0 if self.is_past_optional else self.num_days_back
        first = days.first - timedelta(days=num_days_back)
        lake.files.require_made(self.table, Days(min(first, last), last))

    @property
    def window(self) -> str:
        """Say the window in words."""
        days = "day" if self.num_days_back == 1 else f"{self.num_days_back} days"
        if self.num_days_ahead:
            return f"the {days} before"
        return f"the day and the {days} before" if self.num_days_back else "the day"


def key(table: Table) -> dg.AssetKey:
    """Name ``table`` in Dagster: its path's parts."""
    return dg.AssetKey(table.path.split("/"))


def same_days(table: Table) -> Read:
    """Read the days being made."""
    return Read(table, 0, 0, lambda lake, days: lake.read(table, days))


def days_back(table: Table, num_days: int) -> Read:
    """Read the days being made and ``num_days`` before them."""
    return Read(
        table, num_days, 0, lambda lake, days: lake.read(table, days.reaching_back(num_days))
    )


def newest_within(table: Table, num_days: int) -> Read:
    """Read the days being made and, where they were made, ``num_days`` before them."""
    return replace(days_back(table, num_days), is_past_optional=True)


def own_past(table: Table, num_days: int) -> Read:
    """Read ``num_days`` of a table's own past where they were made; the maker reads them."""
    return replace(days_before(table, num_days), is_frame=False, is_past_optional=True)


def evenings_before(table: Table, num_days: int) -> Read:
    """Read the ``num_days`` days before each of the days being made, those themselves left out."""
    return Read(table, num_days, -1, lambda lake, days: lake.read(table, _before(days, num_days)))


def since_full(table: Table, num_days: int = 0) -> Read:
    """Read a touched-only table from the full partition ``num_days`` before the first day on."""
    return Read(
        table,
        num_days + FULL_EVERY_DAYS - 1,
        0,
        lambda lake, days: lake.since_full(table, days.reaching_back(num_days)),
    )


def state_as_of_day_before(table: Table) -> Read:
    """Read a touched-only table's state at the end of the day before the first; its own past."""
    return _state_before(table, lambda lake, day: lake.as_of(table, day))


def state_since_full_before(table: Table) -> Read:
    """Read the rows of which ``state_as_of_day_before`` takes each key's newest; its own past.

    For makers that let a kernel take them, behind one shuffle instead of two.
    """
    return _state_before(table, lambda lake, day: lake.since_full(table, one_day(day)))


def _state_before(table: Table, rows: Callable[[Lake, date], DataFrame]) -> Read:
    return Read(
        table,
        FULL_EVERY_DAYS,
        -1,
        lambda lake, days: (
            lake.empty(table) if days.first <= lake.first_day else rows(lake, days.day_before)
        ),
        is_own_past=True,
    )


def as_of_last_day(table: Table) -> Read:
    """Read a touched-only table's state at the end of the last day being made."""
    return Read(table, FULL_EVERY_DAYS - 1, 0, lambda lake, days: lake.as_of(table, days.last))


def days_before(table: Table, num_days: int = 1) -> Read:
    """Read the ``num_days`` days before the first day: a table's own past."""
    return Read(
        table,
        num_days,
        -1,
        lambda lake, days: lake.read(
            table, Days(days.first - timedelta(days=num_days), days.day_before)
        ),
        is_own_past=True,
    )


def on_driver(read: Read) -> Read:
    """Require the window's days, and leave the reading to the maker."""
    return replace(read, is_frame=False)


BALANCED: Final = {"balance": on_driver(same_days(tables.SILVER_LINE_COUNTS))}
"""Nothing is made of a day's events before its balance was checked: a day of garbage ends there."""


def _before(days: Days, num_days: int) -> Days:
    return Days(days.first - timedelta(days=num_days), days.last - timedelta(days=1))
