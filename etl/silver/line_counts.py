"""Makes silver/line_counts: each file's balance, every part counted from its own table."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables import SILVER_LINE_COUNTS

_FILE = ("arrival_date", "source", "file_name")


def build(
    lines: DataFrame, *, events: DataFrame, rejected_lines: DataFrame, duplicate_lines: DataFrame
) -> DataFrame:
    """Count what became of each file's lines.

    Args:
        lines: Rows of ``tables.BRONZE_LINES``.
        events: Rows of ``tables.SILVER_EVENTS`` of the same days.
        rejected_lines: Rows of ``tables.SILVER_REJECTED_LINES`` of the same days.
        duplicate_lines: Rows of ``tables.SILVER_DUPLICATE_LINES`` of the same days.

    Returns:
        Rows of ``tables.SILVER_LINE_COUNTS``.
    """
    tables = {
        "num_lines": lines,
        "num_events": events,
        "num_rejected_lines": rejected_lines,
        "num_duplicate_lines": duplicate_lines,
    }
    marked = [
        rows.select(*_FILE, *(F.lit(int(name == own)).cast("long").alias(name) for name in tables))
        for own, rows in tables.items()
    ]
    every = reduce(DataFrame.unionByName, marked)
    sums = [F.sum(name).alias(name) for name in tables]
    return every.groupBy(*_FILE).agg(*sums).select(SILVER_LINE_COUNTS.column_names)
