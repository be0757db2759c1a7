"""One blocking check a table: what its suite promises, held against the days just made.

Each expectation's result becomes a row of data_quality/results. A critical one that is not met
stops everything that follows; a warning is shown. Great Expectations itself is known to
``data_quality`` alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg
from pyspark.sql import functions as F

from data_quality import drift, results
from data_quality.checks import NUM_USUAL_DAYS
from data_quality.config import QualityConfig
from data_quality.expectations import related_tables
from data_quality.profile import count_rows
from data_quality.results import Result
from data_quality.validate import validate
from etl import tables
from etl.days import Days
from etl.features import dictionary
from etl.lake import Lake
from etl.tables import DATA_QUALITY_RESULTS, PARTITION, Table
from orchestration.cost import metered
from orchestration.partitions import days_of
from orchestration.reads import key
from orchestration.workspace import Workspace

CHECKED: Final = tuple(
    table for table in tables.ALL if table not in {DATA_QUALITY_RESULTS, tables.PUBLICATIONS_LOG}
)
DRIFTING: Final = {
    tables.FEATURES_ITEM_DAILY: dictionary.names(dictionary.ITEM),
    tables.FEATURES_USER_DAILY: dictionary.names(dictionary.USER),
}
"""Tables whose features are held against the trailing week, once a night."""


def suite_check(table: Table) -> dg.AssetChecksDefinition:
    """Declare the check of one table."""

    @dg.asset_check(
        asset=key(table),
        name="expectations",
        blocking=True,
        description=f"What {table.path} promises; a critical breach stops what follows.",
    )
    def check(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
        days = days_of(context)
        lake = workspace.lake(context.run.run_id)
        with metered() as cost:
            found = _validated(lake, table, days) + _drifted(lake, table, days)
            _record(lake, table, days, found, context.run.run_id)
        blocking = [result for result in found if result.is_blocking]
        unmet = [result for result in found if not result.is_met]
        return dg.AssetCheckResult(
            passed=not unmet,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            description=_first_words(blocking or _news(unmet)),
            metadata={
                "results": dg.MetadataValue.md(results.summary(found)),
                "num_expectations": len(found),
                "num_unmet": len(unmet),
                "is_news": bool(_news(unmet)),
                "wall_seconds": round(cost.wall_seconds, 2),
                "cpu_seconds": round(cost.cpu_seconds, 2),
            },
        )

    return check


def _validated(lake: Lake, table: Table, days: Days) -> list[Result]:
    config = QualityConfig()
    week = Days(days.first, days.first).reaching_back(config.usual_days)
    made = sorted(lake.made_days(table) & set(week) - {days.first})
    before = lake.unchecked(table).where(F.col(PARTITION).isin(made))
    return validate(
        table,
        lake.read(table, days),
        days=days,
        before=count_rows(before, days=made) if made else {},
        related={other.path: lake.read(other, days) for other in related_tables(table)},
        config=config,
    )


def _drifted(lake: Lake, table: Table, days: Days) -> list[Result]:
    """A night's features against its week; a backfill says nothing about today's world."""
    if table not in DRIFTING or len(days) > 1:
        return []
    config = QualityConfig()
    week = lake.read(table, days.reaching_back(config.usual_days))
    return drift.drift(table, week, days=days, features=DRIFTING[table], config=config)


def _record(lake: Lake, table: Table, days: Days, found: Sequence[Result], run_id: str) -> None:
    rows = results.as_rows(found, spark=lake.spark, run_id=run_id, checked_at=datetime.now(UTC))
    where = (
        f"table_path = '{table.path}' AND {PARTITION} >= '{days.first}' "
        f"AND {PARTITION} <= '{days.last}'"
    )
    lake.replace(DATA_QUALITY_RESULTS, rows, where)


def _news(unmet: Sequence[Result]) -> list[Result]:
    """Warnings that say more than that the lake is young."""
    return [result for result in unmet if result.expectation != NUM_USUAL_DAYS]


def _first_words(found: Sequence[Result]) -> str:
    if not found:
        return "everything held"
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    shown = f": {first.examples[0]}" if first.examples else ""
    return f"{first.arrival_date}: {first.expectation}: {first.observed}{shown}{more}"


@dg.definitions
def checks() -> dg.Definitions:
    """One check for each table that an asset makes."""
    return dg.Definitions(asset_checks=[suite_check(table) for table in CHECKED])
