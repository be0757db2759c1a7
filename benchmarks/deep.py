"""``python -m benchmarks.deep``: how fast the deep ranker scores and learns, and whether it does.

Reference and ours run in turns on one thread, and the median of their cpu-seconds is told, each
with its goal and whether it is met. Set OMP_NUM_THREADS and MKL_NUM_THREADS to 1.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from rich.console import Console

from benchmarks import deep_rows, figures
from benchmarks.deep_rows import QUICK, Sizes
from benchmarks.figures import Row

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_STEPS: Final[dict[str, Callable[[Sizes], list[Row]]]] = {
    "scoring": deep_rows.scoring_rows,
    "learning": deep_rows.learning_rows,
    "learned": deep_rows.learned_rows,
}
_OF_PROCESSOR: Final = ("avx512f", "avx512_bf16", "amx_bf16")


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
    torch.set_num_threads(1)
    console, sizes = Console(), replace(QUICK if quick else Sizes(), rounds=rounds)
    console.print(f"torch {torch.__version__}; the processor {_processor()}")
    rows = [row for name in figures.chosen(steps, _STEPS) for row in _STEPS[name](sizes)]
    console.print(figures.table(rows))
    if json_ is not None:
        json_.write_text(figures.as_json(rows))


def _processor() -> str:
    """What /proc/cpuinfo says of bfloat16, where there is one."""
    told = Path("/proc/cpuinfo")
    if not told.exists():
        return "does not say what it has"
    flags = set(told.read_text().split())
    said = [f"has {name}" if name in flags else f"no {name}" for name in _OF_PROCESSOR]
    return ", ".join(said)


if __name__ == "__main__":
    app()
