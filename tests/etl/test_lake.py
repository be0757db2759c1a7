from datetime import date
from pathlib import Path

import deltalake
import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.days import Days, one_day
from etl.lake import Lake, MissingDayError, RejectedRowsError, SchemaMismatchError
from etl.tables import ALL, BY_PATH, FEATURES_USER_HISTORY, SILVER_ITEMS, SILVER_LINE_COUNTS

MON, TUE, WED = (date(2026, 1, n) for n in (1, 2, 3))
COUNTS = SILVER_LINE_COUNTS


def counts(lake: Lake, *rows: tuple[date, str, int]) -> DataFrame:
    """One file's balance each: arrival day, name, lines, all of them events."""
    complete = [(day, "app", name, num, num, 0, 0) for day, name, num in rows]
    return lake.spark.createDataFrame(complete, COUNTS.schema)


def told(frame: DataFrame) -> list[tuple[date, str, int]]:
    return sorted(
        tuple(r) for r in frame.select("arrival_date", "file_name", "num_lines").collect()
    )


def test_what_is_written_is_read_by_day(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "a", 1), (TUE, "a", 2)), Days(MON, TUE))

    assert told(lake.read(COUNTS, one_day(TUE))) == [(TUE, "a", 2)]
    assert told(lake.read(COUNTS, Days(MON, TUE))) == [(MON, "a", 1), (TUE, "a", 2)]


def test_a_rerun_replaces_its_own_day_and_leaves_other_files_alone(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "a", 1)), one_day(MON))
    monday = files_of(lake, MON)
    lake.write(COUNTS, counts(lake, (TUE, "a", 2), (TUE, "b", 3)), one_day(TUE))

    lake.write(COUNTS, counts(lake, (TUE, "a", 2), (TUE, "b", 3)), one_day(TUE))

    rows = [(MON, "a", 1), (TUE, "a", 2), (TUE, "b", 3)]
    assert told(lake.read(COUNTS, Days(MON, TUE))) == rows
    assert files_of(lake, MON) == monday


def files_of(lake: Lake, day: date) -> dict[str, bytes]:
    """The data files of one day that the table's newest version reads."""
    paths = DeltaTable(str(lake.root / COUNTS.path)).file_uris([("arrival_date", "=", str(day))])
    return {Path(path).name: Path(path).read_bytes() for path in paths}


def test_a_rerun_that_finds_nothing_empties_its_day(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "a", 1), (TUE, "a", 2)), Days(MON, TUE))

    lake.write(COUNTS, lake.empty(COUNTS), one_day(TUE))

    assert told(lake.read(COUNTS, Days(MON, TUE))) == [(MON, "a", 1)]


@pytest.mark.parametrize("made", [MON, TUE])
def test_a_row_of_another_day_is_refused_and_nothing_is_written(lake: Lake, made: date) -> None:
    lake.write(COUNTS, counts(lake, (made, "a", 1)), one_day(made))

    with pytest.raises(RejectedRowsError, match=r"silver/line_counts takes .*2026-01-02.*only: \w"):
        lake.write(COUNTS, counts(lake, (TUE, "a", 2), (WED, "a", 3)), one_day(TUE))

    assert told(lake.read(COUNTS, one_day(made))) == [(made, "a", 1)]
    assert lake.made_days(COUNTS) == {made}


@pytest.mark.parametrize("made", [MON, TUE])
def test_a_null_where_a_value_is_promised_is_refused(lake: Lake, made: date) -> None:
    lake.write(COUNTS, counts(lake, (made, "a", 1)), one_day(made))
    rows = counts(lake, (TUE, "a", 1)).withColumn("source", F.lit(None).cast("string"))

    with pytest.raises(RejectedRowsError, match=r"NOT NULL .* source"):
        lake.write(COUNTS, rows, one_day(TUE))

    assert told(lake.read(COUNTS, one_day(made))) == [(made, "a", 1)]
    assert lake.made_days(COUNTS) == {made}


def test_what_a_killed_run_left_without_a_marker_is_replaced(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "a", 1), (MON, "b", 2)), one_day(MON))
    (lake.root / "_days" / COUNTS.path / str(MON)).unlink()

    lake.write(COUNTS, counts(lake, (MON, "a", 1)), one_day(MON))

    assert told(lake.read(COUNTS, one_day(MON))) == [(MON, "a", 1)]


