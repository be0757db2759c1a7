"""What people decided about who serves: a file of the home that makers read as of each day.

A rule can be run again and says the same; a person cannot. So what he said is kept beside the lake,
a line a decision, and whoever makes rankers/champions of a day reads the decisions of that day and
those that are still pinned. A rerun or a backfill of the day then leaves the row that he saw.
Lines are only ever added.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Who is to serve a surface, and who says so."""

    day: date
    """The night from whose slates on; the rule may choose another on a later one."""
    surface: str
    ranker: str
    """A ranker's name, or ``none`` for the fused order."""
    model_date: date
    """The night it was fitted on; of the fused order the day itself."""
    decided_by: str
    """The person."""
    reason: str
    is_pinned: bool = False
    """Whether no rule may choose another until the next decision."""


def add(path: Path, decision: Decision) -> None:
    """Write a decision behind the others, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = json.dumps(asdict(decision), default=str, ensure_ascii=False)
    before = path.read_text() if path.exists() else ""
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write(f"{before}{said}\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read(path: Path, surface: str) -> list[Decision]:
    """Read a surface's decisions, in the order in which they were made."""
    return [one for one in read_all(path) if one.surface == surface]


def read_all(path: Path) -> list[Decision]:
    """Read every decision, in the order in which they were made."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [_decision(line) for line in lines]


def of_day(decisions: Iterable[Decision], day: date) -> Decision | None:
    """The last decision about a day's champion; None where the rule decides."""
    return next((one for one in reversed([*decisions]) if one.day == day), None)


def pinned_on(decisions: Iterable[Decision], day: date) -> Decision | None:
    """The decision that keeps the rule from choosing on ``day``, if one does."""
    known = [one for one in decisions if one.day <= day]
    last = max(known, key=lambda one: one.day, default=None)
    if last is None:
        return None
    newest = of_day(known, last.day)
    return newest if newest is not None and newest.is_pinned else None


def _decision(line: str) -> Decision:
    said = json.loads(line)
    days = {name: date.fromisoformat(said[name]) for name in ("day", "model_date")}
    return Decision(**said | days)
