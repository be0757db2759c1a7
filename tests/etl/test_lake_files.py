from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pytest

from etl import tables
from etl.days import Days, one_day
from etl.lake import Lake
from etl.lake_files import LakeFiles, MissingDayError
from tests.conftest import FIRST_DAY
from tests.orchestration.written_lake import made, write

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


def test_rows_of_a_few_keys_are_those_that_a_filter_keeps(tmp_path: Path) -> None:
    files, table = LakeFiles(tmp_path, FIRST_DAY), tables.FEATURES_USER_HISTORY
    entry = {"event_at": datetime(2026, 1, 2, tzinfo=UTC), "event_code": 1, "item_no": 7}
    entry |= {"entry_arrival_date": SECOND_DAY, "event_id": "e"}
    users = ("ann", "o'brien", 'say "x"', "'); --")
    for day in (FIRST_DAY, SECOND_DAY, THIRD_DAY):
        rows = [{"user_id": user, "short": [entry] * n} for n, user in enumerate(users)]
        write(files, table, day, *rows)
    days, wanted = Days(SECOND_DAY, THIRD_DAY), [*users[1:], "nobody"]

    found = files.arrow_of(table, days, key="user_id", values=wanted)

    expected = files.arrow(table, days, where=pc.field("user_id").isin(wanted))
    order = [("arrival_date", "ascending"), ("user_id", "ascending")]
    assert found.num_rows == 6
    assert found.sort_by(order).equals(expected.sort_by(order))
    read = files.arrow_of(table, days, key="user_id", values=["ann"], columns=["short", "user_id"])
    assert read.column_names == ["short", "user_id"]


def test_of_no_keys_and_of_days_without_rows_nothing_is_read(tmp_path: Path) -> None:
    files, table = LakeFiles(tmp_path, FIRST_DAY), tables.FEATURES_USER_DAILY
    write(files, table, FIRST_DAY, {"user_id": "ann"})
    made(files, table, SECOND_DAY, SECOND_DAY)

    assert files.arrow_of(table, one_day(FIRST_DAY), key="user_id", values=[]).num_rows == 0
    assert files.arrow_of(table, one_day(SECOND_DAY), key="user_id", values=["ann"]).num_rows == 0
    with pytest.raises(MissingDayError):
        files.arrow_of(table, one_day(THIRD_DAY), key="user_id", values=["ann"])


def test_all_that_was_made_is_read_by_day_without_what_a_killed_write_left(tmp_path: Path) -> None:
    files, table = LakeFiles(tmp_path, FIRST_DAY), tables.FEATURES_USER_DAILY
    for day, user in ((THIRD_DAY, "c"), (FIRST_DAY, "a"), (SECOND_DAY, "b")):
        write(files, table, day, {"user_id": user})
    (tmp_path / "_days" / table.path / str(SECOND_DAY)).unlink()
    made(files, table, THIRD_DAY + timedelta(days=1), THIRD_DAY + timedelta(days=1))

    assert files.made(table).column("user_id").to_pylist() == ["a", "c"]
    assert files.made(tables.SILVER_EVENTS).num_rows == 0
