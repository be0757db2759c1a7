"""The one way an asset of this project is declared: by the table it makes and what it reads.

An asset makes all days of its run in one pass, writes them in one commit, and shows what that cost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import dagster as dg
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from etl import spark
from etl.bronze.files import SealError, SourceNameError
from etl.days import Days
from etl.home import HomeError
from etl.lake import Lake, MissingDayError, RejectedRowsError, SchemaMismatchError
from etl.lake_files import BrokenTableError
from etl.spark import SparkStartError
from etl.surfaces import Surface
from etl.tables import Table
from orchestration import shown_tables
from orchestration.border import DISK_FULL, is_disk_full
from orchestration.bucketing import num_buckets
from orchestration.cost import Cost, metered_step
from orchestration.holding import HomeBusyError, hold
from orchestration.partitions import DAYS, days_of
from orchestration.reads import Read, key
from orchestration.runs import LEFT_OUT
from orchestration.settings import Settings
from orchestration.workspace import Workspace
from training.rankers.ranker import UnknownModelError

RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL)

OWN_ERRORS: Final = (
    BrokenTableError,
    MissingDayError,
    RejectedRowsError,
    SchemaMismatchError,
    SealError,
    SourceNameError,
    SparkStartError,
    HomeBusyError,
    HomeError,
    UnknownModelError,
)
"""They say what to do; trying again changes nothing."""

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Night:
    """What a maker is given besides its inputs."""

    workspace: Workspace
    lake: Lake
    days: Days
    run_id: str
    left_out: frozenset[str] = frozenset()
    """Paths of tables that the run leaves out on purpose: its steps do without these days."""
    _kept: list[DataFrame] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings, with the number of groups of users that this night asks for."""
        settings = self.workspace.settings
        if settings.buckets:
            return settings
        found = num_buckets(self.lake.files, self.days, num_candidates=settings.candidates)
        return settings.model_copy(update={"buckets": found})

    def evenings(self, num_days: int) -> Days | None:
        """List the evenings up to ``num_days`` before the days made; None before the lake's."""
        first = max(self.days.first - timedelta(days=num_days), self.lake.first_day)
        last = self.days.last - timedelta(days=1)
        return Days(first, last) if first <= last else None

    def kept(self, rows: DataFrame) -> DataFrame:
        """Keep rows on disk until the step's tables are written."""
        self._kept.append(rows.persist(StorageLevel.DISK_ONLY))
        return self._kept[-1]

    def let_go(self) -> None:
        """Give up what was kept."""
        for rows in self._kept:
            rows.unpersist()

    @classmethod
    def of(cls, context: dg.AssetExecutionContext, workspace: Workspace) -> "Night":
        """What the run of ``context`` makes, and with what."""
        hold(workspace.home, f"Dagster run {context.run_id[:8]}")
        days = days_of(context)
        return cls(
            workspace,
            workspace.lake(context.run_id, len(days)),
            days,
            context.run_id,
            frozenset(context.run.tags.get(LEFT_OUT, "").split()),
        )


@dataclass(frozen=True, slots=True)
class Made:
    """What a maker hands over: a table's rows, and what people should see of them."""

    rows: DataFrame | None
    """None where it is known that there are none."""
    metadata: Metadata | None = None


Maker = Callable[..., Mapping[Table, Made]]
"""Takes a ``Night`` and the inputs by name; gives the rows of each of its tables."""


def table_asset(
    table: Table,
    make: Callable[..., DataFrame | Made],
    *,
    reads: Mapping[str, Read] | None = None,
    picture: "Picture | None" = None,
) -> dg.AssetsDefinition:
    """Declare the asset that makes ``table``.

    Args:
        table: The table.
        make: Takes the ``Night`` and the inputs by the names of ``reads``; gives the rows.
        reads: The inputs.
        picture: Draws what people would rather look at.
    """

    def maker(night: Night, **inputs: DataFrame) -> Mapping[Table, Made]:
        made = make(night, **inputs)
        return {table: made if isinstance(made, Made) else Made(made)}

    return table_assets([table], maker, reads=reads, pictures={table: picture} if picture else {})


Picture = Callable[[Night], str]
"""Draws a picture after the table was written: markdown."""


