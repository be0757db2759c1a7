"""``python -m benchmarks.kernels``: how fast candidates are learned and listed, beside peers.

Reference and ours run in turns on one thread, and the median of their cpu-seconds is told, each
with its goal and whether it is met. ``make bench`` sets the threads.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks import figures, kernel_rows, retrieval_files
from benchmarks.drawn import drawn, last_left_out
from benchmarks.figures import Row
from benchmarks.kernel_rows import QUICK, SEED, Foretold, Sizes
from benchmarks.retrieval_files import UnreadableFileError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_STEPS: Final = ("top_k", "item_cf", "als", "sasrec", "ease")


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="So little that it only runs.")] = False,
    sequences: Annotated[
        Path | None, typer.Option(help="EASE on these histories, 'user item item …' a line.")
    ] = None,
    steps: Annotated[
        str, typer.Option(help="Names with commas between; all where not given.")
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 3,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Measure, print a table, and write it where asked to."""
    console, sizes = Console(), replace(QUICK if quick else Sizes(), rounds=rounds)
    rows = []
    for name in figures.chosen(steps, _STEPS):
        try:
            rows += _measure(name, sizes, sequences)()
        except ModuleNotFoundError as error:
            console.print(f"{name} is skipped: {error.name} is not installed (make setup)")
        except UnreadableFileError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    console.print(figures.table(rows))
    if json_ is not None:
        json_.write_text(figures.as_json(rows))


def _measure(name: str, sizes: Sizes, sequences: Path | None) -> Callable[[], list[Row]]:
    return {
        "top_k": lambda: kernel_rows.top_rows(sizes),
        "item_cf": lambda: kernel_rows.near_rows(sizes),
        "als": lambda: kernel_rows.als_rows(sizes),
        "sasrec": lambda: kernel_rows.sasrec_rows(sizes),
        "ease": lambda: kernel_rows.ease_rows(sizes, _foretold(sizes, sequences)),
    }[name]


def _foretold(sizes: Sizes, sequences: Path | None) -> Foretold:
    """Read a file's validation, or draw; the file's test items are not looked at."""
    if sequences is None:
        whole = drawn(sizes.ease_users, sizes.ease_items, num_each=20, seed=SEED)
        learned, truth = last_left_out(whole)
        return Foretold(learned, learned, truth)
    lines = retrieval_files.read(sequences)
    stage = retrieval_files.sequences(lines, is_refreshed=False).validation
    return Foretold(stage.learned, stage.asked, stage.truth)


if __name__ == "__main__":
    app()
