import os
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import deltalake
import polars as pl
import pytest

from etl.days import Days, one_day
from etl.lake import ForgottenDayError, Lake
from etl.lake_files import LakeFiles
from etl.tables import PROPOSALS, SILVER_EVENTS, SILVER_LINE_COUNTS, Table
from etl.upkeep import Pile, UpkeepConfig, first_kept_day, piles
from tests.conftest import FIRST_DAY
from tests.orchestration.written_lake import made, write

TABLE = replace(SILVER_LINE_COUNTS, retention_days=3)
AT_ONCE = UpkeepConfig(removed_hours=0)
LATER = UpkeepConfig()
LAST = FIRST_DAY + timedelta(days=5)


def day(number: int) -> date:
    """The n-th day of the lake, from 1."""
    return FIRST_DAY + timedelta(days=number - 1)


@pytest.fixture
def files(tmp_path: Path) -> LakeFiles:
    """Six days of one row each."""
    found = LakeFiles(tmp_path / "lake", FIRST_DAY)
    for number in range(1, 7):
        write(found, TABLE, day(number), {"file_name": f"of day {number}"})
    return found


def tidy(
    files: LakeFiles, *, newest: date | None = LAST, config: UpkeepConfig = LATER
) -> list[Pile]:
    found = list(piles(files, TABLE, newest=newest, config=config))
    for pile in found:
        pile.go()
    return found


def names(files: LakeFiles) -> list[str]:
    return files.made(TABLE).column("file_name").to_pylist()


def on_disk(files: LakeFiles) -> dict[Path, tuple[int, bytes]]:
    found = (files.root / TABLE.path).glob("arrival_date=*/*.parquet")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def scatter(files: LakeFiles, when: date, num_files: int) -> None:
    for number in range(num_files):
        write(files, TABLE, when, {"file_name": f"{when} {number:02}"})


def age(path: Path, *, hours: float) -> None:
    at = time.time() - hours * 3600
    os.utime(path, (at, at))


def test_a_table_keeps_its_last_days_counted_from_the_newest_night(files: LakeFiles) -> None:
    [pile] = tidy(files)

    assert pile.why == "older than the 3 days it keeps"
    assert (pile.days, pile.num_files) == ((day(1), day(2), day(3)), 3)
    assert names(files) == ["of day 4", "of day 5", "of day 6"]


def test_a_forgotten_day_stays_made_and_is_refused_by_name(files: LakeFiles) -> None:
    tidy(files)

    assert files.missing_days(TABLE, Days(day(1), day(6))) == []
    assert files.forgotten_days(TABLE) == {day(1), day(2), day(3)}
    assert files.made_days(TABLE) == {day(4), day(5), day(6)}
    refused = (
        r"silver/line_counts of 2026-01-02 … 2026-01-03 \(2 days\) was made and has been forgotten:"
        r" the table keeps 3 days\..*nightmarket backfill --from 2026-01-02 --to 2026-01-03"
    )
    with pytest.raises(ForgottenDayError, match=refused):
        files.arrow(TABLE, Days(day(2), day(5)))
    assert files.arrow(TABLE, Days(day(4), day(5))).num_rows == 2


def test_a_forgotten_day_that_is_made_again_is_there_until_the_next_upkeep(
    files: LakeFiles,
) -> None:
    tidy(files)

    write(files, TABLE, day(3), {"file_name": "again"})

    assert files.arrow(TABLE, one_day(day(3))).column("file_name").to_pylist() == ["again"]
    assert files.forgotten_days(TABLE) == {day(1), day(2)}
    [pile] = tidy(files)
    assert pile.days == (day(3),)
    assert tidy(files) == []


def test_an_empty_day_is_forgotten_too(files: LakeFiles) -> None:
    made(files, TABLE, day(7), day(9))

    tidy(files, newest=day(11))

    assert files.made_days(TABLE) == {day(9)}
    assert day(7) in files.forgotten_days(TABLE)


def test_without_a_whole_night_nothing_is_forgotten(files: LakeFiles) -> None:
    assert tidy(files, newest=None) == []


def test_a_table_without_a_retention_keeps_everything() -> None:
    assert first_kept_day(SILVER_EVENTS, day(1000), FIRST_DAY) is None


@pytest.mark.parametrize(("newest", "first"), [(21, 15), (27, 15), (28, 22)])
def test_touched_only_tables_keep_the_full_partition_that_the_first_day_rests_on(
    newest: int, first: int
) -> None:
    table = replace(TABLE, is_touched_only=True, retention_days=7)

    assert first_kept_day(table, day(newest), FIRST_DAY) == day(first)


def test_files_of_kept_days_are_left_as_they_are(files: LakeFiles) -> None:
    before = on_disk(files)

    tidy(files)
    tidy(files, config=AT_ONCE)

    after = on_disk(files)
    assert len(after) == 3
    assert after.items() <= before.items()


def test_what_was_forgotten_leaves_the_disk_once_its_hours_are_over(files: LakeFiles) -> None:
    tidy(files)
    assert len(on_disk(files)) == 6
    assert tidy(files) == []

    [pile] = tidy(files, config=AT_ONCE)

    assert (pile.why, pile.num_files) == ("read by no version any more", 3)
    assert len(on_disk(files)) == 3
    assert not (files.root / TABLE.path / f"arrival_date={day(1)}").exists()
    assert tidy(files, config=AT_ONCE) == []


def test_a_reader_that_has_begun_reads_on(files: LakeFiles) -> None:
    reading = files.batches(TABLE, Days(day(1), day(6)))
    first = next(reading).num_rows

    tidy(files)
    tidy(files)

    assert first + sum(batch.num_rows for batch in reading) == 6


