"""Measures of one ranker on one day's examples: makes the rows of rankers/reports.

The fused candidate order is measured like a ranker, because it serves where no ranker does and
every ranker has to beat it; it predicts no probabilities, so it has ranking measures only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from training.inputs import NUMERIC
from training.metrics import (
    Interval,
    auc,
    auc_by_user,
    bootstrap,
    log_loss,
    ndcg_by_user,
)
from training.rankers.ranker import NONE, TASKS, Batch

NDCG_AT: Final = 10
_FUSED: Final = NUMERIC.index("fused_score")


@dataclass(frozen=True, slots=True)
class Judged:
    """A ranker's scores of one day's examples."""

    ranker: str
    model_date: date
    """The night it was fitted on; for the fused order the night judged."""
    scores: Mapping[str, np.ndarray]
    """For each of ``TASKS``: N."""

    def ndcg_U(self, batch: Batch) -> np.ndarray:
        """NDCG@10 of clicks, by user: what champions are compared by."""
        return _ndcg(batch, self.scores["click"], "click")


def fused_order(batch: Batch, night: date) -> Judged:
    """Score examples by the fused candidate order, for every task alike."""
    score = batch.given.numeric_NF[:, _FUSED]
    return Judged(NONE, night, dict.fromkeys(TASKS, score))


def rows(
    batch: Batch, judged: Judged, *, surface: str, night: date, seed: int
) -> Iterator[dict[str, Any]]:
    """Measure one ranker.

    Args:
        batch: The night's examples.
        judged: The ranker's scores of them.
        surface: For which surface.
        night: The night judged.
        seed: Of the bootstrap.

    Yields:
        Rows of ``tables.RANKERS_REPORTS``.
    """
    for task in TASKS:
        num_positives = int(batch.label[task].sum())
        for metric, found in _measures(batch, judged, task, seed).items():
            yield {
                "arrival_date": night,
                "surface": surface,
                "ranker": judged.ranker,
                "model_date": judged.model_date,
                "task": task,
                "metric": metric,
                "value": _or_none(found.mean),
                "low": _or_none(found.low),
                "high": _or_none(found.high),
                "num_users": found.num_users,
                "num_positives": num_positives,
            }


def _measures(batch: Batch, judged: Judged, task: str, seed: int) -> dict[str, Interval]:
    label, score, weight = batch.label[task], judged.scores[task], batch.weight_N
    by_user = auc_by_user(batch.user_N, label, score, weight)
    found = {
        f"ndcg@{NDCG_AT}": bootstrap(_ndcg(batch, score, task), seed=seed),
        "gauc": bootstrap(by_user, seed=seed),
        "auc": _without_interval(auc(label, score, weight), batch),
    }
    if judged.ranker != NONE:
        found["log_loss"] = _without_interval(log_loss(label, score, weight), batch)
        found["predicted_to_observed"] = _without_interval(_ratio(label, score, weight), batch)
    return found


def _ndcg(batch: Batch, score: np.ndarray, task: str) -> np.ndarray:
    return ndcg_by_user(batch.user_N, batch.label[task], score, k=NDCG_AT)


def _ratio(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    observed = float(weight @ label)
    return float(weight @ score.astype(np.float64)) / observed if observed else float("nan")


def _without_interval(value: float, batch: Batch) -> Interval:
    return Interval(value, float("nan"), float("nan"), int(batch.user_N[-1]) + 1)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
