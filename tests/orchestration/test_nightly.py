from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from etl import tables
from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration.defs.nightly import TRAINED, every_night, report_failure
from orchestration.runs import BACKFILL, KIND, LEFT_OUT, NIGHT
from orchestration.workspace import Workspace
from tests.orchestration.tiny_shop import FIRST_DAY

TICK = datetime(2026, 1, 4, 2, tzinfo=UTC)
YESTERDAY, DAY_BEFORE = date(2026, 1, 3), date(2026, 1, 2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A lake whose days were all made up to the one before yesterday."""
    made = Home(tmp_path / "home")
    made.begin(FIRST_DAY)
    files = LakeFiles(made.lake, FIRST_DAY)
    for table in tables.ALL:
        for day in Days(FIRST_DAY, DAY_BEFORE):
            files.mark(table, day, "")
    return made


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(tmp_path / "home"))


def land(home: Home, day: date, name: str = "23-log.jsonl.gz") -> None:
    folder = home.landing / str(day) / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"a line")


def ticked(home: Home, at: datetime = TICK) -> dg.RunRequest | str:
    """What a tick asks for, or why it asks for nothing."""
    resources = {"workspace": Workspace(home_path=str(home.root))}
    with dg.build_schedule_context(scheduled_execution_time=at, resources=resources) as context:
        found = every_night(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found if isinstance(found, dg.RunRequest) else str(found.skip_message)


def test_a_tick_asks_for_yesterday(home: Home) -> None:
    land(home, YESTERDAY)

    request = ticked(home)

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-01-03"


def test_ticks_of_one_night_ask_for_one_run(home: Home) -> None:
    land(home, YESTERDAY)

    first, second = ticked(home), ticked(home)

    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.RunRequest)
    assert first.run_key == second.run_key


@pytest.mark.parametrize("name", ["23-log.jsonl.gz.part", ".23-log.jsonl.gz"])
def test_a_tick_waits_for_a_day_of_which_nothing_landed(home: Home, name: str) -> None:
    land(home, YESTERDAY, name)

    reason = ticked(home)

    assert "Nothing landed for 2026-01-03" in reason
    assert "nightmarket night --day 2026-01-03" in reason


def test_a_tick_waits_for_the_day_before(home: Home) -> None:
    land(home, YESTERDAY)
    marker = home.lake / "_days" / tables.SILVER_ITEMS.path / str(DAY_BEFORE)
    marker.unlink()

    reason = ticked(home)

    assert "The day before, 2026-01-02, has not run: silver/items" in reason
    assert "nightmarket backfill --from 2026-01-02 --to 2026-01-02" in reason


def test_a_day_before_that_ran_without_training_is_enough(home: Home) -> None:
    land(home, YESTERDAY)
    (home.lake / "_days" / tables.RANKERS["gbdt"].path / str(DAY_BEFORE)).unlink()

    assert isinstance(ticked(home), dg.RunRequest)


def test_the_first_day_of_a_lake_waits_for_nobody(home: Home) -> None:
    land(home, FIRST_DAY)

    assert isinstance(ticked(home, datetime(2026, 1, 2, 2, tzinfo=UTC)), dg.RunRequest)


def test_a_tick_before_the_first_load_says_so(tmp_path: Path) -> None:
    reason = ticked(Home(tmp_path / "home"))

    assert "Load a log first" in reason


def test_a_calendar_that_is_older_than_the_lake_says_so(tmp_path: Path) -> None:
    early = Home(tmp_path / "home")
    early.begin(date(2025, 12, 24))

    reason = ticked(early)

    assert "The calendar begins on 2026-01-01, the lake on 2025-12-24" in reason


def test_the_two_jobs_say_what_they_are(definitions: dg.Definitions) -> None:
    nightly = definitions.resolve_job_def("nightly")
    without = definitions.resolve_job_def("nightly_without_training")

    assert nightly.tags == {KIND: NIGHT}
    assert without.tags == {KIND: NIGHT, LEFT_OUT: " ".join(table.path for table in TRAINED)}


@dg.asset
def made_before() -> None:
    pass


@dg.asset(deps=[made_before])
def breaks() -> None:
    raise dg.Failure(description="shop/23-a.gz is missing. Put it back.", allow_retries=False)


@dg.asset(key=["silver", "line_counts"])
def counted() -> None:
    pass


@dg.asset_check(asset=["silver", "line_counts"], name="expectations", blocking=True)
def balance() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description="2026-01-03: the balance of lines: 3 lines are lost",
        metadata={
            "results": dg.MetadataValue.md("| critical | `file_name=23-a.gz` |"),
        },
    )


@dg.asset(deps=[counted])
def after() -> None:
    raise AssertionError("nothing is made after a check that blocks")


def report_of(home: Home, tags: dict[str, str], *defined: object) -> str:
    """Run what fails, let the sensor look at it, read what it wrote."""
    assets = [one for one in defined if not isinstance(one, dg.AssetChecksDefinition)]
    checks = [one for one in defined if isinstance(one, dg.AssetChecksDefinition)]
    job = dg.define_asset_job("nightly")
    made = dg.Definitions(
        assets=assets, asset_checks=checks, jobs=[job], executor=dg.in_process_executor
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = made.resolve_job_def("nightly").execute_in_process(
            instance=instance, tags=tags, raise_on_error=False
        )
        failure = next(e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_report",
            dagster_event=failure,
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"workspace": Workspace(home_path=str(home.root))},
        )
        report_failure(context.for_run_failure())
    [path] = (home.reports / "failures").iterdir()
    assert path.stem.endswith(f"-{result.run_id[:8]}")
    return f"{path.name}\n{path.read_text()}"


def test_a_failed_step_is_reported_with_what_it_said_and_what_to_do(home: Home) -> None:
    report = report_of(home, {"dagster/partition": "2026-01-03"}, made_before, breaks)

    for said in (
        "2026-01-03-",
        "# 2026-01-03: nightly failed",
        "Step `breaks` failed: shop/23-a.gz is missing. Put it back.",
        "## What was made\n\nmade_before",
        "nightmarket night --day 2026-01-03",
        "Readers see nothing yet",
    ):
        assert said in report


def test_a_check_that_blocked_is_reported_with_its_examples(home: Home) -> None:
    report = report_of(home, {"dagster/partition": "2026-01-03"}, counted, balance, after)

    for said in (
        "`silver/line_counts` was blocked: 2026-01-03: the balance of lines: 3 lines are lost",
        "### silver/line_counts: blocks what follows",
        "| critical | `file_name=23-a.gz` |",
        "silver/rejected_lines",
    ):
        assert said in report


def test_a_range_that_failed_is_run_again_as_a_range(home: Home) -> None:
    tags = {
        KIND: BACKFILL,
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-03",
    }

    report = report_of(home, tags, made_before, breaks)

    assert report.startswith("2026-01-01_2026-01-03-")
    assert "nightmarket backfill --from 2026-01-01 --to 2026-01-03" in report
