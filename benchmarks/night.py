"""``python -m benchmarks.night``: what a night costs, step by step, on a shop of a given size.

Simulates seven days (``--history``) and two more, makes what the first of the two needs of those
before, and then both nights, each in a process of its own: one on which the calendar fits every
source, and the next, on which nothing is fitted but counts. ``--until candidates`` leaves out the
rankers, the slates and the publication, and the seven evenings' candidates that rankers learn from.
"""

import json
import os
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.figures import measured_on
from etl.days import Days
from etl.home import Home
from simulator.config import ShopConfig
from simulator.simulate import make
from training.split import CalendarConfig, is_fit_night

if TYPE_CHECKING:
    from benchmarks.night_run import MadeNight

FIRST = date(2026, 1, 1)


class Until(StrEnum):
    """How far the nights go."""

    CANDIDATES = "candidates"
    PUBLICATION = "publication"


def main(  # noqa: PLR0913 - the command line's options
    home: Annotated[Path, typer.Argument(help="Folder; what was made there is not made again.")],
    *,
    users: Annotated[int, typer.Option(min=1, help="Users, bots among them.")] = 100_000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 50_000,
    seed: Annotated[int, typer.Option(help="Of the shop.")] = 1,
    history: Annotated[int, typer.Option(min=1, help="Days before, up to a fit: 7, 14, …")] = 7,
    until: Annotated[Until, typer.Option(help="How far the nights go.")] = Until.CANDIDATES,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
) -> None:
    """Measure a night with all fits, and one with counts alone."""
    fitted, calendar = FIRST + timedelta(days=history), CalendarConfig()
    if not is_fit_night(fitted, first_day=FIRST, config=calendar):
        every = calendar.fit_every_days
        raise typer.BadParameter(f"fits are {every} days apart: {history} is no multiple of them")
    console, root = Console(), home.absolute()
    os.environ["NIGHTMARKET_HOME"] = str(root)
    config = ShopConfig(users=users, items=items, days=history + 2, seed=seed, start=FIRST)
    make(root, config, lambda landed: console.print(f"simulated {landed.date}"))
    # Only now: the calendar of Dagster's partitions is read from the home when it is imported.
    from benchmarks.night_run import made_apart, make_before

    whole = until is Until.PUBLICATION
    make_before(Home(root), fitted, is_whole=whole, console=console)
    nights: dict[str, MadeNight] = {}
    for day in Days(fitted, fitted + timedelta(days=1)):
        written = root / f"night-{day}.json"
        nights[str(day)] = made_apart(Home(root), day, is_whole=whole, written=written)
        _print(str(day), nights[str(day)], console)
    if json_ is not None:
        found = {
            "measured_on": measured_on(),
            "shop": {
                "users": users,
                "items": items,
                "seed": seed,
                "history": history,
                "until": until.value,
            },
            "nights": {day: night.json() for day, night in nights.items()},
        }
        json_.write_text(json.dumps(found, indent=2) + "\n")


def _print(day: str, night: "MadeNight", console: Console) -> None:
    table = Table(title=f"The night of {day}")
    table.add_column("step", no_wrap=True)
    for title in ("rows", "wall, s", "cpu, s", "its check's cpu, s", "peak MB"):
        table.add_column(title, justify="right")
    for step in sorted(night.steps, key=lambda one: -one.cpu_seconds - one.check_cpu_seconds):
        table.add_row(
            step.name,
            f"{step.num_rows:,}",
            f"{step.wall_seconds:,.1f}",
            f"{step.cpu_seconds:,.1f}",
            f"{step.check_cpu_seconds:,.1f}",
            f"{step.peak_memory_mb:,.0f}",
        )
    table.add_section()
    made, checked = night.steps_cpu_seconds, night.checks_cpu_seconds
    table.add_row("all", "", "", f"{made:,.0f}", f"{checked:,.0f}", "")
    console.print(table)
    console.print(
        f"the run: {night.whole.wall_seconds:,.0f} s, {night.whole.cpu_seconds:,.0f} cpu-seconds, "
        f"{night.outside_cpu_seconds:,.0f} of them outside of steps and checks; "
        f"peak {night.whole.peak_memory_mb:,.0f} MB"
    )
    layers: dict[str, float] = {}
    for step in night.steps:
        layers[step.layer] = layers.get(step.layer, 0.0) + step.cpu_seconds
    said = ", ".join(f"{layer} {seconds:,.0f}" for layer, seconds in layers.items())
    console.print(f"cpu-seconds without checks: {said}")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
