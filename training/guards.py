"""Guards of champions: by what a ranker that is better may not be worse than the one it replaces.

Shapes: N examples, U users.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import places_in_runs, run_starts
from training.calibration_metrics import calibration_error
from training.judged import NDCG_AT, Judged
from training.metrics import bootstrap_ratio, log_losses
from training.rankers.ranker import Batch

_CLICK: Final = "click"


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardsConfig:
    """How much worse a ranker may be."""

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
class Guards:
    """The incumbent on the night's examples, for others to be held to."""

    batch: Batch
    old: Judged
    seed: int
    config: GuardsConfig

    def broken(self, new: Judged, cost: float) -> Iterator[str]:
        """Say each guard that another ranker does not keep.

        Args:
            new: Its scores.
            cost: Cpu-seconds for a million rows scored.
        """
        yield from self._worse(new)
        yield from self._less_true(new)
        yield from self._narrower(new)
        if cost > self.config.max_cost:
            yield (
                f"a million rows cost {cost:.0f} cpu-seconds, "
                f"{self.config.max_cost:.0f} are allowed"
            )

    def _worse(self, new: Judged) -> Iterator[str]:
        """Other measures, relative to the incumbent's; positive is better."""
        old_U = np.nan_to_num(self.old.ndcg_U(self.batch))
        new_U = np.nan_to_num(new.ndcg_U(self.batch))
        relative = {f"NDCG@{NDCG_AT}": bootstrap_ratio(new_U - old_U, old_U, seed=self.seed)}
        for task in self._guarding(new):
            if task != _CLICK:
                old_U, new_U = (
                    losses_by_user(self.batch, judged, task)[0] for judged in (self.old, new)
                )
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


def losses_by_user(batch: Batch, judged: Judged, task: str) -> tuple[np.ndarray, np.ndarray]:
    """Summed loss and weight of each user; labels that are not known count nothing."""
    label_N = batch.label[task].astype(np.float64)
    weight_N = np.where(np.isnan(label_N), 0.0, batch.weight_N)
    loss_N = weight_N * log_losses(np.nan_to_num(label_N), judged.as_shown[task])
    return tuple(np.bincount(batch.user_N, of_N) for of_N in (loss_N, weight_N))  # type: ignore[return-value]


def _first(batch: Batch, score_N: np.ndarray) -> np.ndarray:
    """Rows that each user's first ten would be."""
    order = np.lexsort((batch.given.item_N, -score_N, batch.user_N))
    return order[places_in_runs(run_starts(batch.user_N[order])) < NDCG_AT]
