"""Writes a day's slates into one file for those who read no LMDB and no lake.

Belongs here: rows of slates/<surface> in, one parquet, csv or jsonl file out, in constant memory.

Shapes: R rows, P places (the rows' items one behind another).
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from etl.arrow import arrow_schema, flat_lists, places_in_runs, run_starts
from etl.surfaces import NAMES
from etl.tables import PARTITION, SLATES
from etl.tables.serving import PREDICTIONS

FORMATS: Final = ("parquet", "csv", "jsonl")
_ROWS_AT_ONCE: Final = 4096
"""Slates held in memory at once."""
SOURCE_SEPARATOR: Final = "|"
COLUMNS: Final = pa.schema(
    [
        ("surface", pa.string()),
        ("day", pa.date32()),
        ("audience", pa.string()),
        ("audience_key", pa.string()),
        ("rank", pa.int32()),
        ("item_id", pa.string()),
        ("item_no", pa.int32()),
        ("value", pa.float64()),
        *((field, pa.float32()) for field in PREDICTIONS.values()),
        ("propensity", pa.float64()),
        ("is_exploration", pa.bool_()),
        ("sources", pa.string()),
    ]
)
"""Of csv and parquet: one row a place of a slate; ``rank`` from 1, sources joined by ``|``."""
_OF_ITEM: Final = (
    "item_id",
    "item_no",
    "value",
    *PREDICTIONS.values(),
    "propensity",
    "is_exploration",
)
_OF_SLATE: Final = (
    PARTITION,
    "audience",
    "audience_key",
    "segment",
    "short_reason",
    "ranker",
    "model_date",
)


class ExportError(ValueError):
    """An export was asked for that cannot be written; the message lists what can."""


def export(
    slates: Iterable[pa.Table | pa.RecordBatch], target: Path, *, surface: str, format_: str
) -> int:
    """Write slates into one file, which appears when it is complete.

    Args:
        slates: Rows of ``tables.SLATES``, in any order, read once.
        target: The file; replaced if there is one. Until it is complete, it ends in ``.part``.
        surface: Whose slates they are.
        format_: parquet or csv (``COLUMNS``), or jsonl: one slate a line, its items in ``items``.

    Returns:
        Slates written.

    Raises:
        ExportError: If there is no such format.
    """
    if format_ not in FORMATS:
        raise ExportError(f"no format {format_!r}; there are {', '.join(FORMATS)}")
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            num_slates = _WRITERS[format_](_parts(slates), file, surface)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return num_slates


def _parts(slates: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    schema = arrow_schema(SLATES[NAMES[0]].schema)
    for given in slates:
        table = pa.Table.from_batches([given]) if isinstance(given, pa.RecordBatch) else given
        for start in range(0, len(table), _ROWS_AT_ONCE):
            yield table.slice(start, _ROWS_AT_ONCE).select(schema.names).cast(schema)


def _write_parquet(parts: Iterator[pa.Table], file: BinaryIO, surface: str) -> int:
    num_slates = 0
    with parquet.ParquetWriter(file, COLUMNS, compression="zstd") as writer:
        for part in parts:
            writer.write_table(_places(part, surface))
            num_slates += len(part)
    return num_slates


def _write_csv(parts: Iterator[pa.Table], file: BinaryIO, surface: str) -> int:
    num_slates = 0
    with csv.CSVWriter(file, COLUMNS) as writer:
        for part in parts:
            writer.write_table(_places(part, surface))
            num_slates += len(part)
    return num_slates


def _write_jsonl(parts: Iterator[pa.Table], file: BinaryIO, surface: str) -> int:
    encoder, num_slates = msgspec.json.Encoder(), 0
    for part in parts:
        file.writelines(encoder.encode(line) + b"\n" for line in _lines(part, surface))
        num_slates += len(part)
    return num_slates


_WRITERS: Final = {"parquet": _write_parquet, "csv": _write_csv, "jsonl": _write_jsonl}


def _places(rows: pa.Table, surface: str) -> pa.Table:
    """One row a place, in ``COLUMNS``."""
    row_P, elements = flat_lists(rows.column("items"))
    row = pa.array(row_P)
    columns = {name: elements.field(name) for name in _OF_ITEM} | {
        "surface": pa.repeat(surface, len(row)),
        "day": rows.column(PARTITION).take(row),
        "audience": rows.column("audience").take(row),
        "audience_key": rows.column("audience_key").take(row),
        "rank": pa.array(places_in_runs(run_starts(row_P)) + 1),
        "sources": _sources(elements),
    }
    return pa.table({name: columns[name] for name in COLUMNS.names}).cast(COLUMNS)


def _sources(elements: pa.StructArray) -> pa.Array:
    return pc.binary_join(elements.field("sources").cast(pa.list_(pa.string())), SOURCE_SEPARATOR)


def _lines(rows: pa.Table, surface: str) -> Iterator[dict[str, object]]:
    """One slate a line, without its reserve, which is for readers of publications."""
    lengths = pc.list_value_length(rows.column("items")).to_pylist()
    items = _items(rows)
    for row, length in zip(rows.select(_OF_SLATE).to_pylist(), lengths, strict=True):
        day = row.pop(PARTITION)
        slate = [{"rank": rank, **next(items)} for rank in range(1, length + 1)]
        yield {"surface": surface, "day": day, **row, "items": slate}


def _items(rows: pa.Table) -> Iterator[dict[str, object]]:
    """The items of all rows, read by column: pyarrow's way, by struct, is several times slower."""
    elements = flat_lists(rows.column("items"))[1]
    columns = (elements.field(name).to_pylist() for name in _OF_ITEM)
    joined = _sources(elements).to_pylist()
    sources = (one.split(SOURCE_SEPARATOR) if one else [] for one in joined)
    for *values, names in zip(*columns, sources, strict=True):
        yield dict(zip(_OF_ITEM, values, strict=True)) | {"sources": names}
