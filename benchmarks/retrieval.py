"""``python -m benchmarks.retrieval``: candidate generation on plain files, by published protocols.

``sequences FILE`` reads one user's items in time order a line and foretells his last; ``split TRAIN
TEST`` reads two such files without an order. Both rank over all items with what a user knows
masked, and print every source, their fusion and popularity.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import retrieval_files, retrieval_run
from benchmarks.retrieval_files import Protocol, UnreadableFileError
from benchmarks.retrieval_run import Results
from training.retrieval.learned import ORDERED, POPULARITY, UNORDERED, Learned
from training.retrieval.mixing import NothingFoundError

SEED: Final = 1
_SHOWN: Final = ("hr@10", "ndcg@10", "recall@20", "ndcg@20", "recall@100")
_OFF: Final = sorted({one.name for one in ORDERED} - {one.name for one in UNORDERED})
_WIDTH: Final = 150
"""Characters of a line in a file or a pipe: narrower, and intervals lose their ends."""
_JUDGED_AT: Final = {"split": "ndcg@20"}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Sources = Annotated[
    str, typer.Option(help="Names with commas between; the usual ones where not given.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the results here.")]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn.")]


class Kind(StrEnum):
    """How much is learned before the last item is foretold."""

    STRICT = "strict"
    REFRESHED = "refreshed"


@app.command()
def sequences(
    file: Path,
    *,
    protocol: Annotated[Kind, typer.Option(help="What is learned from.")] = Kind.REFRESHED,
    sources: Sources = "",
    json_: Json = None,
    seed: Seed = SEED,
) -> None:
    """Foretell each user's last item from the ones before."""
    chosen = _chosen(sources, ORDERED)
    with _border():
        lines = retrieval_files.read(file)
        read = retrieval_files.sequences(
            lines,
            is_refreshed=protocol is Kind.REFRESHED,
            attributes=retrieval_files.attributes(file),
        )
        _run(read, chosen, json_, seed)


@app.command()
def split(
    train: Path, test: Path, *, sources: Sources = "", json_: Json = None, seed: Seed = SEED
) -> None:
    """Foretell each user's test items from his training items, which have no order."""
    chosen = _chosen(sources, UNORDERED)
    with _border():
        lines = (retrieval_files.read(file) for file in (train, test))
        read = retrieval_files.split(*lines, seed=seed)
        _run(read, chosen, json_, seed)


@contextmanager
def _border() -> Iterator[None]:
    """Say what a file lacks instead of where it was noticed."""
    try:
        yield
    except (UnreadableFileError, NothingFoundError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _chosen(names: str, known: tuple[Learned, ...]) -> list[Learned]:
    usual = {one.name for one in known if not one.is_optional}
    asked = set(names.split(",")) if names else usual
    unknown = asked - {one.name for one in known}
    if unknown:
        there = ", ".join(one.name for one in known)
        raise typer.BadParameter(f"no source {', '.join(sorted(unknown))}; there are {there}")
    return [one for one in known if one.name in asked | {POPULARITY.name}]


def _run(protocol: Protocol, sources: list[Learned], json_: Path | None, seed: int) -> None:
    console = _console()
    missing = {one.name: _missing(one, protocol) for one in sources}
    for name in filter(missing.get, missing):
        console.print(f"{name} is skipped: {missing[name]}")
    ready = [one for one in sources if not missing[one.name]]
    with threadpool_limits(1):
        results = retrieval_run.run(protocol, ready, seed=seed, say=console.print)
    console.print(_table(protocol, results))
    if protocol.name == "split":
        console.print(f"off, as these files have no order: {', '.join(_OFF)}")
    measure = f"ndcg@{protocol.judged_at}"
    gain = results.gain(measure)
    console.print(
        f"fusion over {results.best_single(measure)}, {measure}: {gain.mean:+.4f} "
        f"[{gain.low:+.4f}, {gain.high:+.4f}]; trees have {results.tree_share:.0%} of its head"
    )
    if json_ is not None:
        json_.write_text(json.dumps(written(protocol, results), indent=1) + "\n")


def _console() -> Console:
    """Print to a terminal as wide as it is, into a file as wide as the table."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _missing(one: Learned, protocol: Protocol) -> str:
    """Say what a source cannot do without, or nothing."""
    if not one.is_available:
        return f"{one.needs} is not installed (make setup)"
    if one.reads_attributes and protocol.test.learned.attribute_IA is None:
        return "nothing is known of the items themselves"
    return ""


def _table(protocol: Protocol, results: Results) -> Table:
    users = f"{len(protocol.test.asked)} users, {len(protocol.items)} items"
    table = Table(title=f"{protocol.name}: {users}; 95 % intervals by user")
    table.add_column("source", no_wrap=True)
    for title in (*_SHOWN, "fit", "score", "MB"):
        table.add_column(title, justify="right")
    for name, measured in results.intervals().items():
        cost = results.costs[name]
        figures = [
            f"{measured[m].mean:.4f}\n{measured[m].low:.4f}–{measured[m].high:.4f}" for m in _SHOWN
        ]
        spent = [f"{cost.cpu_seconds.get(step, 0):.0f}" for step in ("fit", "score")]
        table.add_row(name, *figures, *spent, f"{cost.peak_memory_mb:.0f}")
    return table


def written(protocol: Protocol, results: Results) -> dict[str, Any]:
    """Say results as JSON holds them."""
    measured = results.intervals()
    gains = {name: asdict(results.gain(name)) for name in ("ndcg@10", "ndcg@20")}
    return {
        "protocol": protocol.name,
        "results": {
            name: {measure: one.mean for measure, one in found.items()}
            for name, found in measured.items()
        },
        "intervals": {
            name: {measure: [one.low, one.high] for measure, one in found.items()}
            for name, found in measured.items()
        },
        "cpu_seconds": {name: cost.cpu_seconds for name, cost in results.costs.items()},
        "peak_memory_mb": {name: cost.peak_memory_mb for name, cost in results.costs.items()},
        "settings": {name: asdict(config) for name, config in results.configs.items()},
        "fusion_gain": {"over": results.best_single("ndcg@10"), **gains},
        "tree_share": results.tree_share,
    }


if __name__ == "__main__":
    app()
