"""Measures of one ranker on one day's examples: makes the rows of rankers/reports.

The fused candidate order is measured like a ranker, because it serves where no ranker does and
every ranker has to beat it; popularity-of-7-days, because it stands beside everything. Neither
predicts probabilities, so they have ranking measures only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.metrics import (
    Interval,
    auc,
    auc_by_user,
    bootstrap,
    log_loss,
    ndcg_by_user,
    squared_error,
)
from training.rankers.ranker import NONE, Batch, Ranker
from training.tasks import Task

NDCG_AT: Final = 10
POPULARITY: Final = "popularity_7d"
"""The name under which popularity-of-7-days is judged."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A ranker's scores of one day's examples."""

    ranker: str
    model_date: date
    """The night it was fitted on; for an order that is not fitted the day judged."""
    scores: Mapping[str, np.ndarray]
    """For each task N: as items are scored for slates, all at one place. Rankings are judged so."""
    as_shown: Mapping[str, np.ndarray]
    """For each task N: at the place where each was shown. Probabilities are judged so; nothing for
    an order that predicts none."""

    def ndcg_U(self, batch: Batch) -> np.ndarray:
        """NDCG@10 of clicks, by user: what champions are compared by."""
        return _ndcg(batch, self.scores["click"], "click")


def fused_order(batch: Batch, day: date) -> Judged:
    """Score examples by the fused candidate order, for every task alike.

    What another policy showed and was no candidate of ours comes last, ties by item_no: there our
    order would not have shown it.
    """
    score = batch.given.number("fused_score")
    return _order(NONE, day, np.where(np.isnan(score), -np.inf, score), batch)


def popular_order(batch: Batch, day: date, popularity: pa.Table) -> Judged:
    """Score examples by popularity-of-7-days, for every task alike; ties by item_no.

    Args:
        batch: The day's examples.
        day: The day.
        popularity: Rows of ``tables.RETRIEVAL_POPULARITY`` of the surface and of scope all, of the
            evenings before they were shown; what is not listed comes last.
    """
    evening = popularity.column("arrival_date").cast(pa.int32()).to_numpy().astype(np.int64)
    key = evening << 32 | popularity.column("item_no").to_numpy()
    place_N = pc.index_in(
        pa.array(batch.evening_N << 32 | batch.given.item_N), value_set=pa.array(key)
    )
    num_users_N = popularity.column("num_users").take(place_N).fill_null(0).to_numpy()
    return _order(POPULARITY, day, num_users_N.astype(np.float64), batch)


def scored(model: Ranker, model_date: date, batch: Batch) -> Judged:
    """Let a fitted ranker score examples."""
    scores = model.score(batch.given.at_scored_position())
    return Judged(model.name, model_date, scores, model.score(batch.given))


def _order(name: str, day: date, score_N: np.ndarray, batch: Batch) -> Judged:
    return Judged(name, day, dict.fromkeys(batch.label, score_N), {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """Which examples are judged, by which night, and what of them."""

    surface: str
    night: date
    examples_date: date
    maturity: float
    """Share of the time in which outcomes are attributed that had passed by the night."""
    tasks: tuple[Task, ...]


def rows(
    batch: Batch, judged: Judged, occasion: Occasion, *, seed: int
) -> Iterator[dict[str, Any]]:
    """Measure one ranker.

    Args:
        batch: The day's examples.
        judged: The ranker's scores of them.
        occasion: Which examples they are.
        seed: Of the bootstrap.

    Yields:
        Rows of ``tables.RANKERS_REPORTS``.
    """
    same = {
        "arrival_date": occasion.night,
        "surface": occasion.surface,
        "ranker": judged.ranker,
        "model_date": judged.model_date,
        "examples_date": occasion.examples_date,
        "maturity": occasion.maturity,
    }
    for task in occasion.tasks:
        num_positives = int((batch.label[task.name] > 0).sum())
        for metric, found in _measures(batch, judged, task, seed).items():
            yield {
                **same,
                "task": task.name,
                "metric": metric,
                "value": _or_none(found.mean),
                "low": _or_none(found.low),
                "high": _or_none(found.high),
                "num_users": found.num_users,
                "num_positives": num_positives,
            }


def _measures(batch: Batch, judged: Judged, task: Task, seed: int) -> dict[str, Interval]:
    """An amount has no positives to put first: only how near the expectation comes is measured."""
    ranking = {} if task.is_share else _of_ranking(batch, judged, task.name, seed)
    return ranking | _of_amount(batch, judged, task.name)


def _of_ranking(batch: Batch, judged: Judged, task: str, seed: int) -> dict[str, Interval]:
    label, score, weight = batch.label[task], judged.scores[task], batch.weight_N
    by_user = auc_by_user(batch.user_N, label, score, weight)
    return {
        f"ndcg@{NDCG_AT}": bootstrap(_ndcg(batch, score, task), seed=seed),
        "gauc": bootstrap(by_user, seed=seed),
        "auc": _without_interval(auc(label, score, weight), batch),
    }


def _of_amount(batch: Batch, judged: Judged, task: str) -> dict[str, Interval]:
    label = batch.label[task].astype(np.float64)
    known = ~np.isnan(label)
    if task not in judged.as_shown or not known.any():
        return {}
    label, score, weight = label[known], judged.as_shown[task][known], batch.weight_N[known]
    found = {
        "log_loss": log_loss(label, score, weight),
        "squared_error": squared_error(label, score, weight),
        "predicted_to_observed": _ratio(label, score, weight),
    }
    return {name: _without_interval(value, batch) for name, value in found.items()}


def _ndcg(batch: Batch, score: np.ndarray, task: str) -> np.ndarray:
    return ndcg_by_user(batch.user_N, batch.label[task], score, k=NDCG_AT)


def _ratio(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    observed = float(weight @ label)
    return float(weight @ score.astype(np.float64)) / observed if observed else float("nan")


def _without_interval(value: float, batch: Batch) -> Interval:
    return Interval(value, float("nan"), float("nan"), int(batch.user_N[-1]) + 1)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
