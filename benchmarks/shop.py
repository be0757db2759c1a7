"""``python -m benchmarks.shop``: how near slates come to the best of a shop whose truth is known.

Simulates a shop, makes its nights by one backfill, and measures the last evening's slates exactly,
by the shop's own probabilities. Seeds 1–3 are for developing, 11–13 for reporting.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from etl.days import Days
from etl.home import Home
from orchestration.cost import metered
from simulator.config import ShopConfig
from simulator.simulate import make, shop_at
from simulator.truth.measures import Measured


def main(  # noqa: PLR0913 - the command line's options
    *,
    users: Annotated[int, typer.Option(min=1, help="Users, bots among them.")] = 5000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3000,
    days: Annotated[int, typer.Option(min=2, help="Days; the last evening is measured.")] = 21,
    seed: Annotated[int, typer.Option(help="Of the shop: 1–3 to develop, 11–13 to report.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
    home: Annotated[Path | None, typer.Option(help="Keep the home here.")] = None,
) -> None:
    """Simulate a shop, make its nights, and measure the last evening's slates."""
    console = Console()
    config = ShopConfig(users=users, items=items, days=days, seed=seed, start=date(2026, 1, 1))
    if home is not None:
        _run(home.absolute(), config, json_, console)
        return
    with tempfile.TemporaryDirectory(prefix="nightmarket-shop-") as folder:
        _run(Path(folder), config, json_, console)


def _run(root: Path, config: ShopConfig, json_: Path | None, console: Console) -> None:
    os.environ["NIGHTMARKET_HOME"] = str(root)
    spent: dict[str, float] = {}
    with _timed(spent, "simulate"):
        made = make(root, config, lambda landed: console.print(f"simulated {landed.date}"))
    # Only now: the calendar of Dagster's partitions is read from the home when it is imported.
    from benchmarks.shop_nights import make_nights, measured

    with _timed(spent, "nights"):
        make_nights(Home(root), Days(made.start, made.last), console)
    with _timed(spent, "measure"):
        surfaces = measured(shop_at(root, made), Home(root), made.last)
    _print(surfaces, spent, console)
    if json_ is not None:
        written = {
            "shop": _said(config),
            "surfaces": {name: found.json() for name, found in surfaces.items()},
            "cpu_seconds": spent,
        }
        json_.write_text(json.dumps(written, indent=2) + "\n")


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    with metered() as cost:
        yield
    spent[name] = round(cost.cpu_seconds, 1)


def _said(config: ShopConfig) -> dict[str, Any]:
    names = ("version", "users", "items", "days", "seed")
    return {name: getattr(config, name) for name in names} | {"start": str(config.start)}


def _print(
    surfaces: Mapping[str, Measured], cpu_seconds: Mapping[str, float], console: Console
) -> None:
    table = Table(title="Value of a slate in clicks; lift share with its 95 % interval by user")
    table.add_column("surface", no_wrap=True)
    for title in ("policy", "value", "lift share", "interval"):
        table.add_column(title, justify="left" if title == "policy" else "right")
    for name, found in surfaces.items():
        _add(table, name, found)
    console.print(table)
    for name, found in surfaces.items():
        console.print(f"{name}: of the best slate {_lost(found)}")
    said = ", ".join(f"{name} {seconds:,.0f}" for name, seconds in cpu_seconds.items())
    console.print(f"cpu-seconds: {said}")


def _add(table: Table, name: str, found: Measured) -> None:
    ours = {"value": found.value, "lift_share": found.lift_share}
    policies = {"slates": ours | {"low": found.low, "high": found.high}, **found.others}
    for policy, said in policies.items():
        interval = f"{said['low']:.3f} … {said['high']:.3f}"
        table.add_row(name, policy, f"{said['value']:.4f}", f"{said['lift_share']:.3f}", interval)
    table.add_row(name, "popularity of 7 days", f"{found.popularity:.4f}", "0", "")
    table.add_row(name, "observable", f"{found.observable:.4f}", "1", "")
    table.add_row(name, "foresight", f"{found.foresight:.4f}", "", "", end_section=True)


def _lost(found: Measured) -> str:
    best = found.loss["best"]
    parts = ("retrieval", "ranking", "rules", "exploration")
    return ", ".join(f"{found.loss[part] / best:.1%} is lost in {part}" for part in parts)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
