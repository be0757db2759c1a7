"""``nightmarket night``: run one day and publish its slates."""

from typing import Annotated

import typer

from etl.days import Days
from orchestration import planning
from orchestration.commands._days import console, day_of, require_within
from orchestration.commands.tidy import tidy_if_due
from orchestration.holding import hold
from orchestration.runs import run
from orchestration.settings import Settings


def command(
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day to run.")],
) -> None:
    """Run one day and let readers see its slates."""
    settings = Settings()
    home = settings.at_home
    days = Days(day_of(day), day_of(day))
    require_within(home, days)
    said = console()
    hold(home, "nightmarket night")
    run(planning.night(days.last), home, said)
    said.print(f"published. Look: nightmarket top USER, or nightmarket ui ({home.root})")
    tidy_if_due(settings, said)
