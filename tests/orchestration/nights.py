"""Nights of a home, in this process or by a command, and the rows that they leave."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pyspark.sql import SparkSession

from etl import tables
from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration.defs.nightly import TRAINED
from orchestration.planning import EVERYTHING, selection
from orchestration.reads import key
from orchestration.runs import BACKFILL, KIND, execute
from orchestration.side_by_side import executor_of
from orchestration.workspace import Workspace
from tests.orchestration.tiny_shop import FIRST_DAY

NIGHTMARKET = str(Path(sys.executable).with_name("nightmarket"))
FEED = "product_feed"
ROWS_ONLY = "rows_only"
"""Makes all rows; checks nothing, publishes nothing."""
PUBLISHED = "published"
"""Checks every row of slates that are there, and publishes them."""
MADE_BY_ROWS_ONLY = tuple(
    table for table in EVERYTHING if table not in {tables.PUBLICATIONS_LOG, *TRAINED}
)
_ROWS = selection(*MADE_BY_ROWS_ONLY, *TRAINED) - dg.AssetSelection.assets(
    key(tables.DATA_QUALITY_RESULTS)
)


class Shop:
    """One home, and the jobs that run on it."""

    def __init__(
        self,
        home: Home,
        definitions: dg.Definitions,
        spark: SparkSession,
        *,
        jobs: Sequence[UnresolvedAssetJobDefinition] = (),
    ) -> None:
        self.home, self._spark = home, spark
        published = dg.AssetSelection.assets(key(tables.PUBLICATIONS_LOG))
        own = [
            dg.define_asset_job(ROWS_ONLY, selection=_ROWS.without_checks()),
            dg.define_asset_job(PUBLISHED, selection=published),
        ]
        self._definitions = dg.Definitions(
            assets=definitions.assets,
            asset_checks=definitions.asset_checks,
            jobs=[*own, *jobs, *(definitions.jobs or [])],
            resources={"workspace": Workspace(home_path=str(home.root))},
            executor=executor_of(2),
        )

    def run(self, job: str, days: Days, *, tasks: int = 2) -> dg.ExecuteInProcessResult:
        """Run a job on some days, with so many tasks after a shuffle."""
        self._spark.conf.set("spark.sql.shuffle.partitions", str(tasks))
        tags = {
            KIND: BACKFILL,
            "dagster/asset_partition_range_start": str(days.first),
            "dagster/asset_partition_range_end": str(days.last),
        }
        one = {"dagster/partition": str(days.last)}
        with dg.DagsterInstance.ephemeral() as instance:
            result = execute(
                self._definitions.resolve_job_def(job),
                instance,
                tags=one if len(days) == 1 else tags,
            )
        assert self._spark.conf.get("spark.sql.shuffle.partitions") == str(tasks)
        return result

    def rows(self, table: Table, days: Days) -> pa.Table:
        """The rows of some days, in an order of their own; volatile columns left out."""
        return rows_of(self.home, table, days)

    def files_of(self, when: date) -> dict[Path, int]:
        """A day's files with the time of their last change."""
        found = self.home.lake.rglob(f"arrival_date={when}/*.parquet")
        return {path: path.stat().st_mtime_ns for path in found}

    def num_rows(self, table: Table, when: date) -> int:
        return self.rows(table, night(when)).num_rows


def night(when: date) -> Days:
    return Days(when, when)


def rows_of(home: Home, table: Table, days: Days) -> pa.Table:
    """A home's rows of some days, in an order of their own; volatile columns left out."""
    kept = [name for name in table.column_names if name not in table.volatile]
    files = LakeFiles(home.lake, FIRST_DAY)
    found = pa.concat_tables([files.arrow(table, night(one), columns=kept) for one in days])
    return found.sort_by([(name, "ascending") for name in (tables.PARTITION, *table.key)])


def differing(one: Home, other: Home, days: Days, made: Sequence[Table]) -> list[str]:
    """Which tables of two homes do not have the same rows."""
    return [t.path for t in made if not rows_of(one, t, days).equals(rows_of(other, t, days))]


def backfill(home: Home, days: Days, settings: Mapping[str, str]) -> None:
    """Make a range of days by the command, a process of its own."""
    command = [NIGHTMARKET, "backfill", "--from", str(days.first), "--to", str(days.last)]
    environment = os.environ | settings | {"NIGHTMARKET_HOME": str(home.root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
