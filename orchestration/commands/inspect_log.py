"""``nightmarket inspect-log``: say what a log holds; writes nothing."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from etl.sources import mapping as mappings
from etl.sources.inspect import MAX_LINES, inspect
from orchestration.inspect_view import render


def command(
    file: Annotated[Path, typer.Argument(help="The log, plain or gzip.")],
    mapping: Annotated[Path | None, typer.Option(help="Read it by this mapping.")] = None,
    max_lines: Annotated[int, typer.Option(min=1, help="Lines that are read.")] = MAX_LINES,
) -> None:
    """Guess the format, draft a mapping, show what would be rejected and what is possible."""
    format_ = "jsonl" if "json" in file.name else "csv"
    chosen = mappings.read(mapping, format_=format_) if mapping else None
    Console().print(render(inspect(file, mapping=chosen, max_lines=max_lines)))
