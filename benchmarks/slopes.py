"""``python -m benchmarks.slopes SMALL.json LARGE.json``: how a night's cost grows with the shop.

Reads what ``benchmarks.night --json`` wrote of two shops that differ in size alone, and compares
their second nights, on which nothing is fitted. What a run costs before it has anything to do is in
both: the slope between them leaves it out, and says what one more million would cost.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

_WIDTH: Final = 120
_LINES, _SLATES = "bronze/lines", "slates"
PARTS: Final = {
    "bronze to features, a million lines": (("bronze", "silver", "features"), _LINES, 200),
    "candidates, ranking and slates, a million slates": (("candidates", "slates"), _SLATES, 4000),
}
"""By what is asked: the layers of tables that it takes, what is counted, and the goal."""


@dataclass(frozen=True, slots=True)
class Night:
    """A night without a fit, as it was written."""

    users: int
    whole: dict[str, float]
    steps: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> "Night":
        """Read the last night of a file."""
        said = json.loads(path.read_text())
        last = said["nights"][max(said["nights"])]
        return cls(said["shop"]["users"], last["whole"], last["steps"])

    def cpu_seconds(self, layers: tuple[str, ...]) -> float:
        """What the steps of some layers took, without checks."""
        return sum(s["cpu_seconds"] for s in self.steps if s["name"].split("/")[0] in layers)

    def num_rows(self, begins: str) -> int:
        """Rows of the tables whose path begins so."""
        return sum(step["num_rows"] for step in self.steps if step["name"].startswith(begins))


def slope(small: Night, large: Night, part: str) -> tuple[float, float]:
    """Cpu-seconds of a million more, and the exponent with which the part's cost grows."""
    layers, counted, _ = PARTS[part]
    costs = [night.cpu_seconds(layers) for night in (small, large)]
    sizes = [night.num_rows(counted) for night in (small, large)]
    grown = (costs[1] - costs[0]) / (sizes[1] - sizes[0]) * 1e6
    return grown, math.log(costs[1] / costs[0]) / math.log(sizes[1] / sizes[0])


def main(
    small: Annotated[Path, typer.Argument(help="What benchmarks.night wrote of the one shop.")],
    large: Annotated[Path, typer.Argument(help="And of the larger one.")],
) -> None:
    """Print the slopes beside their goals."""
    nights = [Night.read(small), Night.read(large)]
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    table = Table(title=f"from {nights[0].users:,} to {nights[1].users:,} users")
    table.add_column("what")
    for title in ("cpu-seconds", "goal", "met", "exponent"):
        table.add_column(title, justify="right")
    for part, (_, _, goal) in PARTS.items():
        grown, exponent = slope(nights[0], nights[1], part)
        met = "yes" if grown <= goal else "no"
        table.add_row(part, f"{grown:,.0f}", f"≤ {goal:,}", met, f"{exponent:.2f}")
    console.print(table)
    for night in nights:
        checks = sum(step["check_cpu_seconds"] for step in night.steps)
        steps = sum(step["cpu_seconds"] for step in night.steps)
        cpu = night.whole["cpu_seconds"]
        console.print(
            f"{night.users:,} users: {cpu:,.0f} cpu-seconds, checks {checks / cpu:.0%}, outside of "
            f"steps and checks {cpu - steps - checks:,.0f}; {night.whole['wall_seconds']:,.0f} s; "
            f"peak {night.whole['peak_memory_mb']:,.0f} MB"
        )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
