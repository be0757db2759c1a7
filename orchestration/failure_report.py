"""Writes down for people why a run failed: ``reports/failures/<day>-<run>.md`` in the home.

Everything in it comes from the run's own events, so that it can be written whatever broke.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import dagster as dg

from etl.home import Home
from orchestration import advice
from orchestration.border import of_step
from orchestration.partitions import days_in

UPKEEP: Final = "upkeep"
"""The job that is of no day (``orchestration.defs.upkeep``)."""
_SHOWN_RUN_ID: Final = 8

Events = Sequence[dg.DagsterEvent]
"""What happened in one run, in order."""


def write(run: dg.DagsterRun, events: Events, home: Home) -> Path:
    """Write the report of a failed run.

    Returns:
        Where it lies.
    """
    path = home.reports / "failures" / f"{_day_of(run)}-{run.run_id[:_SHOWN_RUN_ID]}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_lines(run, events, home)) + "\n")
    return path


def events_of(instance: dg.DagsterInstance, run_id: str) -> Events:
    """Read what happened in a run from the history."""
    logged = (entry.dagster_event for entry in instance.all_logs(run_id))
    return [event for event in logged if event is not None]


def _lines(run: dg.DagsterRun, events: Events, home: Home) -> Iterator[str]:
    yield f"# {_day_of(run)}: {run.job_name} failed"
    yield f"\nRun `{run.run_id}`; in the UI: `nightmarket ui`, Runs, {run.run_id[:_SHOWN_RUN_ID]}."
    yield "\n## What happened\n"
    yield from _happened(events)
    unmet = _unmet(events)
    if unmet:
        yield "\n## Checks that were not met"
    for check in unmet:
        weight = "blocks what follows" if _is_blocking(check) else "a warning, blocks nothing"
        yield f"\n### {check.asset_key.to_user_string()}: {weight}\n"
        yield _found(check)
    yield "\n## What was made\n"
    yield ", ".join(_made(events)) or "Nothing."
    yield "\n## What to do\n"
    yield from _to_do(run, unmet, home)


def _happened(events: Events) -> Iterator[str]:
    failed = [event for event in events if event.is_step_failure]
    for event in failed:
        yield f"- Step `{event.step_key}` failed: {of_step(event.step_failure_data)}"
    for check in _unmet(events):
        if _is_blocking(check):
            yield f"- `{check.asset_key.to_user_string()}` was blocked: {check.description}"
    if not failed and not any(map(_is_blocking, _unmet(events))):
        said = [event.message for event in events if event.is_failure and event.message]
        yield f"- {said[-1] if said else 'The run ended without a word: its process was ended.'}"


def _unmet(events: Events) -> list[dg.AssetCheckEvaluation]:
    """The checks that were not met, those that block first."""
    found = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    unmet = [check for check in found if not check.passed]
    return sorted(unmet, key=_is_blocking, reverse=True)


def _is_blocking(check: dg.AssetCheckEvaluation) -> bool:
    return check.severity == dg.AssetCheckSeverity.ERROR


def _found(check: dg.AssetCheckEvaluation) -> str:
    """The results with their examples, as the check itself shows them."""
    results = check.metadata.get("results") or check.metadata.get("blocked")
    return str(results.value) if results is not None else check.description or "not met"


def _made(events: Events) -> list[str]:
    made = [
        event.step_materialization_data.materialization.asset_key.to_user_string()
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
    ]
    return list(dict.fromkeys(made))


def _to_do(
    run: dg.DagsterRun, unmet: Sequence[dg.AssetCheckEvaluation], home: Home
) -> Iterator[str]:
    blocked = sorted({c.asset_key.to_user_string() for c in unmet if _is_blocking(c)})
    first = advice.AFTER_A_BLOCK if blocked else advice.AFTER_A_STEP
    more = filter(None, map(advice.of_blocked, blocked))
    again = advice.again(days_in(run.tags), is_upkeep=run.job_name == UPKEEP)
    for said in (*first, *more, again, advice.served(home)):
        yield f"- {said}"


def _day_of(run: dg.DagsterRun) -> str:
    days = days_in(run.tags)
    if days is None:
        return "no-day"
    return str(days.last) if len(days) == 1 else f"{days.first}_{days.last}"
