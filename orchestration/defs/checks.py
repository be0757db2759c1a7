"""One blocking check a table: what its suite promises, held against the days just made.

Each expectation's result becomes a row of data_quality/results. A critical one that is not met
stops everything that follows; a warning is shown. Great Expectations itself is known to
``data_quality`` alone.
"""

from collections.abc import Sequence
from typing import Final

import dagster as dg

from data_quality import drift, results
from data_quality.checks import NUM_USUAL_DAYS
from data_quality.config import QualityConfig
from data_quality.expectations import related_tables, suite
from data_quality.results import Result
from data_quality.validate import validate
from etl import tables
from etl.days import Days, one_day
from etl.features import dictionary
from etl.lake import Lake
from etl.tables import DATA_QUALITY_RESULTS, Table
from orchestration import advice, check_results, shown_tables
from orchestration.cost import metered_step
from orchestration.partitions import DAYS, days_of
from orchestration.reads import key
from orchestration.table_asset import Metadata, num_rows, said, worth_retrying
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
        additional_deps=[key(other) for other in related_tables(table)],
        blocking=True,
        description=_promises(table),
    )
    def check(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
        days = days_of(context)
        lake = workspace.lake(context.run.run_id, len(days))
        with worth_retrying(), metered_step() as cost:
            found = _validated(lake, table, days) + _drifted(lake, table, days)
            check_results.leave(lake, table, days, found)
            blocking = [result for result in found if result.is_blocking]
            if blocking:
                check_results.write(lake)
        unmet = [result for result in found if not result.is_met]
        news = _news(unmet)
        return dg.AssetCheckResult(
            passed=not news,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            description=_first_words(blocking or news, is_young=len(unmet) > len(news)),
            metadata={
                **(_advice(workspace, table, days) if blocking else {}),
                "results": dg.MetadataValue.md(results.summary(found)),
                "num_expectations": len(found),
                "num_unmet": len(unmet),
                "wall_seconds": round(cost.wall_seconds, 2),
                "cpu_seconds": round(cost.cpu_seconds, 2),
            },
        )

    return check


def _promises(table: Table) -> str:
    """List what the check looks at, for whoever has not seen it fail yet."""
    promised = suite(table, config=QualityConfig())
    critical = [f"- {check.name}" for check in promised if check.severity == "critical"]
    warning = [f"- {check.name}" for check in promised if check.severity == "warning"]
    said = [f"What {table.path} promises of each day. A breach stops what follows:", *critical]
    return "\n".join([*said, "", "Worth a look, without stopping anything:", *warning])


def _advice(workspace: Workspace, table: Table, days: Days) -> Metadata:
    """Say what to do, and of lines that cannot be read, why: no row of their balance shows it."""
    said = {"what_to_do": dg.MetadataValue.md(advice.after_a_block(days, workspace.home))}
    files = workspace.files
    if table is tables.SILVER_LINE_COUNTS and not files.missing_days(
        tables.SILVER_REJECTED_LINES, days
    ):
        reasons = advice.rejected_reasons(files, days)
        said["rejected_lines"] = dg.MetadataValue.md(reasons)
    return said


def _validated(lake: Lake, table: Table, days: Days) -> list[Result]:
    config = QualityConfig()
    known = one_day(days.first).reaching_back(config.usual_days + 1)
    made = lake.made_days(table) & set(known) - {days.first}
    related = related_tables(table)
    is_empty = all(lake.files.is_empty(one, days) for one in (table, *related))
    return validate(
        table,
        None if is_empty else lake.read(table, days),
        days=days,
        before=lake.files.num_rows(table, made),
        related={other.path: lake.read(other, days) for other in related},
        config=config,
    )


def _drifted(lake: Lake, table: Table, days: Days) -> list[Result]:
    """A night's features against its week; a backfill says nothing about today's world."""
    if table not in DRIFTING or len(days) > 1:
        return []
    config = QualityConfig()
    week = days.reaching_back(config.usual_days)
    return drift.drift(
        table,
        lake.read(table, week),
        num_rows=lake.files.num_rows(table, week),
        days=days,
        features=DRIFTING[table],
        config=config,
    )


def _news(unmet: Sequence[Result]) -> list[Result]:
    """Warnings that say more than that the lake is young."""
    return [result for result in unmet if result.expectation != NUM_USUAL_DAYS]


def _first_words(found: Sequence[Result], *, is_young: bool) -> str:
    if not found:
        young = "; the lake is too young to know how many rows are usual" if is_young else ""
        return f"everything held{young}"
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    shown = f": {first.examples[0]}" if first.examples else ""
    return f"{first.arrival_date}: {first.expectation}: {first.observed}{shown}{more}"


@dg.asset(
    key=key(DATA_QUALITY_RESULTS),
    deps=[key(table) for table in CHECKED],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"greatexpectations", "deltalake"},
    **shown_tables.words(DATA_QUALITY_RESULTS),
)
def data_quality_results(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult:
    """Write what the run's checks found into the lake."""
    with metered_step() as cost:
        lake = workspace.lake(context.run_id)
        num_results = check_results.write(lake)
    rows = num_rows(lake.files.num_rows(DATA_QUALITY_RESULTS, days_of(context)))
    return dg.MaterializeResult(metadata={"num_results": num_results} | rows | said(cost))


@dg.definitions
def checks() -> dg.Definitions:
    """One check for each table that an asset makes, and the table of their results."""
    made = [suite_check(table) for table in CHECKED]
    return dg.Definitions(assets=[data_quality_results], asset_checks=made)
