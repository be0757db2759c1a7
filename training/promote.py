"""Decides who serves a surface: makes the rows of rankers/champions.

The rule. A new ranker is judged beside the incumbent on the night's examples, which neither has
seen, by the difference of NDCG@10 for each user. It replaces the fused order only if it is better
there; it replaces an older ranker unless it is shown to be worse, because it has seen newer days.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from training.evaluate import Judged
from training.metrics import Interval, bootstrap
from training.rankers.ranker import NONE, Batch

MIN_USERS: Final = 5
"""Users with a click on the night judged, below which nobody is replaced."""


@dataclass(frozen=True, slots=True)
class Champion:
    """Who serves one surface from ``since`` on."""

    surface: str
    ranker: str
    model_date: date
    since: date
    decided_by: str
    reason: str

    def row(self, night: date) -> dict[str, Any]:
        """Write it as a row of ``tables.RANKERS_CHAMPIONS``."""
        return {
            "arrival_date": night,
            "surface": self.surface,
            "ranker": self.ranker,
            "model_date": self.model_date,
            "since_date": self.since,
            "decided_by": self.decided_by,
            "reason": self.reason,
        }


def first(surface: str, night: date) -> Champion:
    """Let the fused order serve until a ranker beats it."""
    return Champion(surface, NONE, night, night, "rule", "no ranker has been judged yet")


def decide(  # noqa: PLR0913
    incumbent: Champion, batch: Batch, old: Judged, new: Judged, *, night: date, seed: int
) -> Champion:
    """Choose between the incumbent and a ranker fitted tonight.

    Args:
        incumbent: Who serves now.
        batch: The night's examples, seen by neither.
        old: The incumbent's scores of them.
        new: The new ranker's scores of them.
        night: Tonight.
        seed: Of the bootstrap.
    """
    found = bootstrap(new.ndcg_U(batch) - old.ndcg_U(batch), seed=seed)
    if not _wins(found, old.ranker):
        return incumbent
    reason = f"{_said(old)} was replaced: {_figures(found)}"
    return Champion(incumbent.surface, new.ranker, new.model_date, night, "rule", reason)


def _wins(difference: Interval, incumbent: str) -> bool:
    if difference.num_users < MIN_USERS:
        return False
    return difference.mean > 0 if incumbent == NONE else difference.high >= 0


def _said(judged: Judged) -> str:
    return "the fused order" if judged.ranker == NONE else f"{judged.ranker} {judged.model_date}"


def _figures(found: Interval) -> str:
    low, high = np.round([found.low, found.high], 4)
    return (
        f"NDCG@10 differs by {found.mean:+.4f} [{low:+.4f}, {high:+.4f}] over "
        f"{found.num_users} users"
    )
