from datetime import date, timedelta

from etl import tables
from etl.days import Days
from etl.lake import Lake
from tests.conftest import FIRST_DAY

SECOND_DAY, THIRD_DAY = FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=2)


def test_rows_are_counted_by_day_without_reading_them(lake: Lake) -> None:
    table = tables.SILVER_LINE_COUNTS
    rows = [
        (day, "a", name, 1, 1, 0, 0)
        for day, name in ((FIRST_DAY, "x"), (FIRST_DAY, "y"), (SECOND_DAY, "x"))
    ]
    lake.write(table, lake.spark.createDataFrame(rows, table.schema), Days(FIRST_DAY, THIRD_DAY))

    counted = lake.files.num_rows(table, [FIRST_DAY, SECOND_DAY, THIRD_DAY])

    assert counted == {FIRST_DAY: 2, SECOND_DAY: 1, THIRD_DAY: 0}


def test_a_table_that_was_never_written_has_no_rows(lake: Lake) -> None:
    counted = lake.files.num_rows(tables.SILVER_EVENTS, [date(2026, 1, 1)])

    assert counted == {date(2026, 1, 1): 0}
