"""Decides who serves a surface: makes the rows of rankers/champions.

Incumbent and challengers are judged on the night's examples, which none of them has seen, and by
differences for each user: the same users are drawn for both (paired bootstrap). Three rules.

- The fused order serves until a ranker is better there by NDCG@10 of clicks.
- A refit of the ranker that serves replaces it unless it is shown to be worse by NDCG@10: it has
  seen newer days, and a model that waits to be beaten beyond doubt grows old.
- Another ranker must be significantly better by the log loss of clicks, which every impression
  adds to and not only the first ten, and no worse by the guards: order, what else is predicted,
  calibration, how much of the shop and of what is new it puts first, and what scoring costs.

Of several that pass, the one of least log loss serves.
Shapes: N examples, U users.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from training.guards import Guards, GuardsConfig, losses_by_user
from training.judged import NDCG_AT, Judged
from training.metrics import Interval, bootstrap, bootstrap_ratio
from training.rankers.ranker import NONE, Batch

RULE: Final = "rule"
"""Who decides where nobody else does."""
_CLICK: Final = "click"


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteConfig:
    """What a challenger must show."""

    min_users: int = 5
    """Users with a click on the night judged, below which nobody is replaced."""
    guards: GuardsConfig = field(default_factory=GuardsConfig)
    """How much worse another ranker may be."""


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
        """Write it as columns of ``tables.RANKERS_CHAMPIONS``."""
        return {
            "arrival_date": night,
            "surface": self.surface,
            "ranker": self.ranker,
            "model_date": self.model_date,
            "since_date": self.since,
            "decided_by": self.decided_by,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Challenger:
    """A ranker that was fitted tonight."""

    judged: Judged
    cost: float
    """Cpu-seconds for a million rows scored."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who serves, and what was found of each who wanted to."""

    champion: Champion
    findings: tuple[str, ...]
    """A sentence for each challenger, in the order given."""


def first(surface: str, night: date) -> Champion:
    """Let the fused order serve until a ranker beats it."""
    return Champion(surface, NONE, night, night, RULE, "no ranker has been judged yet")


def decide(  # noqa: PLR0913
    incumbent: Champion,
    batch: Batch,
    old: Judged,
    challengers: Sequence[Challenger],
    *,
    night: date,
    seed: int,
    config: PromoteConfig | None = None,
) -> Decision:
    """Choose between the incumbent and rankers fitted tonight.

    Args:
        incumbent: Who serves now.
        batch: The night's examples, seen by none of them.
        old: The incumbent's scores of them.
        challengers: The new rankers' scores of them.
        night: Tonight.
        seed: Of the bootstrap.
        config: What a challenger must show.
    """
    contest = _Contest(batch, old, seed, config or PromoteConfig())
    verdicts = [contest.verdict(one) for one in challengers]
    passed = [
        (found.gain, -place, one.judged, found)
        for place, (one, found) in enumerate(zip(challengers, verdicts, strict=True))
        if found.wins
    ]
    findings = tuple(
        f"{named(one.judged)}: {found.text}"
        for one, found in zip(challengers, verdicts, strict=True)
    )
    if not passed:
        return Decision(incumbent, findings)
    _, _, new, won = max(passed, key=lambda found: found[:2])
    reason = f"{named(old)} was replaced: {won.text}"
    champion = Champion(incumbent.surface, new.ranker, new.model_date, night, RULE, reason)
    return Decision(champion, findings)


def named(judged: Judged | Champion) -> str:
    """Name a model in a sentence."""
    return "the fused order" if judged.ranker == NONE else f"{judged.ranker} {judged.model_date}"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What was found of one challenger."""

    wins: bool
    gain: float
    """What those who pass are compared by: more is better."""
    text: str


@dataclass(frozen=True, slots=True)
class _Contest:
    """The incumbent on the night's examples, and what is asked of others there."""

    batch: Batch
    old: Judged
    seed: int
    config: PromoteConfig

    def verdict(self, challenger: Challenger) -> _Verdict:
        """Judge one challenger by the rule that is his."""
        new = challenger.judged
        found = bootstrap(new.ndcg_U(self.batch) - self.old.ndcg_U(self.batch), seed=self.seed)
        text = _said(f"NDCG@{NDCG_AT}", found)
        if found.num_users < self.config.min_users:
            return _Verdict(False, 0.0, f"{text}, too few")
        if self.old.ranker == NONE:
            return _Verdict(found.mean > 0, self._likeliest(new, found.mean), text)
        gained = self._gained(new, _CLICK)
        if new.ranker == self.old.ranker:
            return _Verdict(found.high >= 0, gained.mean, text)
        return self._beyond_doubt(challenger, gained)

    def _likeliest(self, new: Judged, otherwise: float) -> float:
        """Compare those that may begin: by log loss, which wavers less than ten places do."""
        if not new.as_shown:
            return otherwise
        loss_U, weight_U = losses_by_user(self.batch, new, _CLICK)
        return -float(loss_U.sum() / weight_U.sum())

    def _beyond_doubt(self, challenger: Challenger, gained: Interval) -> _Verdict:
        """Ask another ranker for a significant gain, then hold it to the guards."""
        text = _said("log loss of clicks", _negated(gained))
        if gained.low <= 0:
            return _Verdict(False, gained.mean, f"{text}, not shown to be better")
        guards = Guards(self.batch, self.old, self.seed, self.config.guards)
        broken = list(guards.broken(challenger.judged, challenger.cost))
        said = "; ".join(broken) or "and it is no worse by any guard"
        return _Verdict(not broken, gained.mean, f"{text}; {said}")

    def _gained(self, new: Judged, task: str) -> Interval:
        """How much lower the mean loss is."""
        if not (self.old.as_shown and new.as_shown):
            return Interval(0.0, 0.0, 0.0, 0)
        old_U, weight_U = losses_by_user(self.batch, self.old, task)
        new_U, _ = losses_by_user(self.batch, new, task)
        return bootstrap_ratio(old_U - new_U, weight_U, seed=self.seed)


def _negated(found: Interval) -> Interval:
    return Interval(0.0 - found.mean, 0.0 - found.high, 0.0 - found.low, found.num_users)


def _said(what: str, found: Interval) -> str:
    low, high = np.round([found.low, found.high], 4)
    return (
        f"{what} differs by {found.mean:+.4f} [{low:+.4f}, {high:+.4f}] over {found.num_users} "
        "users"
    )
