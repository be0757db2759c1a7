import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from etl import tables
from etl.bronze.files import landed
from etl.days import one_day
from etl.home import Home
from etl.lake_files import ForgottenDayError, LakeFiles
from orchestration import cli
from orchestration.defs.upkeep import upkeep as upkeep_job
from orchestration.defs.upkeep import upkeep_when_due
from orchestration.runs import execute
from orchestration.side_by_side import executor_of
from orchestration.upkeep import is_due, newest_night
from orchestration.workspace import Workspace
from scoring import publication_folder, reader
from tests.orchestration.old_home import (
    FEED,
    FIRST,
    LAST,
    NEEDED,
    OLD_MODEL,
    PROPOSALS,
    nth,
    open_home,
    settings,
    tree,
    upkeep,
)
from training import registry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def files_of(home: Home) -> LakeFiles:
    return LakeFiles(home.lake, FIRST)


def test_every_part_keeps_what_its_retention_says(home: Home, history: dg.DagsterInstance) -> None:
    done = upkeep(home, history).tidy()

    files = files_of(home)
    assert files.made_days(PROPOSALS) == {nth(87), LAST}
    assert files.made(PROPOSALS).column("user_id").to_pylist() == [f"of {nth(87)}", f"of {LAST}"]
    assert (landed(home.landing, nth(1)), len(landed(home.landing, nth(90)))) == ([], 1)
    assert [name.night for name in registry.kept(home.models)] == [NEEDED.night, LAST]
    assert len(publication_folder.ids(home.publications)) == 2
    assert not list((home.reports / "failures").iterdir())
    parts = {"landing", "models", "publications", "reports", PROPOSALS.path}
    assert parts <= {pile.what for pile in done}


def test_what_has_no_retention_is_left_alone(home: Home, history: dg.DagsterInstance) -> None:
    upkeep(home, history).tidy()

    files = files_of(home)
    assert files.made_days(tables.SILVER_EVENTS) == {FIRST}
    assert files.made(tables.BRONZE_FILES).num_rows == 2


def test_listing_changes_nothing_and_says_what_goes(
    home: Home, history: dg.DagsterInstance
) -> None:
    before = tree(home)

    listed = [(pile.what, pile.days, pile.num_files) for pile in upkeep(home, history).piles()]

    assert tree(home) == before
    done = [(pile.what, pile.days, pile.num_files) for pile in upkeep(home, history).tidy()]
    assert done == listed


def test_a_second_upkeep_removes_what_the_first_forgot_and_a_third_nothing(
    home: Home, history: dg.DagsterInstance
) -> None:
    upkeep(home, history).tidy()

    [second] = upkeep(home, history).tidy()

    assert (second.what, second.why) == (PROPOSALS.path, "read by no version any more")
    assert second.num_files == 3
    assert upkeep(home, history).tidy() == []


def test_a_reader_of_a_publication_that_goes_reads_on(
    home: Home, history: dg.DagsterInstance
) -> None:
    [gone, *_] = publication_folder.ids(home.publications)
    with (home.publications / gone / f"{FEED}.lmdb").open("rb") as reading:
        first = reading.read(100)

        upkeep(home, history).tidy()

        reading.seek(0)
        assert not (home.publications / gone).exists()
        assert reading.read(100) == first
    assert reader.top(home.publications, "nobody", FEED)["served_from"]


def test_days_are_counted_from_the_newest_whole_night(
    home: Home, history: dg.DagsterInstance
) -> None:
    files_of(home).mark(tables.SLATES["short_videos"], nth(99), "")
    (home.lake / "_days" / tables.SLATES["short_videos"].path / str(LAST)).unlink()

    upkeep(home, history).tidy()

    assert newest_night(files_of(home)) == nth(99)
    assert files_of(home).made_days(PROPOSALS) == {nth(86), nth(87), LAST}


def test_before_the_first_whole_night_nothing_is_counted(
    home: Home, history: dg.DagsterInstance
) -> None:
    (home.lake / "_days" / tables.SLATES["short_videos"].path / str(LAST)).unlink()

    done = upkeep(home, history).tidy()

    assert {pile.what for pile in done} == {"publications", "reports"}
    assert OLD_MODEL in registry.kept(home.models)


def test_upkeep_is_due_when_enough_nights_were_made_since(
    home: Home, history: dg.DagsterInstance
) -> None:
    assert is_due(settings(home))
    upkeep(home, history).tidy()
    assert not is_due(settings(home))

    for table in tables.SLATES.values():
        files_of(home).mark(table, LAST + timedelta(days=7), "")

    assert is_due(settings(home))


def ticked(home: Home) -> str | None:
    """What a tick of the schedule says against an upkeep."""
    found = upkeep_when_due(workspace=Workspace(home_path=str(home.root)))
    return found.skip_message if isinstance(found, dg.SkipReason) else None


def test_the_schedule_asks_for_upkeep_when_it_is_due(
    home: Home, history: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ticked(home) is None

    upkeep(home, history).tidy()

    assert ticked(home) == "Not due: it is done every 7 nights."
    monkeypatch.setenv("NIGHTMARKET_TIDY_EVERY_DAYS", "0")
    assert ticked(home) == "Not due: NIGHTMARKET_TIDY_EVERY_DAYS is 0."
    assert "Load a log first" in str(ticked(Home(home.root / "nothing")))


def test_the_job_does_what_the_command_does(home: Home, history: dg.DagsterInstance) -> None:
    resources = {"workspace": Workspace(home_path=str(home.root))}
    of_home = dg.Definitions(jobs=[upkeep_job], resources=resources, executor=executor_of(1))

    done = execute(of_home.resolve_job_def("upkeep"), history, tags={})

    assert done.success
    assert files_of(home).made_days(PROPOSALS) == {nth(87), LAST}
    assert not is_due(settings(home))


def test_the_command_says_what_would_go_and_then_lets_go(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "200")
    before = files_of(home).made_days(PROPOSALS)

    said = " ".join(called("tidy", "--dry-run", monkeypatch=monkeypatch, capsys=capsys).split())

    forgotten = (
        "proposals/product_feed older than the 14 days it keeps 2026-01-01 … 2026-03-27 (3) 3"
    )
    assert forgotten in said
    assert "tidy: would let go of" in said
    assert files_of(home).made_days(PROPOSALS) == before
    assert "tidy: let go of" in called("tidy", monkeypatch=monkeypatch, capsys=capsys)
    with pytest.raises(ForgottenDayError):
        files_of(home).arrow(PROPOSALS, one_day(nth(1)))


def called(
    *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys, "argv", ["nightmarket", *arguments])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    return capsys.readouterr().err


def test_an_upkeep_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.orchestration.killed_upkeep", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15
