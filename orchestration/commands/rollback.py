"""``nightmarket rollback``: let readers see an earlier publication again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.commands._days import console
from orchestration.holding import hold
from orchestration.settings import Settings
from scoring.publish import rollback


def command(
    to: Annotated[
        str | None, typer.Option(help="A publication's id; the one before by default.")
    ] = None,
) -> None:
    """Move the pointer back; the next night or publish writes the move into publications/log."""
    home = Settings().at_home
    hold(home, "nightmarket rollback")
    swap = rollback(home.publications, to=to, now=datetime.now(UTC))
    console().print(f"{swap.publication_id} is served again, slates of {swap.slate_date}")
