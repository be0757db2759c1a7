"""Small lakes written without Spark, for what reads them on the driver."""

from datetime import UTC, date, datetime
from typing import Any

import deltalake
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.lake_files import LakeFiles
from etl.tables import Table

Row = dict[str, Any]
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def write(files: LakeFiles, table: Table, day: date, *rows: Row) -> None:
    """Write a day's rows; what a row does not say is null, or nothing where that may not be."""
    if rows:
        schema = arrow_schema(table.schema)
        whole = [_filled(schema, row | {"arrival_date": day}) for row in rows]
        path = str(files.root / table.path)
        found = pa.Table.from_pylist(whole, schema)
        deltalake.write_deltalake(path, found, partition_by=["arrival_date"], mode="append")
    files.mark(table, day, "")


def made(files: LakeFiles, table: Table, first: date, last: date) -> None:
    """Say of some days without rows that they were made."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        files.mark(table, date.fromordinal(ordinal), "")


def _filled(schema: pa.Schema, row: Row) -> Row:
    return {f.name: row.get(f.name, None if f.nullable else _nothing(f.type)) for f in schema}


def _nothing(kind: pa.DataType) -> object:
    if pa.types.is_timestamp(kind):
        return _AT
    if pa.types.is_date(kind):
        return _AT.date()
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_list(kind):
        return []
    return "" if pa.types.is_string(kind) else {} if pa.types.is_struct(kind) else 0
