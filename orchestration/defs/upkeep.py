"""Upkeep of the home: a job of its own, so that nights stay as quick as they are."""

from datetime import UTC, datetime
from typing import Final

import dagster as dg

from etl.home import HomeError
from orchestration.failure_report import UPKEEP
from orchestration.holding import hold
from orchestration.upkeep import Upkeep, is_due
from orchestration.upkeep_view import markdown, total
from orchestration.workspace import Workspace

AT: Final = "30 4 * * *"
"""When it is asked whether upkeep is due, UTC: after most nights; runs wait in line anyway."""


@dg.op(description="Forgets old days, removes what nothing reads, cleans landing, models, runs.")
def tidy(context: dg.OpExecutionContext, workspace: Workspace) -> None:
    """Do the upkeep, as ``nightmarket tidy`` does."""
    hold(workspace.home, f"Dagster run {context.run_id[:8]}")
    done = Upkeep(workspace.settings, context.instance, datetime.now(UTC)).tidy()
    context.log.info(f"let go of {total(done)}")
    context.add_output_metadata({"let_go_of": dg.MetadataValue.md(markdown(done))})


@dg.job(name=UPKEEP, description="Lets go of what the home keeps no longer (docs/decisions/0030).")
def upkeep() -> None:
    """Do the upkeep in one step."""
    tidy()


@dg.schedule(
    job=upkeep,
    cron_schedule=AT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Does the upkeep once enough nights were made (NIGHTMARKET_TIDY_EVERY_DAYS).",
)
def upkeep_when_due(workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """Ask for an upkeep, or say why not."""
    try:
        is_asked_for = is_due(workspace.settings)
    except HomeError as error:
        return dg.SkipReason(str(error))
    if is_asked_for:
        return dg.RunRequest()
    every = workspace.settings.tidy_every_days
    said = f"it is done every {every} nights." if every else "NIGHTMARKET_TIDY_EVERY_DAYS is 0."
    return dg.SkipReason(f"Not due: {said}")
