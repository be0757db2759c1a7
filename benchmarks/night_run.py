"""Makes the nights of ``benchmarks.night`` and reads what their steps cost from Dagster's history.

To be imported once ``NIGHTMARKET_HOME`` names a home whose first day is known: the calendar of
Dagster's partitions is read when it is imported. As a program it makes one night in a process of
its own, as a machine does every night: ``python -m benchmarks.night_run HOME DAY JSON 1``, where
1 asks for all of it and 0 for what is up to candidates.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
from rich.console import Console

from etl.days import Days, one_day
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration import planning, runs
from orchestration.cost import Cost, metered
from orchestration.runs import BACKFILL, Request

_BEFORE_CANDIDATES: Final = (
    *planning.STATE,
    *planning.FITTED,
    *planning.LISTED,
    *planning.ASKED,
)
_UP_TO_CANDIDATES: Final = (*_BEFORE_CANDIDATES, *planning.PROPOSED)
_Events = dg.DagsterEventType


@dataclass(slots=True)
class Step:
    """What one step of a night, and the check of what it made, took."""

    name: str
    """The first table that it made."""
    num_rows: int = 0
    """Of this table."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Shared equally among the steps that ran at the same time."""
    peak_memory_mb: float = 0.0
    """Of all processes, meanwhile."""
    check_cpu_seconds: float = 0.0

    @property
    def layer(self) -> str:
        """The first part of its name."""
        return self.name.split("/")[0]

    def json(self) -> dict[str, Any]:
        """Say it as plain values."""
        return asdict(self)


def make_before(home: Home, night: date, *, is_whole: bool, console: Console) -> None:
    """Make what a night needs of the days before it, where it is missing."""
    runs.prepare(home)
    files = LakeFiles(home.lake, home.first_day())
    before = Days(files.first_day, night - timedelta(days=1))
    requests = (
        planning.backfill(Days(night, night), files)[:-1]
        if is_whole
        else [Request(before, planning.selection(*_BEFORE_CANDIDATES), BACKFILL)]
    )
    for request in requests:
        if is_whole or _is_missing(files, _BEFORE_CANDIDATES, before):
            runs.run(request, home, console)


@dataclass(frozen=True, slots=True)
class MadeNight:
    """What a night took, and of it each step."""

    whole: Cost
    steps: list[Step]

    @property
    def outside_cpu_seconds(self) -> float:
        """What belongs to no step and no check: Dagster, Spark's start, imports."""
        return self.whole.cpu_seconds - self.steps_cpu_seconds - self.checks_cpu_seconds

    @property
    def steps_cpu_seconds(self) -> float:
        """Of all steps."""
        return sum(step.cpu_seconds for step in self.steps)

    @property
    def checks_cpu_seconds(self) -> float:
        """Of all checks."""
        return sum(step.check_cpu_seconds for step in self.steps)

    def json(self) -> dict[str, Any]:
        """Say it as plain values."""
        return {"whole": asdict(self.whole), "steps": [step.json() for step in self.steps]}

    @classmethod
    def of(cls, said: dict[str, Any]) -> "MadeNight":
        """Read what ``json`` said."""
        return cls(Cost(**said["whole"]), [Step(**step) for step in said["steps"]])


def make_night(home: Home, days: Days, *, is_whole: bool, console: Console) -> MadeNight:
    """Make one night, whatever is there of it already, and say what its steps took."""
    whole, kind = (planning.EVERYTHING, runs.NIGHT) if is_whole else (_UP_TO_CANDIDATES, BACKFILL)
    with metered() as cost:
        runs.run(Request(days, planning.selection(*whole), kind), home, console)
    with runs.instance(home) as history:
        (last,) = history.get_runs(limit=1)
        return MadeNight(cost, _steps(history, last.run_id))


def made_apart(home: Home, day: date, *, is_whole: bool, written: Path) -> MadeNight:
    """Make one night in a process of its own: nothing is warm, and memory is the night's alone."""
    asked = [str(home.root), str(day), str(written), str(int(is_whole))]
    subprocess.run([sys.executable, "-m", "benchmarks.night_run", *asked], check=True)  # noqa: S603
    return MadeNight.of(json.loads(written.read_text()))


def _is_missing(files: LakeFiles, made: tuple[Table, ...], days: Days) -> bool:
    return any(files.missing_days(table, days) for table in made)


def _steps(history: dg.DagsterInstance, run_id: str) -> list[Step]:
    steps: dict[str, Step] = {}
    by_asset: dict[str, Step] = {}
    logged = history.all_logs(
        run_id, {_Events.ASSET_MATERIALIZATION, _Events.ASSET_CHECK_EVALUATION}
    )
    events = [entry.dagster_event for entry in logged if entry.dagster_event is not None]
    for event in events:
        if event.event_type != _Events.ASSET_MATERIALIZATION:
            continue
        made = event.step_materialization_data.materialization
        said, name = runs.values(made.metadata), made.asset_key.to_user_string()
        if event.step_key not in steps:
            steps[str(event.step_key)] = Step(
                name,
                int(said.get("dagster/partition_row_count", said.get("num_rows", 0))),
                said["wall_seconds"],
                said["cpu_seconds"],
                said["peak_memory_mb"],
            )
        by_asset[name] = steps[str(event.step_key)]
    for event in events:
        if event.event_type == _Events.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            said = runs.values(check.metadata)
            # Checks that count what their step has read already have no cost of their own.
            cost = said.get("cpu_seconds", 0.0)
            by_asset[check.asset_key.to_user_string()].check_cpu_seconds += cost
    return list(steps.values())


def main() -> None:
    """Make the night that the arguments name, and write what it cost."""
    root, day, written, is_whole = sys.argv[1:]
    made = make_night(
        Home(Path(root)),
        one_day(date.fromisoformat(day)),
        is_whole=is_whole == "1",
        console=Console(),
    )
    Path(written).write_text(json.dumps(made.json()))
    sys.stdout.flush()
    # What Delta's Rust side does at an interpreter's end has ended it badly before.
    os._exit(0)


if __name__ == "__main__":
    main()
