"""``python -m benchmarks.ladder HOME``: the ladder of rankers on the examples of a home's lake.

All rankers learn from the same days, stop and are calibrated on the same, and are judged on the
same newer ones, popularity-of-7-days beside them. Intervals are of resampled users.
"""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from benchmarks import ranking, ranking_run
from benchmarks.ladder_days import DaysConfig, LakeDays
from etl import surfaces, tables
from etl.home import Home
from etl.lake_files import LakeFiles

_WIDTH: Final = 140


def main(  # noqa: PLR0913 - the command line's options
    home: Path,
    *,
    surface: Annotated[str, typer.Option(help="Whose examples.")] = "product_feed",
    rankers: Annotated[str, typer.Option(help="Names with commas between; all otherwise.")] = "",
    judged: Annotated[int, typer.Option(min=1, help="The newest days, judged.")] = 3,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = ranking.SEED,
) -> None:
    """Fit and judge the ladder on a surface's examples."""
    names = ranking.chosen(rankers)
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    of_surface, at_home = surfaces.named(surface), Home(home.absolute())
    with threadpool_limits(1):
        config = DaysConfig(num_judged=judged)
        days = LakeDays.of(at_home, of_surface, _last(at_home, surface), config)
        console.print(f"learned from {days.split.fit}, stopped on {days.split.stop}, {days.days}")
        results = ranking_run.run(days, names, seed=seed, say=console.print)
    ranking.shown(results, console)
    if json_ is not None:
        json_.write_text(json.dumps(ranking.written(results), indent=1) + "\n")


def _last(home: Home, surface: str) -> date:
    """The newest day of examples."""
    return max(LakeFiles(home.lake, home.first_day()).made_days(tables.EXAMPLES[surface]))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
