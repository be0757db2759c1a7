"""Days as Dagster's partitions: from the lake's first day on."""

from collections.abc import Mapping
from datetime import date
from typing import Final

import dagster as dg

from etl.days import Days
from etl.home import HomeError
from orchestration.settings import Settings

BEFORE_ANY_LOAD: Final = date(2026, 1, 1)
"""Where the calendar begins while the home holds no lake; the first load moves it."""


def first_day() -> date:
    """The lake's first day, or a stand-in while nothing was loaded."""
    try:
        return Settings().at_home.first_day()
    except HomeError:
        return BEFORE_ANY_LOAD


DAYS: Final = dg.DailyPartitionsDefinition(start_date=str(first_day()))


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Days:
    """The days that a run makes: one for a night, a range for a backfill."""
    days = days_in(context.run.tags)
    if days is None:
        raise ValueError("the run names no day: launch it for a partition or a range of them")
    return days


def days_in(tags: Mapping[str, str]) -> Days | None:
    """Read a run's days from its tags; None where it names none."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or tags.get("dagster/partition")
    if not first or not last:
        return None
    return Days(date.fromisoformat(first), date.fromisoformat(last))
