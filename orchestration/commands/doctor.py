"""``nightmarket doctor``: what is wrong with this installation, and how to mend it."""

import typer
from rich.console import Console

from orchestration.health import findings
from orchestration.settings import Settings


def command() -> None:
    """Look at Java, jars, memory, disk, the home; exit code 1 if something is wrong."""
    console = Console()
    found = list(findings(Settings()))
    for one in found:
        mark = "[green]ok  [/]" if one.is_well else "[red]bad [/]"
        console.print(f"{mark}{one.what}: ", end="")
        console.print(one.said, highlight=False, markup=False)
    if not all(one.is_well for one in found):
        raise typer.Exit(1)
