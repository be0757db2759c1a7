"""``python -m benchmarks.gbdt``: how fast trees score and learn, beside xgboost alone.

Reference and ours run in turns on one thread, and the median of their cpu-seconds is told, each
with its goal and whether it is met. Set OMP_NUM_THREADS to 1.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks import figures, gbdt_rows
from benchmarks.figures import Row
from benchmarks.gbdt_rows import QUICK, Sizes

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_STEPS: Final[dict[str, Callable[[Sizes], list[Row]]]] = {
    "scoring": gbdt_rows.scoring_rows,
    "learning": gbdt_rows.learning_rows,
}


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="So little that it only runs.")] = False,
    steps: Annotated[
        str, typer.Option(help="Names with commas between; all where not given.")
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 3,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Measure, print a table, and write it where asked to."""
    console, sizes = Console(), replace(QUICK if quick else Sizes(), rounds=rounds)
    rows = [row for name in figures.chosen(steps, _STEPS) for row in _STEPS[name](sizes)]
    console.print(figures.table(rows))
    if json_ is not None:
        json_.write_text(figures.as_json(rows))


if __name__ == "__main__":
    app()
