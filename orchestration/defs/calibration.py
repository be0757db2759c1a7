"""One more check of rankers/calibrators: whether what is served comes as often as it says.

The suite of the table holds whether its rows make sense; this one, whether they are true.
"""

from typing import Final

import dagster as dg

from etl import tables
from orchestration.cost import metered_step
from orchestration.partitions import days_of
from orchestration.reads import key
from orchestration.served_truth import Served, verdicts
from orchestration.table_asset import said
from orchestration.workspace import Workspace
from training.calibration_verdict import VerdictConfig

_WORST_FIRST: Final = ("blocked", "warned", "too_few", "passed")


@dg.asset_check(
    asset=key(tables.RANKERS_CALIBRATORS),
    name="calibration",
    additional_deps=[key(tables.RANKERS_REPORTS), key(tables.RANKERS_CHAMPIONS)],
    blocking=True,
    description="Predicted beside observed of who served: within 3 %; beyond 10 % nothing is made.",
)
def calibration(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Judge the last of the days made, with those before it that it takes to be sure."""
    with metered_step() as cost:
        found = verdicts(workspace.files, days_of(context).last, VerdictConfig())
    found.sort(key=lambda one: _WORST_FIRST.index(one.verdict.level))
    levels = {one.verdict.level for one in found}
    is_blocked = "blocked" in levels
    is_unmet = is_blocked or "warned" in levels
    return dg.AssetCheckResult(
        passed=not is_unmet,
        severity=dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN,
        description=_sentence(found[0]) if found else "nothing that is calibrated has served yet",
        metadata={
            "results": dg.MetadataValue.md(_table(found)),
            **said(cost),
        },
    )


def _sentence(one: Served) -> str:
    return f"{one.surface}, {one.task}: {one.verdict.text}"


def _table(found: list[Served]) -> str:
    head = "| surface | task | days | level | what was found |\n|---|---|---|---|---|"
    rows = (
        f"| {one.surface} | {one.task} | {one.first_date} … {one.last_date} | {one.verdict.level} "
        f"| {one.verdict.text} |"
        for one in found
    )
    return "\n".join([head, *rows])


@dg.definitions
def checks() -> dg.Definitions:
    """The one check."""
    return dg.Definitions(asset_checks=[calibration])