def table_assets(
    made_tables: Sequence[Table],
    make: Maker,
    *,
    reads: Mapping[str, Read] | None = None,
    pictures: Mapping[Table, Picture] | None = None,
) -> dg.AssetsDefinition:
    """Declare assets that are made together, because they share a pass over their inputs."""
    name = made_tables[0].path.replace("/", "_")
    given = reads or {}

    @dg.multi_asset(
        name=name,
        specs=[_spec(table, made_tables, given) for table in made_tables],
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=RETRIES,
        can_subset=len(made_tables) > 1,
    )
    def asset(
        context: dg.AssetExecutionContext, workspace: Workspace
    ) -> Iterator[dg.MaterializeResult]:
        night = Night.of(context, workspace)
        wanted = [table for table in made_tables if key(table) in context.selected_asset_keys]
        with worth_retrying(), metered_step() as cost:
            try:
                made = make(night, **_inputs(night, given))
                for table in wanted:
                    night.lake.write(table, made[table].rows, night.days)
            finally:
                night.let_go()
        for table in wanted:
            picture = (pictures or {}).get(table)
            drawn = {"picture": dg.MetadataValue.md(picture(night))} if picture else {}
            shown = _written(night, table, made[table]) | said(cost)
            yield dg.MaterializeResult(asset_key=key(table), metadata=shown | drawn)

    return asset


def _inputs(night: Night, reads: Mapping[str, Read]) -> dict[str, DataFrame]:
    for read in reads.values():
        if read.table.path not in night.left_out:
            read.require_made(night.lake, night.days)
    return {name: r.rows(night.lake, night.days) for name, r in reads.items() if r.is_frame}


@contextmanager
def worth_retrying() -> Iterator[None]:
    """Let the machine's trouble be tried again; what our own errors say stays so."""
    try:
        yield
    except OWN_ERRORS as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    except Exception as error:
        if spark.is_gone():
            raise dg.Failure(description=spark.GONE, allow_retries=False) from error
        if is_disk_full(error):
            raise dg.Failure(description=DISK_FULL, allow_retries=False) from error
        raise


def no_evening() -> Made:
    """Write an empty day, and say why: it rests on an evening before, and there was none."""
    return Made(None, {"empty_because": "no evening came before"})


def no_impressions() -> Made:
    """Write an empty day, and say why: nobody was shown anything that was logged."""
    return Made(None, {"empty_because": "the log has no impressions"})


def no_items(surface: Surface) -> Made:
    """Write an empty day, and say why: the log has nothing that ``surface`` could show."""
    reason = f"the log has no {surface.item_type.replace('_', ' ')}s"
    return Made(None, {"empty_because": reason})


def _spec(table: Table, made_tables: Sequence[Table], reads: Mapping[str, Read]) -> dg.AssetSpec:
    """Name the tables that a table is made of, but for what is made with it: that is the past."""
    return dg.AssetSpec(
        key=key(table),
        deps={key(read.table) for read in reads.values() if read.table not in made_tables},
        kinds=shown_tables.kinds(table),
        **shown_tables.words(table, _windows(reads)),
    )


def _windows(reads: Mapping[str, Read]) -> dict[str, str]:
    """Say of each table that is read which days, as far as its widest read goes."""
    widest = sorted(reads.values(), key=lambda read: (read.num_days_back, read.num_days_ahead))
    return {read.table.path: read.window for read in widest}


def _written(night: Night, table: Table, made: Made) -> Metadata:
    """Say what was written. Of no rows there is no commit: the newest one is of another night."""
    files = night.lake.files
    rows = files.num_rows(table, night.days)
    metrics = files.last_commit_metrics(table) if any(rows.values()) else {}
    return {
        **num_rows(rows),
        "bytes_written": int(metrics.get("numOutputBytes", 0)),
        "dagster/uri": str(night.lake.root / table.path),
        **(made.metadata or {}),
    }


def num_rows(by_day: Mapping[date, int]) -> Metadata:
    """Say how many rows there are of a day; of a range, which has one word for all days, of each.

    Dagster tells what a run says of a table to every one of the run's days.
    """
    if len(by_day) == 1:
        return {"dagster/partition_row_count": sum(by_day.values())}
    lines = [f"| {day} | {number:,} |" for day, number in by_day.items()]
    told = "\n".join(["| day | rows |", "|---|---|", *lines])
    return {"num_rows": sum(by_day.values()), "num_rows_by_day": dg.MetadataValue.md(told)}


def said(cost: Cost) -> Metadata:
    """Say what a step cost, as metadata."""
    return {
        "wall_seconds": round(cost.wall_seconds, 2),
        "cpu_seconds": round(cost.cpu_seconds, 2),
        "peak_memory_mb": round(cost.peak_memory_mb),
    }
