"""Figures of ours beside a reference: how they are measured, printed and written."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import typer
from rich.table import Table

_CPU_INFO: Final = Path("/proc/cpuinfo")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure of ours beside its reference."""

    step: str
    against: str
    """The reference."""
    unit: str
    reference: float
    ours: float
    limit: float
    """The goal: ours to reference is at most that, or at least where more is better."""
    is_more_better: bool = False

    @property
    def ratio(self) -> float:
        """Ours to the reference."""
        return self.ours / self.reference

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.limit if self.is_more_better else self.ratio <= self.limit


def chosen(steps: str, known: Collection[str]) -> list[str]:
    """Read the steps asked for, names with commas between; all where none is given."""
    asked = set(steps.split(",")) if steps else set(known)
    if unknown := asked - set(known):
        raise typer.BadParameter(f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [step for step in known if step in asked]


def medians(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run works in turns, once before it counts; the median cpu-seconds of each."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if number:
                spent[name].append(time.process_time() - start)
    return {name: median(times) for name, times in spent.items()}


def table(rows: list[Row], title: str = "one thread, medians of cpu-seconds") -> Table:
    """Lay figures out to be printed."""
    laid_out = Table(title=title)
    for name in ("step", "against"):
        laid_out.add_column(name)
    for name in ("reference", "ours", "ratio", "goal", "met"):
        laid_out.add_column(name, justify="right")
    for row in rows:
        figures = [f"{value:,.4g}" for value in (row.reference, row.ours)]
        goal = f"{'≥' if row.is_more_better else '≤'} {row.limit:g} ×"
        met = "yes" if row.is_met else "no"
        step = f"{row.step}\n{row.unit}"
        laid_out.add_row(step, row.against, *figures, f"{row.ratio:.2f}", goal, met)
    return laid_out


def as_json(rows: list[Row]) -> str:
    """Write figures with what follows from them, and where they were taken."""
    said = [asdict(row) | {"ratio": row.ratio, "is_met": row.is_met} for row in rows]
    return json.dumps({"measured_on": measured_on(), "rows": said}, indent=1) + "\n"


def measured_on() -> dict[str, Any]:
    """Say on which machine, of which commit and when figures were taken, and how busy it was."""
    return {
        "machine": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        told = subprocess.run(  # noqa: S603
            asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return told.stdout.strip() or "unknown"
