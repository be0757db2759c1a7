import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from etl.bronze.files import (
    SealedFile,
    SealError,
    SourceNameError,
    is_source_name,
    late_files,
    missing_hours,
    path_of,
    seal,
)
from etl.days import Days, one_day

MON, TUE, WED = (date(2026, 1, n) for n in (5, 6, 7))


def put(landing: Path, name: str, content: bytes = b"x\n") -> Path:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sealed_once(landing: Path, days: Days) -> list[SealedFile]:
    return seal(landing, sealed=[], sealed_days=set(), days=days)


def names(files: list[SealedFile]) -> list[tuple[date, str, str]]:
    return [(file.arrival_date, file.source, file.file_name) for file in files]


def test_a_day_is_sealed_with_name_size_and_hash_of_each_file(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-05/app/2026-01-05T07-abc.jsonl", b"one\n")

    got = sealed_once(tmp_path, one_day(MON))

    assert got == [
        SealedFile(
            arrival_date=MON,
            source="app",
            file_name="2026-01-05T07-abc.jsonl",
            arrival_at=datetime(2026, 1, 5, 7, tzinfo=UTC),
            landing_date="2026-01-05",
            num_bytes=4,
            sha256=hashlib.sha256(b"one\n").hexdigest(),
        )
    ]


@pytest.mark.parametrize(
    ("name", "hour"),
    [("00-a.gz", 0), ("23.jsonl", 23), ("2026-01-05T09_x", 9), ("24-a", 23), ("events.csv", 23)],
)
def test_the_arrival_hour_is_in_the_files_name(tmp_path: Path, name: str, hour: int) -> None:
    put(tmp_path, f"2026-01-05/app/{name}")

    (file,) = sealed_once(tmp_path, one_day(MON))

    assert file.arrival_at == datetime(2026, 1, 5, hour, tzinfo=UTC)


def test_files_on_their_way_and_hidden_ones_are_no_input(tmp_path: Path) -> None:
    for name in ("07-a.jsonl.gz.part", ".07-a", "folder/07-a"):
        put(tmp_path, f"2026-01-05/app/{name}")

    assert sealed_once(tmp_path, one_day(MON)) == []


def test_a_sealed_day_reads_what_it_was_sealed_with(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-05/app/07-a")
    first = sealed_once(tmp_path, one_day(MON))
    put(tmp_path, "2026-01-05/app/08-b")

    again = seal(tmp_path, sealed=first, sealed_days={MON}, days=one_day(MON))

    assert again == first


def test_a_late_file_goes_to_the_next_day_that_is_not_sealed(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-05/app/07-a")
    monday = sealed_once(tmp_path, one_day(MON))
    late = put(tmp_path, "2026-01-05/app/08-b")
    put(tmp_path, "2026-01-07/app/08-b")

    got = seal(tmp_path, sealed=monday, sealed_days={MON, TUE}, days=Days(MON, WED))

    assert names(got) == [
        (MON, "app", "07-a"),
        (WED, "app", "08-b"),
        (WED, "app", "2026-01-05/08-b"),
    ]
    assert [path_of(tmp_path, file) for file in late_files(got)] == [late]


def test_a_late_file_keeps_the_hour_at_which_it_reached_us(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-05/app/08-b")

    (file,) = seal(tmp_path, sealed=[], sealed_days={MON}, days=one_day(TUE))

    assert file.arrival_at == datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_a_range_seals_what_its_nights_would(tmp_path: Path) -> None:
    for day in (MON, TUE, WED):
        put(tmp_path, f"{day}/app/07-a", str(day).encode())

    at_once = sealed_once(tmp_path, Days(MON, WED))

    by_night: list[SealedFile] = []
    for number, day in enumerate(Days(MON, WED)):
        done = set(list(Days(MON, WED))[:number])
        by_night += seal(tmp_path, sealed=by_night, sealed_days=done, days=one_day(day))
    assert at_once == by_night


def test_an_hour_that_each_day_before_had_is_missed_by_name(tmp_path: Path) -> None:
    for day in (MON, TUE):
        for hour in ("06", "07", "08"):
            put(tmp_path, f"{day}/app/{hour}-a")
    put(tmp_path, f"{TUE}/app/09-a")
    put(tmp_path, f"{WED}/app/07-a")
    files = sealed_once(tmp_path, Days(MON, WED))

    assert missing_hours(files, WED, num_days=2) == {"app": [6, 8]}
    assert missing_hours(files, WED, num_days=3) == {}
    assert missing_hours(files, TUE, num_days=1) == {}


def test_a_missing_file_blocks_its_day_by_name(tmp_path: Path) -> None:
    path = put(tmp_path, "2026-01-05/app/07-a")
    sealed = sealed_once(tmp_path, one_day(MON))
    path.unlink()

    with pytest.raises(SealError, match=r"2026-01-05 was sealed with app/07-a, which is missing"):
        seal(tmp_path, sealed=sealed, sealed_days={MON}, days=one_day(MON))


@pytest.mark.parametrize("content", [b"y\n", b"x\nmore\n"])
def test_a_changed_file_blocks_its_day_by_name(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path, "2026-01-05/app/07-a")
    sealed = sealed_once(tmp_path, one_day(MON))
    path.write_bytes(content)

    with pytest.raises(SealError, match=r"2026-01-05 was sealed with app/07-a, which has changed"):
        seal(tmp_path, sealed=sealed, sealed_days={MON}, days=one_day(MON))


@pytest.mark.parametrize("content", [b"whole\n", None])
def test_a_day_of_which_nothing_was_built_is_sealed_anew_where_its_files_changed(
    tmp_path: Path, content: bytes | None
) -> None:
    path = put(tmp_path, "2026-01-05/app/07-a")
    sealed = sealed_once(tmp_path, one_day(MON))
    path.unlink() if content is None else path.write_bytes(content)
    put(tmp_path, "2026-01-05/app/08-b")

    got = seal(tmp_path, sealed=sealed, sealed_days={MON}, days=one_day(MON), open_days={MON})

    kept = [] if content is None else [(MON, "app", "07-a")]
    assert names(got) == [*kept, (MON, "app", "08-b")]
    assert sealed[0] not in got


def test_a_day_of_which_nothing_was_built_stays_sealed_where_its_files_are_whole(
    tmp_path: Path,
) -> None:
    put(tmp_path, "2026-01-05/app/07-a")
    sealed = sealed_once(tmp_path, one_day(MON))
    put(tmp_path, "2026-01-05/app/08-b")

    got = seal(tmp_path, sealed=sealed, sealed_days={MON}, days=one_day(MON), open_days={MON})

    assert got == sealed


def test_a_name_that_leaves_its_folder_or_holds_a_newline_is_no_sources_name() -> None:
    assert is_source_name("app-log_2")
    assert not any(map(is_source_name, ("", "..", "../app", "a/b", "app\n", "-app", "a" * 65)))


def test_a_changed_file_of_another_day_blocks_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "2026-01-05/app/07-a")
    sealed = sealed_once(tmp_path, one_day(MON))
    path.write_bytes(b"changed")
    put(tmp_path, "2026-01-06/app/07-a")

    got = seal(tmp_path, sealed=sealed, sealed_days={MON}, days=one_day(TUE))

    assert names(got) == [(TUE, "app", "07-a")]


def test_a_folder_that_is_no_sources_name_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "2026-01-05/my app/07-a")

    with pytest.raises(SourceNameError, match="my app"):
        sealed_once(tmp_path, one_day(MON))
