"""``nightmarket publish``: let readers see slates that are there."""

from typing import Annotated

import typer

from orchestration.commands._days import console, day_of
from orchestration.holding import hold
from orchestration.settings import Settings


def command(
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The slates' day.")],
    *,
    allow_older: Annotated[bool, typer.Option(help="Go back to an older day.")] = False,
) -> None:
    """Check every row of the day's slates and move the pointer."""
    from orchestration.publishing import publish_day
    from orchestration.workspace import Workspace

    settings = Settings()
    said = console()
    hold(settings.at_home, "nightmarket publish")
    with said.status("checking every row …"):
        lake = Workspace(home_path=str(settings.at_home.root)).lake("publish")
        manifest = publish_day(lake, settings, day_of(day), is_older_allowed=allow_older)
    for name, one in manifest.surfaces.items():
        if one.block:
            said.print(
                f"{name}: blocked, keeps the slates of {one.slate_date}: {one.block}", style="red"
            )
        else:
            said.print(f"{name}: {one.rows:,} rows of {one.slate_date}, ranker {one.ranker}")
    if any(one.block for one in manifest.surfaces.values()):
        raise typer.Exit(1)
