"""Reads and writes the lake's tables through Spark.

A table's rows live in Delta; which of its days were made lives beside it in ``_days/``, because an
empty day and a missing day look the same in Delta. The marker is written after the commit: a run
killed between the two leaves a day that reads as missing, and making it again leaves the same rows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from etl.days import Days, last_full
from etl.lake_files import ForgottenDayError, LakeFiles, MissingDayError
from etl.tables.schema import PARTITION, Table

# Statistics of id columns would keep ids in the log after an erasure.
_PROPERTIES: Final = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
}
# How Delta and ``_within`` word what they refuse, somewhere in a trace of Java's.
_REFUSED: Final = re.compile(r"(?:NOT NULL|CHECK) constraint .*|a row is of .*")
_ONE_TASK_BYTES: Final = 1 << 20
"""Less is read by one task: what one task holds is grouped and joined without a shuffle, whose jobs
cost more than the second core gives."""

__all__ = [
    "ForgottenDayError",
    "Lake",
    "MissingDayError",
    "RejectedRowsError",
    "SchemaMismatchError",
]


class SchemaMismatchError(ValueError):
    """A DataFrame, or a table on disk, does not have the columns its table promises."""


class RejectedRowsError(ValueError):
    """A row is of a day that was not to be written, or null where the table promises a value."""


@dataclass(frozen=True, slots=True)
class Lake:
    """Delta tables, one folder each, partitioned by ``arrival_date``."""

    spark: SparkSession
    root: Path
    """The home's ``lake`` folder."""
    first_day: date
    """The lake's first day: nothing exists before it, and its calendar counts from it."""
    run_id: str = ""
    """Written into each commit's user metadata."""

    def read(self, table: Table, days: Days) -> DataFrame:
        """Read the rows of ``days``; days before the lake's first have none.

        Raises:
            MissingDayError: If one of them was not made.
            ForgottenDayError: If the table's retention has removed one of them.
            SchemaMismatchError: If what is on disk differs from ``table.schema``.
        """
        self.files.require_made(table, days)
        return self.unchecked(table, days)

    def unchecked(self, table: Table, days: Days) -> DataFrame:
        """Read the rows that ``days`` have, whether they were made or not.

        Spark reads the files that Delta's log names. Letting it ask the log itself costs two to
        three times as much: a query of its own over the log's actions for every read.
        """
        if not self.exists(table):
            return self.empty(table)
        columns, paths = self.files.snapshot(table, days)
        _require_columns(columns, table)
        if not paths:
            return self.empty(table)
        reader = self.spark.read.schema(table.schema).option("basePath", self._path(table))
        rows = reader.parquet(*paths).select(table.column_names)
        return rows.coalesce(1) if _num_bytes(paths) < _ONE_TASK_BYTES else rows

    def as_of(self, table: Table, day: date) -> DataFrame:
        """Read each key's newest row of a touched-only table, as known at the end of ``day``.

        The rows keep the partition they were written in.
        """
        rows = self.since_full(table, Days(day, day))
        columns = [c for c in table.column_names if c not in table.key]
        newest = F.max_by(F.struct(*columns), F.col(PARTITION)).alias("newest")
        found = rows.groupBy(*table.key).agg(newest).select(*table.key, "newest.*")
        return found.select(table.column_names)

    def since_full(self, table: Table, days: Days) -> DataFrame:
        """Read a touched-only table's rows from the full partition that ``days.first`` rests on.

        Whoever walks the days takes, for each key, the newest row not after the day at hand.
        """
        first = last_full(max(days.first, self.first_day), self.first_day)
        return self.read(table, Days(first, max(days.last, first)))

    def write(self, table: Table, rows: DataFrame | None, days: Days) -> None:
        """Replace ``days`` in one commit; twice leaves the same table.

        Args:
            table: Which table.
            rows: Its rows; None where it is known that there are none, which costs next to nothing.
            days: The days that are made.

        Raises:
            SchemaMismatchError: If the columns or types differ from ``table.schema``.
            RejectedRowsError: If a row is of another day, or null where none may be.
        """
        if rows is None and self.exists(table) and self.files.is_empty(table, days):
            self._mark(table, days)
            return
        rows = self.empty(table) if rows is None else rows
        _require_columns(rows.schema, table)
        self._create_if_missing(table)
        where = f"{PARTITION} >= '{days.first}' AND {PARTITION} <= '{days.last}'"
        options = {"userMetadata": self.run_id, "optimizeWrite": "true"}
        if self.files.is_empty(table, days):
            # A new night replaces nothing, and not to look for anything costs a quarter.
            writer = _within(rows, days).write.mode("append")
        else:
            writer = rows.write.mode("overwrite").option("replaceWhere", where)
        try:
            writer.format("delta").options(**options).save(self._path(table))
        except (PySparkException, Py4JJavaError) as error:
            refused = _REFUSED.search(str(error))
            if refused is None:
                raise
            raise RejectedRowsError(f"{table.path} takes {where} only: {refused[0]}") from error
        self._mark(table, days)

    def _mark(self, table: Table, days: Days) -> None:
        for day in days:
            self.files.mark(table, day, self.run_id)

    def empty(self, table: Table) -> DataFrame:
        """Make a DataFrame of ``table`` without rows."""
        # The limit lets Spark see that there is nothing, and skip what would be done with it.
        return self.spark.createDataFrame([], table.schema).limit(0)

    def frame(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> DataFrame | None:
        """Make a DataFrame of ``table`` of a few rows that lie in memory; None of no rows."""
        values = [tuple(row[name] for name in table.column_names) for row in rows]
        return self.spark.createDataFrame(values, table.schema) if values else None

    def arrow_frame(self, table: Table, rows: pa.Table) -> DataFrame | None:
        """Make a DataFrame of ``table`` of rows that lie in memory; None of no rows."""
        return self.spark.createDataFrame(rows, table.schema) if rows.num_rows else None

    @property
    def files(self) -> LakeFiles:
        """The same lake without Spark."""
        return LakeFiles(self.root, self.first_day)

    def made_days(self, table: Table) -> set[date]:
        """List the days of ``table`` that were made and are kept, empty ones included."""
        return self.files.made_days(table)

    def missing_days(self, table: Table, days: Days) -> list[date]:
        """List those of ``days``, from the lake's first on, that were never made."""
        return self.files.missing_days(table, days)

    def exists(self, table: Table) -> bool:
        """Tell whether anything was ever written to ``table``."""
        return self.files.exists(table)

    def _create_if_missing(self, table: Table) -> None:
        if self.exists(table):
            return
        empty = DeltaTable.createIfNotExists(self.spark).location(self._path(table))
        empty = empty.addColumns(table.schema).partitionedBy(PARTITION).comment(table.grain)
        for name, value in _PROPERTIES.items():
            empty = empty.property(name, value)
        empty.execute()

    def _path(self, table: Table) -> str:
        return str(self.root / table.path)


def _num_bytes(paths: list[str]) -> int:
    return sum(Path(path).stat().st_size for path in paths)


def _within(rows: DataFrame, days: Days) -> DataFrame:
    """Let a row of another day be an error while it is written, as ``replaceWhere`` does."""
    day = F.col(PARTITION)
    said = F.concat(F.lit("a row is of "), F.coalesce(day.cast("string"), F.lit("no day")))
    checked = F.when(day.between(days.first, days.last), day).otherwise(F.raise_error(said))
    return rows.withColumn(PARTITION, checked)


def _require_columns(found: StructType, table: Table) -> None:
    """Names, types and order; Delta itself refuses a null where the table promises none."""
    if _columns(found) != _columns(table.schema):
        raise SchemaMismatchError(
            f"{table.path}: promised {_columns(table.schema)}, found {_columns(found)}"
        )


def _columns(schema: StructType) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in schema]
