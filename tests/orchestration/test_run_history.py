from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from etl.home import Home
from orchestration import run_history, runs
from orchestration.partitions import DAYS

KEY = dg.AssetKey(["silver", "made"])
DAY, NEXT_DAY = "2026-01-02", "2026-01-03"


@dg.asset(key=KEY, partitions_def=DAYS)
def made(context: dg.AssetExecutionContext) -> None:
    context.log.info("made")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("NIGHTMARKET_HOME", str(tmp_path))
    with runs.instance(Home(tmp_path)) as found:
        yield found


def run(history: dg.DagsterInstance, day: str) -> str:
    return dg.materialize([made], partition_key=day, instance=history).run_id


def clean(history: dg.DagsterInstance, *, num_days: int = 90, later: int = 100) -> list[str]:
    now = datetime.now(UTC) + timedelta(days=later)
    found = list(run_history.piles(history, now=now, num_days=num_days))
    for pile in found:
        pile.go()
    return [pile.why for pile in found]


def files_of(tmp_path: Path, run_id: str) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if run_id in str(path) and path.is_file()]


def test_an_old_run_goes_with_its_events_and_logs(
    history: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = run(history, DAY)
    assert files_of(tmp_path, run_id)

    assert clean(history) == ["a run older than 90 days"]

    assert history.get_runs() == []
    assert files_of(tmp_path, run_id) == []
    assert clean(history) == []


def test_a_young_run_stays(history: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = run(history, DAY)

    assert clean(history, later=89) == []
    assert files_of(tmp_path, run_id)


def test_that_a_day_was_made_stays_known(history: dg.DagsterInstance) -> None:
    run(history, DAY)
    run(history, NEXT_DAY)

    clean(history)

    assert history.get_materialized_partitions(KEY) == {DAY, NEXT_DAY}


def test_a_later_run_of_the_day_stays_the_last_word(history: dg.DagsterInstance) -> None:
    first, second = run(history, DAY), run(history, DAY)

    run_history._remember_made(history, first)

    event = history.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.run_id == second


def test_what_a_killed_cleaning_left_of_a_run_goes(
    history: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = run(history, DAY)
    history.delete_run(run_id)
    assert files_of(tmp_path, run_id)

    assert clean(history, later=0) == ["events of a run that is gone"]

    assert files_of(tmp_path, run_id) == []
