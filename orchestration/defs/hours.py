"""One more check of bronze/files: whether an hour is missing of which there usually is a file.

A file that never came is no bad row: the suite of the table cannot see it.
"""

from typing import Final

import dagster as dg

from etl import tables
from etl.bronze.files import SealedFile, missing_hours
from etl.days import one_day
from etl.lake_files import LakeFiles
from orchestration.partitions import days_of
from orchestration.reads import key
from orchestration.workspace import Workspace

NAME: Final = "hours"
_USUAL_DAYS: Final = 7


@dg.asset_check(
    asset=key(tables.BRONZE_FILES),
    name=NAME,
    description=f"Of each hour that had a file on {_USUAL_DAYS} days there is one; else a warning.",
)
def hours(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
    """Look at the last of the days made; nothing is said before the lake is a week old."""
    day = days_of(context).last
    missing = missing_hours(_files(workspace.files, context), day, num_days=_USUAL_DAYS)
    said = "; ".join(f"{one} of {', '.join(map(str, at))} h" for one, at in missing.items())
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{day}: nothing came of hours that each of the {_USUAL_DAYS} days before had: "
        f"{said}. If it still comes, the next night reads it; else ask who sends it."
        if missing
        else "every usual hour came",
    )


def _files(files: LakeFiles, context: dg.AssetCheckExecutionContext) -> list[SealedFile]:
    table = tables.BRONZE_FILES
    week = one_day(days_of(context).last).reaching_back(_USUAL_DAYS)
    made = sorted(files.made_days(table) & set(week))
    rows = (row for day in made for row in files.arrow(table, one_day(day)).to_pylist())
    return [SealedFile(**row) for row in rows]


@dg.definitions
def checks() -> dg.Definitions:
    """The one check."""
    return dg.Definitions(asset_checks=[hours])
