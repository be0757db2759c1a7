"""``python -m benchmarks.ranking FILE --mapping FILE.toml``: the ladder of rankers on any table.

Rankers learn from a table's earlier rows and are judged on its later ones, with popularity beside
them. Probabilities are calibrated on rows between the two. Intervals are of resampled users.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import ranking_files, ranking_run
from benchmarks.ranking_files import UnusableTableError
from benchmarks.ranking_run import Results
from benchmarks.ranking_rungs import LADDER
from benchmarks.ranking_table import FlatTable
from training.metrics import Interval

SEED: Final = 1
_WIDTH: Final = 140


def main(
    file: Path,
    *,
    mapping: Annotated[Path, typer.Option(help="TOML: which column is what.")],
    rankers: Annotated[str, typer.Option(help="Names with commas between; all otherwise.")] = "",
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = SEED,
) -> None:
    """Fit and judge the ladder on a table, Parquet or CSV."""
    names = chosen(rankers)
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    with _border(), threadpool_limits(1):
        table = FlatTable.of(ranking_files.read(file, ranking_files.mapping(mapping)))
        results = ranking_run.run(table, names, seed=seed, say=console.print)
    shown(results, console)
    if json_ is not None:
        json_.write_text(json.dumps(written(results), indent=1) + "\n")


def chosen(names: str) -> list[str]:
    """Take the rungs named, all if none is."""
    asked = names.split(",") if names else list(LADDER)
    unknown = [name for name in asked if name not in LADDER]
    if unknown:
        raise typer.BadParameter(f"no ranker {', '.join(unknown)}; there are {', '.join(LADDER)}")
    return [name for name in LADDER if name in asked]


@contextmanager
def _border() -> Iterator[None]:
    """Say what a table lacks instead of where it was noticed."""
    try:
        yield
    except UnusableTableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def shown(results: Results, console: Console) -> None:
    """Print a table a task."""
    rows = ", ".join(f"{num:,} {part}" for part, num in results.num_rows.items())
    console.print(
        f"rows: {rows}; {results.num_users:,} users judged; {results.num_features} features"
    )
    for task, num in results.num_positives.items():
        console.print(_table(results, task, num))


def _table(results: Results, task: str, num_positives: int) -> Table:
    table = Table(title=f"{task}: {num_positives:,} positives; 95 % intervals by user")
    table.add_column("ranker", no_wrap=True)
    for title in ("auc", "over the one above", "gauc", "log loss", "over the one above", "ece"):
        table.add_column(title, justify="right")
    table.add_column("fit / score, cpu-s", justify="right")
    for name, by_task in results.measured.items():
        found, spent = by_task[task], results.cpu_seconds[name]
        step = results.steps.get(name, {}).get(task)
        table.add_row(
            name,
            _said(found.auc),
            _said(step.auc, "+") if step else "",
            _said(found.gauc),
            _said(found.log_loss),
            _said(step.log_loss, "+") if step else "",
            _number(found.ece),
            f"{spent['fit']:.0f} / {spent['score']:.1f}" if spent else "",
        )
    return table


def _said(interval: Interval, sign: str = "") -> str:
    if isnan(interval.mean):
        return ""
    mean, low, high = (
        format(x, f"{sign}.4f") for x in (interval.mean, interval.low, interval.high)
    )
    return f"{mean}\n{low} {high}"


def _number(value: float) -> str:
    return "" if isnan(value) else f"{value:.4f}"


def written(results: Results) -> dict[str, Any]:
    """Say results as JSON holds them; what was not measured is null."""

    def value(number: float) -> float | None:
        return None if isnan(number) else number

    return {
        "results": {
            name: {
                task: {
                    "auc": value(found.auc.mean),
                    "gauc": value(found.gauc.mean),
                    "logloss": value(found.log_loss.mean),
                    "ece": value(found.ece),
                    "ece_uncalibrated": value(found.ece_uncalibrated),
                    "normalised_entropy": value(found.normalised_entropy),
                    "predicted_to_observed": value(found.predicted_to_observed),
                }
                for task, found in by_task.items()
            }
            for name, by_task in results.measured.items()
        },
        "intervals": {
            name: {
                task: {
                    measure: [value(one.low), value(one.high)]
                    for measure, one in (
                        ("auc", found.auc),
                        ("gauc", found.gauc),
                        ("logloss", found.log_loss),
                    )
                }
                for task, found in by_task.items()
            }
            for name, by_task in results.measured.items()
        },
        "steps": {
            name: {task: asdict(step) for task, step in by_task.items()}
            for name, by_task in results.steps.items()
        },
        "cpu_seconds": results.cpu_seconds,
        "rows": results.num_rows,
        "positives": results.num_positives,
        "users": results.num_users,
    }


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
