from datetime import date, timedelta
from pathlib import Path

import pytest

from etl.bronze.cleaning import piles
from etl.bronze.files import SealedFile, SealError, landed, seal
from etl.days import Days, one_day
from etl.upkeep import Pile

FIRST = date(2026, 1, 5)
SECOND = FIRST + timedelta(days=1)
LATER = FIRST + timedelta(days=100)
KEPT = (100, "100 days (NIGHTMARKET_KEEP_LANDING_DAYS)")


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Two days of one file each."""
    for day in (FIRST, SECOND):
        folder = tmp_path / str(day) / "app"
        folder.mkdir(parents=True)
        (folder / "07-a.jsonl").write_bytes(b"a line\n")
    return tmp_path


def sealed(landing: Path) -> list[SealedFile]:
    return seal(landing, sealed=[], sealed_days=set(), days=Days(FIRST, SECOND))


def clean(
    landing: Path,
    known: list[SealedFile],
    *,
    read_days: tuple[date, ...] = (FIRST, SECOND),
    newest: date = LATER,
    kept: tuple[int, str] = KEPT,
) -> list[Pile]:
    found = list(piles(landing, sealed=known, read_days=set(read_days), newest=newest, kept=kept))
    for pile in found:
        pile.go()
    return found


def test_files_go_that_are_older_than_they_are_kept(landing: Path) -> None:
    [pile] = clean(landing, sealed(landing))

    assert (pile.days, pile.num_files, pile.num_bytes) == ((FIRST,), 1, 7)
    assert (landed(landing, FIRST), len(landed(landing, SECOND))) == ([], 1)
    assert not (landing / str(FIRST) / "app").exists()


def test_a_rerun_of_a_cleaned_day_is_told_which_setting_cleaned_it(landing: Path) -> None:
    known = sealed(landing)
    clean(landing, known)

    said = (
        r"2026-01-05 was sealed with app/07-a.jsonl, which upkeep cleaned from landing/2026-01-05: "
        r"raw files are kept 100 days \(NIGHTMARKET_KEEP_LANDING_DAYS\).*put the file's bytes back"
    )
    with pytest.raises(SealError, match=said):
        seal(landing, sealed=known, sealed_days={FIRST, SECOND}, days=one_day(FIRST))


def test_a_cleaned_file_that_is_put_back_is_read_again(landing: Path) -> None:
    known = sealed(landing)
    clean(landing, known)
    (landing / str(FIRST) / "app").mkdir()
    (landing / str(FIRST) / "app" / "07-a.jsonl").write_bytes(b"a line\n")

    again = seal(landing, sealed=known, sealed_days={FIRST, SECOND}, days=one_day(FIRST))

    assert again == known[:1]


def test_a_lost_file_of_a_day_that_was_not_cleaned_is_missing(landing: Path) -> None:
    known = sealed(landing)
    clean(landing, known)
    (landing / str(SECOND) / "app" / "07-a.jsonl").unlink()

    with pytest.raises(SealError, match="is missing from landing/2026-01-06"):
        seal(landing, sealed=known, sealed_days={FIRST, SECOND}, days=one_day(SECOND))


def test_a_file_that_no_day_was_sealed_with_stays(landing: Path) -> None:
    known = sealed(landing)
    late = landing / str(FIRST) / "app" / "09-never-read.jsonl"
    late.write_bytes(b"a line")

    [pile] = clean(landing, known)

    assert pile.num_files == 1
    assert landed(landing, FIRST) == [late]


def test_a_file_whose_lines_are_not_in_the_lake_stays(landing: Path) -> None:
    assert clean(landing, sealed(landing), read_days=(SECOND,)) == []


def test_folders_stay_that_are_looked_through_for_late_files(landing: Path) -> None:
    known = sealed(landing)

    young = clean(landing, known, newest=FIRST + timedelta(days=40), kept=(1, "a day"))
    old = clean(landing, known, newest=FIRST + timedelta(days=41), kept=(1, "a day"))

    assert (young, [pile.days for pile in old]) == ([], [(FIRST,)])
