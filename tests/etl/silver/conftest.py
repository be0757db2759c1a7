from collections.abc import Callable
from datetime import UTC, date, datetime, time

import pytest
from pyspark.sql import DataFrame, SparkSession

from etl.tables import BRONZE_LINES, SILVER_EVENTS, SILVER_IMPRESSIONS
from etl.tables.schema import Table

Rows = list[dict[str, object]]


@pytest.fixture
def events_of(spark: SparkSession) -> Callable[[Rows], DataFrame]:
    """Rows of silver/events: what a row does not say is null, or the same everywhere."""
    same = {"source": "app", "file_name": "f", "line_number": 1, "user_id": "u", "event_id": "e"}
    return lambda rows: _frame(spark, SILVER_EVENTS, [{**same, **row} for row in rows], "event")


@pytest.fixture
def impressions_of(spark: SparkSession) -> Callable[[Rows], DataFrame]:
    """Rows of silver/impressions."""
    same = {"surface": "product_feed"}
    return lambda rows: _frame(
        spark, SILVER_IMPRESSIONS, [{**same, **row} for row in rows], "shown"
    )


def _frame(spark: SparkSession, table: Table, rows: Rows, what: str) -> DataFrame:
    """Dates are of their instants; an event without an arrival day arrived on its event day."""
    complete = []
    for row in rows:
        at = row[f"{what}_at"]
        assert isinstance(at, datetime)
        known: dict[str, object] = {
            f"{what}_date": at.date(),
            "arrival_date": at.date(),
            **row,
            f"{what}_at": at.replace(tzinfo=UTC),
        }
        complete.append(tuple(known.get(name) for name in table.column_names))
    return spark.createDataFrame(complete, table.schema)


@pytest.fixture
def lines_of(spark: SparkSession) -> Callable[[dict[tuple[date, str], list[bytes]]], DataFrame]:
    """Rows of bronze/lines: the lines of files by arrival day and name, all of source ``app``."""

    def frame(files: dict[tuple[date, str], list[bytes]]) -> DataFrame:
        rows = [
            (day, "app", name, number, datetime.combine(day, time(23), UTC), bytearray(line), False)
            for (day, name), lines in files.items()
            for number, line in enumerate(lines, start=1)
        ]
        return spark.createDataFrame(rows, BRONZE_LINES.schema)

    return frame
