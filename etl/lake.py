"""Reads and writes the lake's tables through Spark.

A table's rows live in Delta; which of its days were made lives beside it in ``_days/``, because an
empty day and a missing day look the same in Delta. The marker is written after the commit: a run
killed between the two leaves a day that reads as missing, and making it again leaves the same rows.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from etl.days import Days, last_full
from etl.lake_files import LakeFiles, MissingDayError
from etl.tables.schema import PARTITION, Table

# Statistics of id columns would keep ids in the log after an erasure.
_PROPERTIES: Final = {
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
}


__all__ = ["Lake", "MissingDayError", "RejectedRowsError", "SchemaMismatchError"]


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
            SchemaMismatchError: If what is on disk differs from ``table.schema``.
        """
        self.files.require_made(table, days)
        if self.files.is_empty(table, days):
            return self.empty(table)
        return self._load(table).where(F.col(PARTITION).between(days.first, days.last))

    def unchecked(self, table: Table) -> DataFrame:
        """Read every row there is, whatever days were made."""
        return self._load(table)

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

    def write(self, table: Table, rows: DataFrame, days: Days) -> None:
        """Replace ``days`` in one commit; twice leaves the same table.

        Raises:
            SchemaMismatchError: If the columns or types differ from ``table.schema``.
            RejectedRowsError: If a row is of another day, or null where none may be.
        """
        where = f"{PARTITION} >= '{days.first}' AND {PARTITION} <= '{days.last}'"
        self.replace(table, rows, where)
        for day in days:
            self.files.mark(table, day, self.run_id)

    def replace(self, table: Table, rows: DataFrame, where: str) -> None:
        """Replace the rows that meet ``where`` without saying that a day is made."""
        _require_columns(rows.schema, table)
        self._create_if_missing(table)
        options = {"replaceWhere": where, "userMetadata": self.run_id, "optimizeWrite": "true"}
        writer = rows.write.format("delta").mode("overwrite").options(**options)
        try:
            writer.save(self._path(table))
        except AnalysisException as error:
            if error.getCondition() != "DELTA_REPLACE_WHERE_MISMATCH":
                raise
            reason = str(error).splitlines()[1]
            raise RejectedRowsError(f"{table.path} takes {where} only: {reason}") from error

    def empty(self, table: Table) -> DataFrame:
        """Make a DataFrame of ``table`` without rows."""
        # The limit lets Spark see that there is nothing, and skip what would be done with it.
        return self.spark.createDataFrame([], table.schema).limit(0)

    @property
    def files(self) -> LakeFiles:
        """The same lake without Spark."""
        return LakeFiles(self.root, self.first_day)

    def made_days(self, table: Table) -> set[date]:
        """List the days of ``table`` that were made, empty ones included."""
        return self.files.made_days(table)

    def missing_days(self, table: Table, days: Days) -> list[date]:
        """List those of ``days``, from the lake's first on, that were never made."""
        return self.files.missing_days(table, days)

    def exists(self, table: Table) -> bool:
        """Tell whether anything was ever written to ``table``."""
        return self.files.exists(table)

    def _load(self, table: Table) -> DataFrame:
        if not self.exists(table):
            return self.empty(table)
        rows = self.spark.read.format("delta").load(self._path(table))
        _require_columns(rows.schema, table)
        return rows

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


def _require_columns(found: StructType, table: Table) -> None:
    """Names, types and order; Delta itself refuses a null where the table promises none."""
    if _columns(found) != _columns(table.schema):
        raise SchemaMismatchError(
            f"{table.path}: promised {_columns(table.schema)}, found {_columns(found)}"
        )


def _columns(schema: StructType) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in schema]
