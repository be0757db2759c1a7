"""The lake without Spark: which days were made, and rows as Arrow tables.

Together with ``etl.lake`` the only place that knows Delta. Here belongs what a driver or a command
reads in one process: a night's items, lists and examples, one user's rows. What grows with users
beyond one process is read through ``etl.lake``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.exceptions import DeltaError
from pyspark.sql.types import StructType

from etl.arrow import arrow_schema, newest
from etl.days import Days, last_full
from etl.tables.schema import PARTITION, Table

_READ_AHEAD: Final = {"batch_size": 1 << 15, "batch_readahead": 4, "fragment_readahead": 2}
"""By itself pyarrow has 64 batches of 131,072 rows on their way: of wide rows some gigabytes."""
_SAID: Final = 200
"""Characters of what Delta says of a damaged log that are shown."""
_FORGOTTEN: Final = ".forgotten"
"""Ends the marker of a day that was made and whose rows the table's retention has removed."""


class MissingDayError(LookupError):
    """A day is read that was never made; the text names the command that makes it."""


class BrokenTableError(RuntimeError):
    """Delta cannot read a table's log; the text says which and how to get it back."""


class ForgottenDayError(MissingDayError):
    """A day is read that was made, but whose rows the table's retention has removed since."""


@dataclass(frozen=True, slots=True)
class LakeFiles:
    """The lake's tables as files: read-only, but for the markers of days that were made."""

    root: Path
    """The home's ``lake`` folder."""
    first_day: date
    """The lake's first day: nothing exists before it, and its calendar counts from it."""

    def exists(self, table: Table) -> bool:
        """Tell whether anything was ever written to ``table``."""
        return (self.root / table.path / "_delta_log").is_dir()

    def is_empty(self, table: Table, days: Days) -> bool:
        """Tell whether ``days`` have no row, by the list of files alone."""
        return not self.exists(table) or not self._open(table).file_uris(_partitions(days))

    def snapshot(self, table: Table, days: Days) -> tuple[StructType, list[str]]:
        """Say the columns of the table's newest version, and which files hold the rows of ``days``.

        Delta's log is read once for both.
        """
        opened = self._open(table)
        columns = StructType.fromJson(json.loads(opened.schema().to_json()))
        return columns, opened.file_uris(_partitions(days))

    def num_rows(self, table: Table, days: Iterable[date]) -> dict[date, int]:
        """Count the rows of each of ``days`` by what Delta's log says of its files."""
        counts = dict.fromkeys(days, 0)
        if self.exists(table):
            files = pa.table(self._open(table).get_add_actions(flatten=True))
            for day, num in zip(
                files[f"partition.{PARTITION}"].to_pylist(),
                files["num_records"].to_pylist(),
                strict=True,
            ):
                if day in counts:
                    counts[day] += num
        return counts

    def made_days(self, table: Table) -> set[date]:
        """List the days of ``table`` that were made and are kept, empty ones included."""
        return {date.fromisoformat(p.name) for p in self._markers(table).glob("????-??-??")}

    def forgotten_days(self, table: Table) -> set[date]:
        """List the days of ``table`` that were made and are forgotten: nothing is missing there."""
        found = self._markers(table).glob(f"????-??-??{_FORGOTTEN}")
        return {date.fromisoformat(p.name.removesuffix(_FORGOTTEN)) for p in found}

    def missing_days(self, table: Table, days: Days) -> list[date]:
        """List those of ``days``, from the lake's first on, that were never made."""
        made = self.made_days(table) | self.forgotten_days(table)
        return [day for day in days if day >= self.first_day and day not in made]

    def require_made(self, table: Table, days: Days) -> None:
        """Refuse days that were never made, and those that are forgotten.

        Raises:
            MissingDayError: It names the days and the command that makes them.
            ForgottenDayError: It says also how long the table keeps its days.
        """
        self._require_none_missing(table, days)
        self.require_kept(table, days)

    def require_kept(self, table: Table, days: Iterable[date]) -> None:
        """Refuse forgotten days: their rows are not none, they are gone.

        Raises:
            ForgottenDayError: It names the days and the command that makes them again.
        """
        gone = sorted(self.forgotten_days(table) & set(days))
        if gone:
            raise ForgottenDayError(
                f"{table.path} of {_said(gone)} was made and has been forgotten: the table keeps "
                f"{table.retention_days} days. A backfill of the days that read it makes it again "
                f"first; by itself: nightmarket backfill --from {gone[0]} --to {gone[-1]}"
            )

    def _require_none_missing(self, table: Table, days: Days) -> None:
        missing = self.missing_days(table, days)
        if missing:
            raise MissingDayError(
                f"{table.path} of {_said(missing)} was never made. Make it first: "
                f"nightmarket backfill --from {missing[0]} --to {missing[-1]}"
            )

    def mark(self, table: Table, day: date, run_id: str) -> None:
        """Say that ``day`` of ``table`` was made."""
        marker = self._markers(table) / str(day)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"run_id": run_id}))
        _forgotten(marker).unlink(missing_ok=True)

    def forget(self, table: Table, day: date) -> None:
        """Say that ``day`` of ``table`` was made and that its rows may go (``etl.upkeep``)."""
        marker = self._markers(table) / str(day)
        marker.replace(_forgotten(marker))

    def version(self, table: Table) -> int | None:
        """The table's newest version; None before its first commit."""
        return self._open(table).version() if self.exists(table) else None

    def last_commit_metrics(self, table: Table) -> dict[str, int]:
        """What the newest commit counted: numOutputRows, numOutputBytes, …; empty without one."""
        if not self.exists(table):
            return {}
        counted = self._open(table).history(1)[0].get("operationMetrics") or {}
        return {name: int(value) for name, value in counted.items() if str(value).isdigit()}

    def arrow(
        self,
        table: Table,
        days: Days,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Read the rows of ``days`` into memory.

        Args:
            table: What is read.
            days: Which days; days before the lake's first have none.
            columns: Which columns, in this order; all of them if None.
            where: Rows to keep, as pyarrow says it.

        Raises:
            MissingDayError: If one of the days was not made.
        """
        parts = self.batches(table, days, columns=columns, where=where)
        return pa.Table.from_batches(parts, _schema(table, columns))

    def empty(self, table: Table, columns: Sequence[str] | None = None) -> pa.Table:
        """Make no rows, with the columns that ``arrow`` would read."""
        return _schema(table, columns).empty_table()

    def made(self, table: Table) -> pa.Table:
        """Read every row of every day that was made and is kept, by day, in one pass."""
        days = sorted(self.made_days(table))
        if not days:
            return self.empty(table)
        found = self._unchecked(table, Days(days[0], days[-1]))
        rows = pa.Table.from_batches(found, _schema(table, None))
        wanted = pa.array(days, pa.date32())
        return rows.filter(pc.is_in(rows.column(PARTITION), value_set=wanted)).sort_by(PARTITION)

    def batches(
        self,
        table: Table,
        days: Days,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read as ``arrow`` does, batch by batch, in no promised order."""
        self.require_made(table, days)
        yield from self._unchecked(table, days, columns, where)

    def _unchecked(
        self,
        table: Table,
        days: Days,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        schema = _schema(table, columns)
        if not self.exists(table):
            return
        wanted = (ds.field(PARTITION) >= days.first) & (ds.field(PARTITION) <= days.last)
        if where is not None:
            wanted &= where
        found = self._open(table).to_pyarrow_dataset(partitions=_partitions(days))
        scanner = found.scanner(columns=schema.names, filter=wanted, **_READ_AHEAD)
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield pa.Table.from_batches([batch]).cast(schema).combine_chunks().to_batches()[0]

    def arrow_as_of(
        self,
        table: Table,
        day: date,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Read each key's newest row of a touched-only table, as known at the end of ``day``."""
        days = Days(last_full(max(day, self.first_day), self.first_day), max(day, self.first_day))
        wanted = list(columns or table.column_names)
        read = list(dict.fromkeys([*wanted, PARTITION, *table.key]))
        rows = self.arrow(table, days, columns=read, where=where)
        return newest(rows, table.key, PARTITION).select(wanted)

    def arrow_of(
        self,
        table: Table,
        days: Days,
        *,
        key: str,
        values: Iterable[str],
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read the rows of a few keys: of all others little more than the key is decoded.

        ``arrow`` decodes every column of every row before it keeps any (docs/performance.md).

        Args:
            table: What is read.
            days: Which days; days before the lake's first have none.
            key: A column of words.
            values: Whose rows are kept.
            columns: Which columns, in this order; all of them if None.

        Raises:
            MissingDayError: If one of the days was not made.
        """
        self.require_made(table, days)
        schema = _schema(table, columns)
        wanted = ", ".join(_quoted(value, "'") for value in values)
        if not wanted or self.is_empty(table, days):
            return schema.empty_table()
        read = ", ".join(_quoted(name, '"') for name in schema.names)
        found = deltalake.QueryBuilder().register("found", self._open(table))
        rows = found.execute(
            f"SELECT {read} FROM found WHERE {_quoted(key, chr(34))} IN ({wanted}) "  # noqa: S608
            f"AND {PARTITION} BETWEEN '{days.first}' AND '{days.last}'"
        )
        return pa.table(rows.read_all()).cast(schema)

    def _open(self, table: Table) -> deltalake.DeltaTable:
        """Read the table's log.

        Raises:
            BrokenTableError: If it cannot be read.
        """
        folder = self.root / table.path
        try:
            opened = deltalake.DeltaTable(str(folder))
        except (DeltaError, OSError) as error:
            raise self._broken(table, " ".join(str(error).split())[:_SAID]) from error
        # What a machine that lost its power may leave of a commit; Delta takes it for one that
        # changed nothing, and its rows would be gone without a word.
        newest = folder / "_delta_log" / f"{opened.version():020}.json"
        if newest.exists() and newest.stat().st_size == 0:
            raise self._broken(table, f"{newest.name} is empty")
        return opened

    def _broken(self, table: Table, found: str) -> BrokenTableError:
        folder = self.root / table.path
        days = sorted(self.made_days(table)) or [self.first_day]
        return BrokenTableError(
            f"{table.path} cannot be read: {folder / '_delta_log'} is damaged ({found}). Put that "
            f"folder back from a copy; or remove {folder} and {self._markers(table)}, and make its "
            f"days again: nightmarket backfill --from {days[0]} --to {days[-1]}"
        )

    def _markers(self, table: Table) -> Path:
        return self.root / "_days" / table.path


def _forgotten(marker: Path) -> Path:
    return marker.with_name(marker.name + _FORGOTTEN)


def _partitions(days: Days) -> list[tuple[str, str, str]]:
    return [(PARTITION, ">=", str(days.first)), (PARTITION, "<=", str(days.last))]


def _schema(table: Table, columns: Sequence[str] | None) -> pa.Schema:
    whole = arrow_schema(table.schema)
    return pa.schema([whole.field(name) for name in columns or table.column_names])


def _quoted(word: str, mark: str) -> str:
    """Quote a word for SQL: a value by ', a name by "."""
    return mark + word.replace(mark, 2 * mark) + mark


def _said(days: list[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]} ({len(days)} days)"
