"""``nightmarket export``: write a day's slates into one file, in constant memory."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from etl import surfaces, tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from orchestration.commands._days import day_of
from orchestration.settings import Settings
from scoring.export import export


def command(
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The slates' day.")],
    surface: Annotated[str, typer.Option(help="Which surface.")] = "product_feed",
    format_: Annotated[str, typer.Option("--format", help="parquet, jsonl or csv.")] = "parquet",
    out: Annotated[Path | None, typer.Option(help="The file; named by day by default.")] = None,
) -> None:
    """One row a user and place; jsonl: one user a line."""
    home = Settings().at_home
    files = LakeFiles(home.lake, home.first_day())
    table = tables.SLATES[surfaces.named(surface).name]
    path = out or Path(f"slates-{surface}-{day}.{format_}")
    num_rows = export(
        files.batches(table, one_day(day_of(day))), path, surface=surface, format_=format_
    )
    Console().print(f"{path}: {num_rows:,} rows")
