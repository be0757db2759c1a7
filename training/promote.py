"""Decides who serves a surface: makes the rows of rankers/champions.

Incumbent and challengers are judged on the night's examples, which none of them has seen, and by
differences for each user: the same users are drawn for both (paired bootstrap). Three rules.

- The fused order serves until a ranker is better there by NDCG@10 of clicks.
- A refit of the ranker that serves replaces it unless it is shown to be worse by NDCG@10: it has
  seen newer days, and a model that waits to be beaten beyond doubt grows old.
- Another ranker must be significantly better by the log loss of clicks, which every impression
  adds to and not only the first ten, and no worse by the guards: order, what else is predicted,
  calibration, how much of the shop and of what is new it puts first, and what scoring costs.

Of several that pass, the one of least log loss serves; over the fused order the one of most NDCG.
Shapes: N examples, U users.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from etl.arrow import places_in_runs, run_starts
from training.calibration_metrics import calibration_error
from training.judged import NDCG_AT, Judged, loss_of
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
    max_loss: float = 0.005
    """Share of a guard's value beyond which the lower end of its 95 % interval may not lie."""
    max_more_ece: float = 0.05
    """Share of the base rate by which the calibration error may be above the incumbent's."""
    min_positives: int = 200
    """Positives of another task than clicks below which it guards nothing: of few, an interval is
    wider than any loss."""
    min_coverage: float = 0.9
    """Least ratio of different items in all first tens to the incumbent's."""
    min_new_items: float = 0.8
    """Least ratio of new items' share of the first tens to the incumbent's."""
    new_item_days: float = 7.0
    """Days since it was first heard of for which an item is new."""
    max_cost: float = 100.0
    """Cpu-seconds for a million rows scored, as measured when it was fitted."""


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
            return _Verdict(found.mean > 0, found.mean, text)
        gained = self._gained(new, _CLICK)
        if new.ranker == self.old.ranker:
            return _Verdict(found.high >= 0, gained.mean, text)
        return self._beyond_doubt(challenger, gained)

    def _beyond_doubt(self, challenger: Challenger, gained: Interval) -> _Verdict:
        """Ask another ranker for a significant gain, then hold it to the guards."""
        text = _said("log loss of clicks", _negated(gained))
        if gained.low <= 0:
            return _Verdict(False, gained.mean, f"{text}, not shown to be better")
        broken = list(self._broken(challenger))
        said = "; ".join(broken) or "and it is no worse by any guard"
        return _Verdict(not broken, gained.mean, f"{text}; {said}")

    def _broken(self, challenger: Challenger) -> Iterator[str]:
        """Say each guard that is not kept."""
        yield from self._worse(challenger.judged)
        yield from self._less_true(challenger.judged)
        yield from self._narrower(challenger.judged)
        if challenger.cost > self.config.max_cost:
            yield (
                f"a million rows cost {challenger.cost:.0f} cpu-seconds, "
                f"{self.config.max_cost:.0f} are allowed"
            )

    def _worse(self, new: Judged) -> Iterator[str]:
        """Other measures, relative to the incumbent's; positive is better."""
        old_U = np.nan_to_num(self.old.ndcg_U(self.batch))
        new_U = np.nan_to_num(new.ndcg_U(self.batch))
        relative = {f"NDCG@{NDCG_AT}": bootstrap_ratio(new_U - old_U, old_U, seed=self.seed)}
        for task in self._guarding(new):
            if task != _CLICK:
                old_U, new_U = (self._losses(judged, task)[0] for judged in (self.old, new))
                found = bootstrap_ratio(old_U - new_U, old_U, seed=self.seed)
                relative[f"log loss of {task}"] = found
        for name, found in relative.items():
            # What is not known (NaN) is not shown to be no worse.
            if not found.low > -self.config.max_loss:
                yield (
                    f"by {name} it may be worse: {found.mean:+.2%} "
                    f"[{found.low:+.2%}, {found.high:+.2%}]"
                )

    def _less_true(self, new: Judged) -> Iterator[str]:
        for task in self._guarding(new):
            old_ece, base_rate = self._ece(self.old, task)
            new_ece, _ = self._ece(new, task)
            if not new_ece <= old_ece + self.config.max_more_ece * base_rate:
                yield (
                    f"its calibration error of {task} is {new_ece / base_rate:.1%} of the base "
                    f"rate, the incumbent's {old_ece / base_rate:.1%}"
                )

    def _narrower(self, new: Judged) -> Iterator[str]:
        """What it puts first, beside what the incumbent does."""
        old_N, new_N = (_first(self.batch, judged.scores[_CLICK]) for judged in (self.old, new))
        item_N = self.batch.given.item_N
        is_new_N = self.batch.given.number("item_age_days") < self.config.new_item_days
        asked: dict[str, tuple[Callable[[np.ndarray], float], float]] = {
            "different items": (
                lambda N: float(len(np.unique(item_N[N]))),
                self.config.min_coverage,
            ),
            "the share of new items": (
                lambda rows: float(is_new_N[rows].mean()),
                self.config.min_new_items,
            ),
        }
        for name, (measure, least) in asked.items():
            before, after = measure(old_N), measure(new_N)
            if after < least * before:
                yield f"{name} in the first tens fell from {before:.4g} to {after:.4g}"

    def _guarding(self, new: Judged) -> list[str]:
        """Tasks that both predict and of which enough came."""
        return [
            task
            for task, label_N in self.batch.label.items()
            if task in new.as_shown
            and task in self.old.as_shown
            and np.nansum(label_N > 0) >= self.config.min_positives
        ]

    def _gained(self, new: Judged, task: str) -> Interval:
        """How much lower the mean loss is."""
        if not (self.old.as_shown and new.as_shown):
            return Interval(0.0, 0.0, 0.0, 0)
        old_U, weight_U = self._losses(self.old, task)
        new_U, _ = self._losses(new, task)
        return bootstrap_ratio(old_U - new_U, weight_U, seed=self.seed)

    def _losses(self, judged: Judged, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Summed loss and weight of each user; labels that are not known count nothing."""
        label_N = self.batch.label[task].astype(np.float64)
        weight_N = np.where(np.isnan(label_N), 0.0, self.batch.weight_N)
        loss_N = weight_N * loss_of(np.nan_to_num(label_N), judged.as_shown[task])
        return tuple(np.bincount(self.batch.user_N, of_N) for of_N in (loss_N, weight_N))  # type: ignore[return-value]

    def _ece(self, judged: Judged, task: str) -> tuple[float, float]:
        """Calibration error and base rate."""
        label_N = self.batch.label[task].astype(np.float64)
        known = ~np.isnan(label_N)
        found = calibration_error(
            self.batch.user_N[known],
            label_N[known],
            judged.as_shown[task][known],
            self.batch.weight_N[known],
            seed=self.seed,
        )
        return found.value, found.base_rate


def _first(batch: Batch, score_N: np.ndarray) -> np.ndarray:
    """Rows that each user's first ten would be."""
    order = np.lexsort((batch.given.item_N, -score_N, batch.user_N))
    return order[places_in_runs(run_starts(batch.user_N[order])) < NDCG_AT]


def _negated(found: Interval) -> Interval:
    return Interval(0.0 - found.mean, 0.0 - found.high, 0.0 - found.low, found.num_users)


def _said(what: str, found: Interval) -> str:
    low, high = np.round([found.low, found.high], 4)
    return (
        f"{what} differs by {found.mean:+.4f} [{low:+.4f}, {high:+.4f}] over {found.num_users} "
        "users"
    )
