"""Counts the rows that break promises, natively in Arrow batches.

Spark says for each row which promises it breaks; here a task counts them. An aggregate of hundreds
of columns, which Catalyst would have to plan, becomes one row a task and day.

Shapes: C checks of single rows, S of them with a spread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StructField,
    StructType,
)

from data_quality.checks import Broken, Check, Suite
from etl.arrow import arrow_schema
from etl.tables import PARTITION

COUNTED: Final = StructType(
    [
        StructField(PARTITION, DateType()),
        StructField("place", IntegerType()),
        StructField("value", DoubleType()),
        StructField("num_rows", LongType()),
        StructField("nums", ArrayType(LongType())),
        StructField("lows", ArrayType(DoubleType())),
        StructField("highs", ArrayType(DoubleType())),
    ]
)
"""Figures of one day: at a check's ``place`` in its suite its ``value``; at ``ROWS`` what one task
counted of single rows, all such checks at once."""
ROWS: Final = -1


def broken_checks(suite: Suite) -> list[tuple[Check, Broken]]:
    """List the checks of single rows, in the suite's order: ``nums`` is in this order."""
    return [(check, check.measure) for check in suite if isinstance(check.measure, Broken)]


def spread_checks(suite: Suite) -> list[Check]:
    """List the checks that measure a spread: ``lows`` and ``highs`` are in this order."""
    return [check for check, broken in broken_checks(suite) if broken.spread_of is not None]


def counted(rows: DataFrame, suite: Suite) -> DataFrame:
    """Count the broken promises of each task and day.

    Args:
        rows: Rows of a table.
        suite: What it promises; only checks of single rows are counted.

    Returns:
        ``COUNTED`` with ``place`` ``ROWS``.
    """
    checks = [broken for _, broken in broken_checks(suite)]
    spread = [broken.spread_of for broken in checks if broken.spread_of is not None]
    flags = [F.expr(broken.by).alias(f"broken_{n}") for n, broken in enumerate(checks)]
    values = [F.col(name).cast("double").alias(f"value_{n}") for n, name in enumerate(spread)]
    num_flags, num_values = len(flags), len(values)
    arrow = arrow_schema(COUNTED)

    def kernel(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        by_day: dict[object, Tally] = {}
        for batch in batches:
            for day, part in _days(batch):
                tally = by_day.setdefault(day, Tally.empty(num_flags, num_values))
                tally.add(part)
        found = [tally.row(day) for day, tally in by_day.items()]
        yield pa.RecordBatch.from_pylist(found, schema=arrow)

    return rows.select(PARTITION, *flags, *values).mapInArrow(kernel, COUNTED)


@dataclass(slots=True)
class Tally:
    """What one task has counted of one day; what is not a number has no part in a spread."""

    num_broken_C: np.ndarray
    """int64."""
    low_S: np.ndarray
    """float64, NaN where there is no value."""
    high_S: np.ndarray
    """float64, NaN where there is no value."""
    num_rows: int = 0

    @classmethod
    def empty(cls, num_checks: int, num_spreads: int) -> "Tally":
        """Start with nothing."""
        nothing = np.full(num_spreads, np.nan)
        return cls(np.zeros(num_checks, np.int64), nothing, nothing.copy())

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch: the day, C flags, S values."""
        self.num_rows += batch.num_rows
        num_flags = len(self.num_broken_C)
        for place in range(num_flags):
            self.num_broken_C[place] += pc.sum(batch.column(1 + place)).as_py() or 0
        for place in range(len(self.low_S)):
            values = batch.column(1 + num_flags + place).drop_null().to_numpy()
            if len(values):
                self.low_S[place] = np.fmin(self.low_S[place], np.fmin.reduce(values))
                self.high_S[place] = np.fmax(self.high_S[place], np.fmax.reduce(values))

    def row(self, day: object) -> dict[str, object]:
        """Write it as a row of ``COUNTED``."""
        return {
            PARTITION: day,
            "place": ROWS,
            "num_rows": self.num_rows,
            "nums": self.num_broken_C.tolist(),
            "lows": _or_null(self.low_S),
            "highs": _or_null(self.high_S),
        }


def _or_null(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _days(batch: pa.RecordBatch) -> Iterator[tuple[object, pa.RecordBatch]]:
    days = pc.unique(batch.column(0)).to_pylist()
    if len(days) == 1:
        yield days[0], batch
        return
    for day in days:
        yield day, batch.filter(pc.equal(batch.column(0), pa.scalar(day, pa.date32())))
