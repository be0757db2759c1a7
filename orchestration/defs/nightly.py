"""The nights that come by themselves: jobs, their schedule, and what is written when one fails."""

from datetime import UTC, timedelta
from typing import Final

import dagster as dg

from etl import tables
from orchestration import failure_report
from orchestration.partitions import DAYS, first_day
from orchestration.planning import EVERYTHING, selection
from orchestration.readiness import why_not
from orchestration.reads import key
from orchestration.runs import KIND, LEFT_OUT, NIGHT
from orchestration.workspace import Workspace

AT: Final = "0 2 * * *"
"""When a night is run, UTC: two hours for the last lines of the day to land."""
TRAINED: Final = (*tables.RANKERS.values(), *tables.RETRIEVAL_FITS.values())
"""What is fitted; left out, the champions and the sources' last models go on."""

nightly = dg.define_asset_job(
    "nightly",
    selection=selection(*EVERYTHING),
    partitions_def=DAYS,
    tags={KIND: NIGHT},
    description="Makes one day, checks it and publishes its slates. A backfill publishes nothing.",
)
nightly_without_training = dg.define_asset_job(
    "nightly_without_training",
    selection=selection(*EVERYTHING) - dg.AssetSelection.assets(*map(key, TRAINED)),
    partitions_def=DAYS,
    tags={KIND: NIGHT, LEFT_OUT: " ".join(table.path for table in TRAINED)},
    description=(
        "The same night without a fit: the champions of the evening before are judged and go on. "
        "A fit that the calendar had named for this night comes with its next one."
    ),
)


@dg.schedule(
    job=nightly,
    cron_schedule=AT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs yesterday, once its lines have landed and the day before has been made.",
)
def every_night(
    context: dg.ScheduleEvaluationContext, workspace: Workspace
) -> dg.RunRequest | dg.SkipReason:
    """Ask for yesterday, or say why not."""
    day = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date()
    if DAYS.start.date() != first_day():
        return dg.SkipReason(
            f"The calendar begins on {DAYS.start.date()}, the lake on {first_day()}: it was loaded "
            "before the first log. Reload the code location, or start nightmarket ui again."
        )
    reason = why_not(day, workspace.home)
    if reason is not None:
        return dg.SkipReason(reason)
    return dg.RunRequest(run_key=f"nightly-{day}", partition_key=str(day))


@dg.run_failure_sensor(
    name="failure_report",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes reports/failures/<day>-<run>.md: what failed, what it said, what to do.",
)
def report_failure(context: dg.RunFailureSensorContext, workspace: Workspace) -> None:
    """Write the report of a run that failed."""
    run = context.dagster_run
    events = failure_report.events_of(context.instance, run.run_id)
    path = failure_report.write(run, events, workspace.home)
    context.log.info(f"written: {path}")
