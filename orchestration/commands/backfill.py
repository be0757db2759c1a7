"""``nightmarket backfill``: run a range of days, and what is missing before it."""

from typing import Annotated

import typer

from etl.days import Days
from etl.lake_files import LakeFiles
from orchestration import planning
from orchestration.commands._days import console, day_of, require_within
from orchestration.holding import hold
from orchestration.runs import run
from orchestration.settings import Settings
from orchestration.workspace import Workspace


def command(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")],
) -> None:
    """Make a range in one run, earlier days first where they are missing; publish nothing."""
    home = Settings().at_home
    if day_of(first) > day_of(last):
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    days = Days(day_of(first), day_of(last))
    require_within(home, days)
    said = console()
    hold(home, "nightmarket backfill")
    requests = planning.backfill(days, LakeFiles(home.lake, home.first_day()))
    # One Spark serves them all: it is chosen for the longest, whichever comes first.
    Workspace(home_path=str(home.root)).lake(num_days=max(len(one.days) for one in requests))
    for request in requests:
        said.print(f"{request.days} ({len(request.days)} days)")
        run(request, home, said)
    said.print(f"done. Publish the last day: nightmarket publish --day {days.last}")
