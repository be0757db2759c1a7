"""Runs days from the command line: the same assets and checks as the UI, in this process.

Runs are kept in the home's Dagster history, so that the UI shows them. Steps are said as they end.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process
from rich.console import Console
from rich.markup import escape

from etl import spark
from etl.days import Days
from etl.home import Home
from orchestration import advice
from orchestration.border import of_step

KIND: Final = "nightmarket/kind"
NIGHT: Final = "night"
BACKFILL: Final = "backfill"
LEFT_OUT: Final = "nightmarket/left_out"
"""A run's tag: paths of the tables that it leaves out on purpose, parted by blanks."""
_PROGRESS: Final = "progress"

_DAGSTER_YAML: Final = """\
# Written by nightmarket; runs wait their turn, because each has a Spark of its own.
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 1
# A run whose process died is run once more. A step that failed has had its own retries, and a check
# that blocked would block again.
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
# What a run does, its events say; printed beside them is only what is more than that.
python_logs:
  python_log_level: INFO
telemetry:
  enabled: false
# No invitation to a mailing list over the first page.
nux:
  enabled: false
"""


class RunFailedError(RuntimeError):
    """A run did not get through; the message names the step and what it said."""


def instance(home: Home) -> dg.DagsterInstance:
    """Open the home's run history; the first call makes it."""
    prepare(home)
    return dg.DagsterInstance.get()


def prepare(home: Home) -> None:
    """Make DAGSTER_HOME with its settings, and name it in the environment."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    path = home.dagster / "dagster.yaml"
    if not path.exists():
        path.write_text(_DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    os.environ["NIGHTMARKET_HOME"] = str(home.root)


@dataclass(frozen=True, slots=True)
class Request:
    """What one run is to make."""

    days: Days
    selection: dg.AssetSelection
    kind: str
    left_out: tuple[str, ...] = ()
    """Paths of tables whose days are not there on purpose."""


def run(request: Request, home: Home, console: Console) -> None:
    """Make the days of a request in one run.

    Raises:
        RunFailedError: If a step failed or a blocking check was not met.
    """
    from orchestration.definitions import defs

    everything = defs()
    job = dg.define_asset_job("from_the_command_line", selection=request.selection)
    merged = dg.Definitions.merge(
        everything, dg.Definitions(jobs=[job], loggers={_PROGRESS: _logger(console)})
    )
    with instance(home) as history:
        result = execute(
            merged.resolve_job_def(job.name),
            history,
            tags=_tags(request),
            run_config={"loggers": {_PROGRESS: {}}},
        )
    if not result.success:
        raise RunFailedError(_why(result))


def execute(
    job: dg.JobDefinition,
    history: dg.DagsterInstance,
    *,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job here, by its own executor: ``execute_in_process`` would put another in its place.

    Args:
        job: The job.
        history: Where its events are kept.
        tags: Of the run; its days among them.
        run_config: As Dagster has it.
    """
    return core_execute_in_process(
        job=InMemoryJob(job),
        run_config=run_config or {},
        instance=history,
        output_capturing_enabled=False,
        raise_on_error=False,
        run_tags=tags,
    )


def _tags(request: Request) -> dict[str, str]:
    first, last = str(request.days.first), str(request.days.last)
    left_out = {LEFT_OUT: " ".join(request.left_out)} if request.left_out else {}
    if request.kind == NIGHT:
        return {KIND: NIGHT, "dagster/partition": last} | left_out
    return {
        KIND: request.kind,
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    } | left_out


def _why(result: dg.ExecuteInProcessResult) -> str:
    """Say what the first check that blocked found, or what the first failed step said."""
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                name = check.asset_key.to_user_string()
                said = f"{name} was blocked: {check.description}. What follows it was not made."
                return f"{said} {advice.of_blocked(name)}".rstrip()
        if event.is_step_failure:
            said = spark.GONE if spark.is_gone() else of_step(event.step_failure_data)
            return f"{event.step_key} failed: {said}"
        if event.event_type == dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            return f"the run broke off: {event.job_failure_data.error.message.strip()}"
    return "the run failed; see the UI: nightmarket ui"


def _logger(console: Console) -> dg.LoggerDefinition:
    @dg.logger
    def progress(_: dg.InitLoggerContext) -> logging.Logger:
        found = logging.Logger("nightmarket.progress", logging.DEBUG)
        found.addHandler(_Progress(console))
        return found

    return progress


class _Progress(logging.Handler):
    """Says what was made, as Dagster's events come in; a range tells each day, we say it once."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._made: dict[str, dict[str, Mapping[str, Any]]] = {}
        """By step, what its tables said."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for a step that ended, a check that was not met, a retry."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", {}) or {}
        event = meta.get("dagster_event")
        said = {
            dg.DagsterEventType.ASSET_MATERIALIZATION: self._materialised,
            dg.DagsterEventType.STEP_SUCCESS: self._ended,
            dg.DagsterEventType.ASSET_CHECK_EVALUATION: self._checked,
            dg.DagsterEventType.STEP_UP_FOR_RETRY: self._retried,
        }
        if event is not None and event.event_type in said:
            said[event.event_type](event)

    def _materialised(self, event: dg.DagsterEvent) -> None:
        made = event.step_materialization_data.materialization
        of_step = self._made.setdefault(str(event.step_key), {})
        of_step[made.asset_key.to_user_string()] = made.metadata

    def _ended(self, event: dg.DagsterEvent) -> None:
        for name, metadata in self._made.pop(str(event.step_key), {}).items():
            self._console.print(_made_line(name, metadata), highlight=False)

    def _checked(self, event: dg.DagsterEvent) -> None:
        line = _check_line(event)
        if line:
            self._console.print(line, highlight=False)

    def _retried(self, event: dg.DagsterEvent) -> None:
        self._console.print(f"[yellow]  {event.step_key}: trying again[/]")


def values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Say an event's metadata as plain values."""
    return {key: getattr(value, "value", value) for key, value in metadata.items()}


def _made_line(name: str, metadata: Mapping[str, Any]) -> str:
    said = values(metadata)
    number = said.get("dagster/partition_row_count", said.get("num_rows", 0))
    rows = f"{number:>12,} rows"
    told = (said.get(what) for what in ("empty_because", "publication", "left_out"))
    empty = next(filter(None, told), "")
    return f"  {name:<30}{rows} {said.get('wall_seconds', 0):>8.1f} s  {empty}"


def _check_line(event: dg.DagsterEvent) -> str | None:
    check = event.asset_check_evaluation_data
    if check.passed:
        return None
    colour = "red" if check.severity == dg.AssetCheckSeverity.ERROR else "yellow"
    name = check.asset_key.to_user_string()
    return f"[{colour}]  {name}: {escape(check.description or 'not met')}[/]"
