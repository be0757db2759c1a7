"""Measures of rankers on examples of one task: which there are, and what of each user they need.

Those that are a ratio of sums over users can be resampled by user together, for all rankers at
once; the others stand alone. What is done with them is ``training.evaluate``.

Shapes: N examples, U users.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.calibration_metrics import calibration_error, reliability
from training.judged import NDCG_AT, Judged
from training.metrics import (
    Interval,
    auc,
    auc_by_user,
    log_losses,
    ndcg_by_user,
    normalised_entropy,
)
from training.pair_order import xauc, xauc_by_user
from training.rankers.ranker import Batch
from training.tasks import Task

_NAN: Final = float("nan")
Ratios = dict[str, tuple[np.ndarray, np.ndarray]]
"""Measures that are a ratio of sums over users: each user's part of both, float64, U."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of one task whose labels are known, with their users numbered anew."""

    task: Task
    row_N: np.ndarray
    """int64: their places in the batch."""
    label_N: np.ndarray
    """float64."""
    weight_N: np.ndarray
    user_N: np.ndarray
    num_users: int

    @classmethod
    def of(cls, batch: Batch, rows_N: np.ndarray, task: Task) -> "Examples":
        """Take rows of a batch whose labels are known."""
        user_U, user_N = np.unique(batch.user_N[rows_N], return_inverse=True)
        label_N = batch.label[task.name][rows_N].astype(np.float64)
        return cls(task, rows_N, label_N, batch.weight_N[rows_N], user_N, len(user_U))

    def ratios(self, judged: Judged) -> Ratios:
        """Measures with intervals; an amount has no positives to put first."""
        found = self._of_amount(judged)
        score_N = judged.scores[self.task.name][self.row_N]
        if self.task.is_share:
            if judged.as_shown:
                gxauc_U = xauc_by_user(self.user_N, self.label_N, score_N, self.weight_N)
                found["gxauc"] = _mean(gxauc_U)
            return found
        is_positive_N = self.label_N > 0
        ndcg_U = ndcg_by_user(self.user_N, is_positive_N, score_N, k=NDCG_AT)
        gauc_U = auc_by_user(self.user_N, is_positive_N, score_N, self.weight_N)
        return {f"ndcg@{NDCG_AT}": _mean(ndcg_U), "gauc": _mean(gauc_U), **found}

    def _of_amount(self, judged: Judged) -> Ratios:
        task = self.task.name
        found: Ratios = {}
        for name, p in (("", judged.as_shown), ("_uncalibrated", judged.uncalibrated)):
            if task in p:
                p_N = p[task][self.row_N].astype(np.float64)
                weight_U, observed_U = self._sums(1.0), self._sums(self.label_N)
                found[f"log_loss{name}"] = (self._sums(log_losses(self.label_N, p_N)), weight_U)
                found[f"predicted_to_observed{name}"] = (self._sums(p_N), observed_U)
                if not name:
                    found["squared_error"] = (self._sums((self.label_N - p_N) ** 2), weight_U)
        return found

    def wholes(self, judged: Judged, *, with_error: bool, seed: int) -> dict[str, Interval]:
        """Measures that are no ratio of sums over users."""
        task, found = self.task.name, {}
        score_N = judged.scores[task][self.row_N]
        if not self.task.is_share:
            found["auc"] = self._alone(auc(self.label_N > 0, score_N, self.weight_N))
        if task not in judged.as_shown:
            return found
        p_N = judged.as_shown[task][self.row_N]
        if self.task.is_share:
            found["xauc"] = self._alone(xauc(self.label_N, score_N, self.weight_N))
        entropy = normalised_entropy(self.label_N, p_N, self.weight_N)
        found["normalised_entropy"] = self._alone(entropy)
        if with_error:
            found |= self._errors(p_N, "", seed)
            if task in judged.uncalibrated:
                before_N = judged.uncalibrated[task][self.row_N]
                found |= self._errors(before_N, "_uncalibrated", seed)
        return found

    def reliability(self, judged: Judged, *, seed: int) -> list[dict[str, Interval]]:
        """Mean prediction and mean label of each bin; nothing of what predicts no probabilities."""
        if self.task.name not in judged.as_shown:
            return []
        p_N = judged.as_shown[self.task.name][self.row_N].astype(np.float64)
        points = reliability(self.user_N, self.label_N, p_N, self.weight_N, seed=seed)
        return [
            {
                "predicted": self._alone(point.predicted),
                "observed": Interval(
                    point.observed,
                    min(point.low, point.observed),
                    max(point.high, point.observed),
                    self.num_users,
                ),
            }
            for point in points
        ]

    def _errors(self, p_N: np.ndarray, name: str, seed: int) -> dict[str, Interval]:
        """The calibration error as a part of the base rate, and what of it chance does not make."""
        found = calibration_error(self.user_N, self.label_N, p_N, self.weight_N, seed=seed)
        if not found.base_rate:
            return {}
        value, without = found.value / found.base_rate, found.debiased / found.base_rate
        low, high = (end / found.base_rate for end in (found.low, found.high))
        return {
            f"ece{name}": self._alone(value),
            f"ece_without_chance{name}": Interval(
                without, min(low, without), max(high, without), self.num_users
            ),
        }

    def _sums(self, value_N: np.ndarray | float) -> np.ndarray:
        return np.bincount(self.user_N, self.weight_N * value_N, self.num_users)

    def _alone(self, value: float) -> Interval:
        return Interval(value, _NAN, _NAN, self.num_users)


def _mean(value_U: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mean over users as a ratio of sums; NaN does not count."""
    is_known_U = ~np.isnan(value_U)
    return np.where(is_known_U, value_U, 0.0), is_known_U.astype(np.float64)