def test_what_a_killed_write_left_goes_and_what_is_being_written_stays(files: LakeFiles) -> None:
    folder = files.root / TABLE.path / f"arrival_date={day(5)}"
    left, fresh = folder / "part-of-a-killed-run.parquet", folder / "part-of-now.parquet"
    for path in (left, folder / f".{left.name}.crc", fresh):
        path.write_bytes(b"rows")
    for path in (left, folder / f".{left.name}.crc"):
        age(path, hours=25)

    [pile] = tidy(files, newest=None)

    assert pile.num_files == 2
    assert fresh.exists()
    assert not left.exists()


def test_entries_of_the_log_go_that_an_old_checkpoint_stands_for(files: LakeFiles) -> None:
    log = files.root / TABLE.path / "_delta_log"
    opened = deltalake.DeltaTable(str(log.parent))
    opened.create_checkpoint()
    (log / ".00000000000000000000.json.crc").write_bytes(b"sum")
    write(files, TABLE, day(7), {"file_name": "of day 7"})
    assert tidy(files, newest=None) == []

    for path in log.iterdir():
        age(path, hours=25)
    write(files, TABLE, day(8), {"file_name": "of day 8"})
    [pile] = tidy(files, newest=None)

    version = opened.version()
    assert pile.num_files == version + 1
    left = {path.name for path in log.iterdir()}
    entries = {f"{number:020}.json" for number in range(version, version + 3)}
    assert left == {*entries, f"{version:020}.checkpoint.parquet", "_last_checkpoint"}
    assert names(files) == [f"of day {number}" for number in range(1, 9)]
    assert tidy(files, newest=None) == []


def test_checksums_of_files_that_are_read_stay_and_others_go(files: LakeFiles) -> None:
    live = next(path for path in on_disk(files) if path.parent.name.endswith(str(day(5))))
    read, lost = (live.with_name(f".{name}.crc") for name in (live.name, "part-gone.parquet"))
    for path in (read, lost):
        path.write_bytes(b"sum")
        age(path, hours=25)

    tidy(files, newest=None)

    assert read.exists()
    assert not lost.exists()


def test_a_settled_day_in_many_small_files_is_written_together(files: LakeFiles) -> None:
    scatter(files, day(7), 9)
    scatter(files, day(8), 1)
    others = {path: file for path, file in on_disk(files).items() if str(day(8)) in str(path)}

    [*_, pile] = tidy(files, newest=day(9), config=replace(LATER, settled_days=2))

    assert (pile.why, pile.days) == ("many small files, written together", (day(7),))
    rows = [f"{day(7)} {number:02}" for number in range(9)]
    assert sorted(names(files)) == [*rows, f"{day(8)} 00"]
    tidy(files, newest=day(9), config=AT_ONCE)
    left = on_disk(files)
    assert len(left) == 2
    assert others.items() <= left.items()


@pytest.mark.parametrize(
    ("num_files", "changed"),
    [(8, {}), (9, {"settled_days": 3}), (9, {"small_bytes": 1})],
)
def test_few_young_and_large_files_are_left_alone(
    files: LakeFiles, num_files: int, changed: dict[str, int]
) -> None:
    scatter(files, day(7), num_files)

    found = tidy(files, newest=day(9), config=replace(LATER, **{"settled_days": 2} | changed))

    assert [pile.why for pile in found] == ["older than the 3 days it keeps"]


def test_an_upkeep_that_was_killed_between_marker_and_rows_is_finished(files: LakeFiles) -> None:
    files.forget(TABLE, day(1))
    with pytest.raises(ForgottenDayError):
        files.arrow(TABLE, one_day(day(1)))

    [pile] = tidy(files)

    assert (pile.days, pile.num_files) == ((day(1), day(2), day(3)), 3)
    assert tidy(files) == []


def test_spark_polars_and_reruns_go_on_with_what_upkeep_has_written(lake: Lake) -> None:
    table: Table = PROPOSALS["product_feed"]
    proposed = {"item_no": 7, "proposals": [{"source": 1, "rank": 2, "score": 0.5}]}
    told = {"num_visits": 1, "visited": [1, 2], "looked": [], "items": [proposed]}
    for number, num_files in ((1, 1), (2, 9), (3, 1)):
        one = {"arrival_date": day(number), "user_id": "u0", **told}
        lake.write(table, lake.frame(table, [one]), one_day(day(number)))
        for user in range(1, num_files):
            write(lake.files, table, day(number), {**one, "user_id": f"u{user}"})
    before = sorted(lake.read(table, Days(day(2), day(3))).collect())

    for config in (replace(LATER, settled_days=0), AT_ONCE):
        kept = replace(table, retention_days=2)
        for pile in piles(lake.files, kept, newest=day(3), config=config):
            pile.go()

    assert sorted(lake.read(table, Days(day(2), day(3))).collect()) == before
    with pytest.raises(ForgottenDayError):
        lake.read(table, Days(day(1), day(3)))
    path = str(lake.root / table.path)
    assert pl.read_delta(path).height == len(before)
    protocol = deltalake.DeltaTable(path).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
    assert lake.files.num_rows(table, [day(1), day(2)]) == {day(1): 0, day(2): 9}
    again = lake.read(table, one_day(day(2))).limit(2)
    lake.write(table, lake.spark.createDataFrame(again.collect(), table.schema), one_day(day(2)))
    assert lake.read(table, Days(day(2), day(3))).count() == 3
