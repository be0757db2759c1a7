"""``nightmarket tidy``: let go of what the home keeps no longer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from etl.upkeep import Pile
from orchestration.commands._days import console
from orchestration.holding import hold
from orchestration.runs import instance
from orchestration.settings import Settings
from orchestration.upkeep import Upkeep, is_due
from orchestration.upkeep_view import table, total


def command(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; keep it.")] = False,
) -> None:
    """Forget old days, remove files that nothing reads, clean landing, models, runs."""
    settings, said = Settings(), console()
    settings.at_home.first_day()
    hold(settings.at_home, "nightmarket tidy")
    with instance(settings.at_home) as history:
        upkeep = Upkeep(settings, history, datetime.now(UTC))
        found = list(upkeep.piles()) if dry_run else upkeep.tidy()
    _show(found, said, "would let go of" if dry_run else "let go of")


def tidy_if_due(settings: Settings, said: Console) -> None:
    """Do the upkeep that is due behind a night, whose process holds the home."""
    if is_due(settings):
        with instance(settings.at_home) as history:
            _show(Upkeep(settings, history, datetime.now(UTC)).tidy(), said, "let go of")


def _show(found: Sequence[Pile], said: Console, done: str) -> None:
    if found:
        said.print(table(found))
    said.print(f"tidy: {done} {total(found)}")
