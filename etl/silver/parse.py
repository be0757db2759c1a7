"""Reads bronze lines once for the three tables that share them: events, rejected, duplicates.

``parse`` judges each line alone; ``number`` finds the lines whose event was sent before. The
orchestration keeps the numbered frame while its three makers read it.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from etl.arrow import arrow_schema
from etl.silver.judge import judge
from etl.silver.verdict import FIELDS, Slate, Verdict
from etl.tables import SILVER_EVENTS

DUPLICATE_DAYS: Final = 7
"""A line repeats an event if the previous such line arrived at most so many days before."""
PLACE: Final = ("source", "event_id", "arrival_date", "file_name", "line_number")
"""What is needed of earlier lines to recognise one that is sent again."""
_SAID: Final = ("reason", "detail", "sample")
_NO_VALUES: Final[tuple[tuple, ...]] = ((),) * len(FIELDS)


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
            yield parse_batch(batch, arrow)

    return lines.mapInArrow(read, spark_schema)


def parse_batch(batch: pa.RecordBatch, arrow: pa.Schema) -> pa.RecordBatch:
    """Judge the lines of one batch of ``tables.BRONZE_LINES``; columns as in ``arrow``."""
    verdicts = _verdicts(batch)
    *values, slates = zip(*(v.event for v in verdicts), strict=True) if verdicts else _NO_VALUES
    found: dict[str, object] = dict(zip(FIELDS[:-1], values, strict=True))
    for place, name in enumerate(_SAID, start=1):
        found[name] = [verdict[place] for verdict in verdicts]
    for name in ("arrival_date", "source", "file_name", "line_number"):
        found[name] = batch.column(name)
    instants = pa.array(found.pop("event_us"), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    found["event_at"], found["event_date"] = instants, instants.cast(pa.date32())
    found["shown"] = _shown(slates, arrow.field("shown").type)
    return pa.RecordBatch.from_arrays(
        [_column(found[field.name], field.type) for field in arrow], schema=arrow
    )


def _verdicts(batch: pa.RecordBatch) -> list[Verdict]:
    arrived = batch.column("arrival_at").cast(pa.int64())
    columns = batch.column("line"), batch.column("source"), arrived, batch.column("is_cut_off")
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        judge(line, source=source, arrival_us=at, is_cut_off=cut) for line, source, at, cut in rows
    ]


def _column(values: object, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _shown(slates: Sequence[Slate | None], kind: pa.ListType) -> pa.ListArray:
    """Lay slates one behind another; null where an event shows nothing."""
    filled = [slate for slate in slates if slate is not None]
    lengths = np.array([0 if slate is None else len(slate.item_ids) for slate in slates], int)
    firsts = np.array([slate.first_position for slate in filled], int)
    starts = np.r_[0, np.cumsum(lengths)].astype(np.int32)
    item_ids = pa.array(list(chain.from_iterable(s.item_ids for s in filled)), pa.string())
    shares = list(chain.from_iterable(s.propensities for s in filled))
    places = np.arange(starts[-1]) + np.repeat(
        firsts - starts[:-1][lengths > 0], lengths[lengths > 0]
    )
    columns = [pa.array(places, pa.int32()), item_ids, pa.array(shares, pa.float64())]
    elements = pa.StructArray.from_arrays(columns, fields=list(kind.value_type))
    is_null = pa.array([slate is None for slate in slates])
    return pa.ListArray.from_arrays(pa.array(starts), elements, type=kind, mask=is_null)


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
