"""Reads bronze lines once for the three tables that share them: events, rejected, duplicates.

``parse`` judges each line alone; ``number`` finds the lines whose event was sent before. The
orchestration keeps the numbered frame while its three makers read it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from etl.arrow import arrow_schema
from etl.silver import app_lines, foreign_lines
from etl.silver.verdict import Columns, Judged, Problem, rejected
from etl.sources.app_log import SOURCE
from etl.tables import SILVER_EVENTS

DUPLICATE_DAYS: Final = 7
"""A line repeats an event if the previous such line arrived at most so many days before."""
PLACE: Final = ("source", "event_id", "arrival_date", "file_name", "line_number")
"""What is needed of earlier lines to recognise one that is sent again."""
_LINE: Final = ("arrival_date", "source", "file_name", "line_number")
_SAID: Final = ("reason", "detail", "sample")
_CACHED_LINES: Final = 2_000
"""So many lines are read at a time: what they say stays in the processor's cache."""
_CUT_OFF: Final[Problem] = ("file_cut_off", "the compressed file ends here")

Reader = Callable[[pa.RecordBatch], Judged]


def schema() -> StructType:
    """Columns of silver/events, nullable, with reason, detail and sample behind them."""
    events = [StructField(f.name, f.dataType, nullable=True) for f in SILVER_EVENTS.schema]
    return StructType(events + [StructField(name, StringType()) for name in _SAID])


def parse(lines: DataFrame) -> DataFrame:
    """Judge every line: one row a line, with an event or with a reason.

    Args:
        lines: Rows of ``tables.BRONZE_LINES``.

    Returns:
        Rows of ``schema()``; the event's columns are null where ``reason`` is not.
    """
    spark_schema = schema()
    arrow = arrow_schema(spark_schema)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from parse_batch(batch, arrow)

    return lines.mapInArrow(read, spark_schema)


def parse_batch(batch: pa.RecordBatch, arrow: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Judge the lines of one batch of ``tables.BRONZE_LINES``; rows come in no order.

    Whose a line is, its source says: the app's own log is read as it is, all others are envelopes.

    Args:
        batch: The lines, of any sources.
        arrow: The columns of ``schema()``.

    Yields:
        As many rows as lines, like ones together.
    """
    for start in range(0, batch.num_rows, _CACHED_LINES):
        for lines, judged in _by_reader(batch.slice(start, _CACHED_LINES)):
            yield from _rows(lines.select(_LINE), judged(lines), arrow)


def _by_reader(lines: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, Reader]]:
    is_cut_off = lines.column("is_cut_off")
    is_whole = pc.invert(is_cut_off)
    is_app = pc.equal(lines.column("source"), SOURCE)
    readers: tuple[tuple[pa.BooleanArray, Reader], ...] = (
        (pc.and_(is_app, is_whole), app_lines.judged),
        (pc.and_not(is_whole, is_app), foreign_lines.judged),
        (is_cut_off, _cut_off),
    )
    for is_its, reader in readers:
        if is_its.true_count:
            yield lines if is_its.true_count == len(lines) else lines.filter(is_its), reader


def _cut_off(lines: pa.RecordBatch) -> Judged:
    """Reject the ends of compressed files that were cut off, even where they read like a line."""
    texts = enumerate(lines.column("line").to_pylist())
    return Judged([], {place: rejected(text, _CUT_OFF) for place, text in texts})


def _rows(lines: pa.RecordBatch, judged: Judged, arrow: pa.Schema) -> Iterator[pa.RecordBatch]:
    for events in judged.events:
        yield _batch(lines.take(pa.array(events.place)), _dated(events.columns), arrow)
    if judged.rejected:
        said = dict(zip(_SAID, zip(*judged.rejected.values(), strict=True), strict=True))
        yield _batch(lines.take(pa.array(list(judged.rejected))), said, arrow)


def _dated(columns: Columns) -> Columns:
    at = pa.array(columns["event_us"], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return {**columns, "event_at": at, "event_date": at.cast(pa.date32())}


def _batch(lines: pa.RecordBatch, columns: Columns, arrow: pa.Schema) -> pa.RecordBatch:
    """Complete columns by where their lines lie, and by nulls."""
    known = {**columns, **{name: lines.column(name) for name in _LINE}}
    arrays = [
        _column(known[name], kind) if name in known else pa.nulls(lines.num_rows, kind)
        for name, kind in zip(arrow.names, arrow.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow)


def _column(values: Sequence | pa.Array, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)


def number(parsed: DataFrame, recent: DataFrame) -> DataFrame:
    """Find the previous line of each line's event.

    Among lines that gave an event, in order of arrival day, file and line number, one repeats its
    event if the line before it of the same source and id arrived at most 7 days earlier. The line
    before may itself be a repetition.

    Args:
        parsed: Rows of ``parse`` of the days to make.
        recent: ``PLACE`` of ``tables.SILVER_EVENTS`` and ``tables.SILVER_DUPLICATE_LINES`` of the
            7 days before them.

    Returns:
        ``parsed`` with previous_arrival_date, previous_file_name and previous_line_number, null
        where a line repeats nothing.
    """
    valid = parsed.where(F.col("reason").isNull())
    places = valid.select(*PLACE, F.lit(True).alias("is_new")).unionByName(
        recent.select(*PLACE, F.lit(False).alias("is_new"))
    )
    before = Window.partitionBy("source", "event_id").orderBy(*PLACE[2:])
    previous = F.lag(F.struct(*PLACE[2:])).over(before)
    found = places.withColumn("previous", previous).where(F.col("is_new"))
    apart = F.datediff("arrival_date", "previous.arrival_date")
    repeated = found.where(apart <= DUPLICATE_DAYS).select(
        "arrival_date",
        "source",
        "file_name",
        "line_number",
        *(F.col(f"previous.{name}").alias(f"previous_{name}") for name in PLACE[2:]),
    )
    return parsed.join(repeated, ["arrival_date", "source", "file_name", "line_number"], "left")
