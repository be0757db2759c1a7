"""Silver: lines read, typed, counted once; items, impressions and outcomes."""

from collections.abc import Mapping

from pyspark.sql import DataFrame

from etl import tables
from etl.silver import (
    duplicate_lines,
    events,
    impressions,
    items,
    line_counts,
    outcomes,
    parse,
    rejected_lines,
)
from etl.tables import Table
from orchestration import pictures
from orchestration.reads import (
    BALANCED,
    days_back,
    days_before,
    same_days,
    state_as_of_day_before,
)
from orchestration.table_asset import Made, Night, table_asset, table_assets


def _parsed(
    night: Night, lines: DataFrame, recent_events: DataFrame, recent_duplicates: DataFrame
) -> Mapping[Table, Made]:
    """Read the lines once for the three tables that share them."""
    recent = recent_events.select(*parse.PLACE).unionByName(recent_duplicates.select(*parse.PLACE))
    numbered = night.kept(parse.number(parse.parse(lines), recent))
    return {
        tables.SILVER_EVENTS: Made(events.build(numbered)),
        tables.SILVER_REJECTED_LINES: Made(rejected_lines.build(numbered)),
        tables.SILVER_DUPLICATE_LINES: Made(duplicate_lines.build(numbered)),
    }


def _line_counts(night: Night, lines: DataFrame, **parts: DataFrame) -> DataFrame:
    """Balance each file: what came in is what went out."""
    return line_counts.build(lines, **parts)


def _items(night: Night, events: DataFrame, before: DataFrame) -> DataFrame:
    """Keep what is known of each item, and number new ones."""
    return items.build(events, before=before, days=night.days, first_day=night.lake.first_day)


def _impressions(night: Night, events: DataFrame) -> DataFrame:
    """Take shown lists apart."""
    return impressions.build(events, days=night.days)


def _outcomes(night: Night, events: DataFrame, impressions: DataFrame) -> DataFrame:
    """Attribute what followed to what was shown."""
    return outcomes.build(events, impressions=impressions, days=night.days)


silver_lines = table_assets(
    [tables.SILVER_EVENTS, tables.SILVER_REJECTED_LINES, tables.SILVER_DUPLICATE_LINES],
    _parsed,
    reads={
        "lines": same_days(tables.BRONZE_LINES),
        "recent_events": days_before(tables.SILVER_EVENTS, parse.DUPLICATE_DAYS),
        "recent_duplicates": days_before(tables.SILVER_DUPLICATE_LINES, parse.DUPLICATE_DAYS),
    },
    pictures={
        tables.SILVER_EVENTS: pictures.lateness,
        tables.SILVER_REJECTED_LINES: pictures.rejected_reasons,
    },
)
silver_line_counts = table_asset(
    tables.SILVER_LINE_COUNTS,
    _line_counts,
    reads={
        "lines": same_days(tables.BRONZE_LINES),
        "events": same_days(tables.SILVER_EVENTS),
        "rejected_lines": same_days(tables.SILVER_REJECTED_LINES),
        "duplicate_lines": same_days(tables.SILVER_DUPLICATE_LINES),
    },
    picture=pictures.daily_volumes,
)
silver_items = table_asset(
    tables.SILVER_ITEMS,
    _items,
    reads={
        **BALANCED,
        "events": same_days(tables.SILVER_EVENTS),
        "before": state_as_of_day_before(tables.SILVER_ITEMS),
    },
)
silver_impressions = table_asset(
    tables.SILVER_IMPRESSIONS,
    _impressions,
    reads={
        **BALANCED,
        "events": same_days(tables.SILVER_EVENTS),
    },
)
silver_outcomes = table_asset(
    tables.SILVER_OUTCOMES,
    _outcomes,
    reads={
        **BALANCED,
        "events": days_back(tables.SILVER_EVENTS, outcomes.LOOKBACK_DAYS),
        "impressions": days_back(tables.SILVER_IMPRESSIONS, outcomes.LOOKBACK_DAYS),
    },
)