@pytest.mark.parametrize("change", ["surplus", "missing", "retyped", "reordered"])
def test_columns_that_differ_from_the_tables_are_refused(lake: Lake, change: str) -> None:
    rows = counts(lake, (MON, "a", 1))
    changed = {
        "surplus": rows.withColumn("more", F.lit(1)),
        "missing": rows.drop("num_events"),
        "retyped": rows.withColumn("num_events", F.col("num_events").cast("int")),
        "reordered": rows.select(*reversed(rows.columns)),
    }

    with pytest.raises(SchemaMismatchError, match="silver/line_counts: promised"):
        lake.write(COUNTS, changed[change], one_day(MON))


def test_a_day_that_was_never_made_is_refused_with_the_command_that_makes_it(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "a", 1)), one_day(MON))

    with pytest.raises(MissingDayError, match="nightmarket backfill --from 2026-01-02 --to"):
        lake.read(COUNTS, Days(MON, WED))


def test_an_empty_day_is_made_and_days_before_the_lake_have_no_rows(lake: Lake) -> None:
    lake.write(COUNTS, lake.empty(COUNTS), one_day(MON))

    before = Days(date(2025, 12, 1), MON)

    assert told(lake.read(COUNTS, before)) == []
    assert lake.missing_days(COUNTS, before.reaching_back(5)) == []


def test_a_range_is_one_commit_that_names_its_run(lake: Lake) -> None:
    named = Lake(lake.spark, lake.root, lake.first_day, run_id="run-7")

    named.write(COUNTS, counts(lake, (MON, "a", 1), (WED, "a", 3)), Days(MON, WED))

    commits = deltalake.DeltaTable(str(lake.root / COUNTS.path)).history()
    assert [one.get("userMetadata") for one in commits if "userMetadata" in one] == ["run-7"]
    assert named.files.last_commit_metrics(COUNTS)["numOutputRows"] == 2
    assert named.made_days(COUNTS) == {MON, TUE, WED}


def items(lake: Lake, *rows: tuple[date, int, str]) -> DataFrame:
    known = {"item_type": "product", "first_arrival_date": MON, "known_at": ()}
    names = SILVER_ITEMS.column_names
    said = [
        {**known, "arrival_date": day, "item_no": number, "item_id": f"i{number}", "title": title}
        for day, number, title in rows
    ]
    nothing = (None,) * len(SILVER_ITEMS.schema["known_at"].dataType.names)
    complete = [tuple({**row, "known_at": nothing}.get(name) for name in names) for row in said]
    return lake.spark.createDataFrame(complete, SILVER_ITEMS.schema)


def test_a_touched_only_table_is_read_as_of_a_day(lake: Lake) -> None:
    touched = [(MON, 0, "old"), (MON, 1, "kept"), (TUE, 0, "new"), (WED, 0, "newest")]
    lake.write(SILVER_ITEMS, items(lake, *touched), Days(MON, WED))

    got = lake.as_of(SILVER_ITEMS, TUE)

    assert got.columns == SILVER_ITEMS.column_names
    rows = sorted(tuple(row) for row in got.select("item_no", "title", "arrival_date").collect())
    assert rows == [(0, "new", TUE), (1, "kept", MON)]


def test_as_of_rests_on_the_newest_full_day(lake: Lake) -> None:
    full, later = date(2026, 1, 8), date(2026, 1, 9)
    rows = [(MON, 0, "forgotten"), (full, 1, "whole"), (later, 1, "touched")]
    lake.write(SILVER_ITEMS, items(lake, *rows), Days(MON, later))

    got = lake.as_of(SILVER_ITEMS, later)

    assert [tuple(row) for row in got.select("item_no", "title").collect()] == [(1, "touched")]


def test_tables_are_read_without_spark_and_keep_no_ids_in_their_log(lake: Lake) -> None:
    lake.write(COUNTS, counts(lake, (MON, "secret-file", 1)), one_day(MON))

    path = lake.root / COUNTS.path
    frame = pl.read_delta(str(path))
    log = "".join(part.read_text() for part in (path / "_delta_log").glob("*.json"))

    assert frame.columns == COUNTS.column_names
    assert frame["file_name"].to_list() == ["secret-file"]
    assert "secret-file" not in log


def test_every_column_says_what_it_holds_and_every_key_is_a_column() -> None:
    assert len(BY_PATH) == len(ALL)
    assert FEATURES_USER_HISTORY in ALL
    for table in ALL:
        assert all(table.comment(name) for name in table.column_names)
        assert set(table.key) <= set(table.column_names)
        assert table.column_names[0] == "arrival_date"
