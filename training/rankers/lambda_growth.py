"""Grows trees that order lists: lambda gradients in place of a loss's, a day read at a time.

A list's lambdas say nothing of how likely its clicks are, and none of lists without a click: its
margins are no log-odds and lists of two users cannot be told apart. A share of the log loss beside
them keeps both (combined regression and ranking: Sculley, KDD 2010).

Shapes: N rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xgboost as xgb

from etl import days as calendar
from etl.features.examination import Examination
from training.rankers import evenings, gbdt_growth, lambdas
from training.rankers.evenings import Evenings
from training.rankers.gbdt_growth import DayBatches, Growth, Placed
from training.rankers.ranker import Batch, Days
from training.rankers.tree_columns import Columns
from training.split import Split

_OF_ROWS: Final = ("data", "label", "weight")
"""What xgboost is told of each row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What trees are grown for."""

    num_places: int
    """k of the NDCG@k whose change weighs pairs."""
    log_loss_share: float
    """Of the gradient: 0 … 1."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Reads lists of days, and their rows as trees read them."""

    days: Days
    columns: Columns
    curve: Examination
    max_inverse: float
    """Clicks that one far down stands for at most."""

    def of_days(self, days: calendar.Days) -> Evenings:
        """What is to be ordered on some days."""
        return evenings.together([self.of_batch(self.days(day)) for day in days])

    def of_batch(self, batch: Batch) -> Evenings:
        """What is to be ordered on a day."""
        return evenings.of_batch(batch, self.curve, self.max_inverse)

    def rows(self, days: calendar.Days) -> Iterator[dict[str, Any]]:
        """Encode one day after another, as xgboost takes rows: lists as ``of_days`` has them."""
        for batch in map(self.days, days):
            lists = self.of_batch(batch)
            yield {
                "data": self.columns.matrix(batch.given)[evenings.rows_of(batch)],
                "label": lists.click_N.astype(np.float32),
                "weight": lists.weight_N,
                "feature_names": self.columns.names,
                "feature_types": self.columns.types,
            }


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Rows of some days, encoded, and the lists that they are."""

    placed: Placed
    lists: Evenings

    @classmethod
    def of(cls, rows: xgb.DMatrix, lists: Evenings) -> "_Ordered":
        return cls(Placed(rows, lists.seen_N.astype(np.float32)), lists)


def grow(read: Lists, split: Split, how: Growth, aim: Aim) -> xgb.Booster:
    """Grow until the loss on the stopping days grows; the trees up to the least loss are kept."""
    lists = read.of_days(split.fit)
    num_threads = 1 if len(lists) < how.min_rows_of_threads else 0
    train = _Ordered.of(_quantised(lambda: read.rows(split.fit), how, num_threads), lists)
    stop = _Ordered.of(_whole([*read.rows(split.stop)], num_threads), read.of_days(split.stop))
    grown = xgb.train(
        {
            **how.parameters,
            # Its gradient is replaced; what is left of it is that predictions are σ(margin).
            "objective": "binary:logistic",
            "disable_default_eval_metric": True,
            "base_score": train.placed.base,
            "nthread": num_threads,
        },
        train.placed.rows,
        num_boost_round=how.num_rounds,
        evals=[(stop.placed.rows, "stop")],
        obj=lambda margin_N, _: _gradient(train, margin_N, aim),
        custom_metric=lambda margin_N, _: ("loss", _loss(stop, margin_N, aim)),
        early_stopping_rounds=how.stop_after,
        verbose_eval=False,
    )
    return grown[: grown.best_iteration + 1]


def _quantised(
    start: Callable[[], Iterator[dict[str, Any]]], how: Growth, num_threads: int
) -> xgb.DMatrix:
    return xgb.QuantileDMatrix(
        DayBatches(start),
        max_bin=how.parameters["max_bin"],
        enable_categorical=True,
        nthread=num_threads,
    )


def _whole(days: Sequence[dict[str, Any]], num_threads: int) -> xgb.DMatrix:
    joined = {name: np.concatenate([day[name] for day in days]) for name in _OF_ROWS}
    return xgb.DMatrix(**(days[0] | joined), enable_categorical=True, nthread=num_threads)


def _gradient(ordered: _Ordered, margin_N: np.ndarray, aim: Aim) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature of both losses, each by its share."""
    of_order = lambdas.gradients(margin_N, ordered.lists, aim.num_places)
    of_level = gbdt_growth.gradient(ordered.placed, margin_N, ordered.placed.rows)
    share = aim.log_loss_share
    slope_N, curvature_N = (
        (1 - share) * one_N + share * other_N
        for one_N, other_N in zip(of_order, of_level, strict=True)
    )
    return slope_N, curvature_N


def _loss(ordered: _Ordered, margin_N: np.ndarray, aim: Aim) -> float:
    """Both losses, each by its share: a mean over rows."""
    rows, share = ordered.placed.rows, aim.log_loss_share
    of_order = lambdas.loss(margin_N, ordered.lists, aim.num_places) / rows.get_weight().sum()
    of_level = gbdt_growth.loss(ordered.placed, margin_N, rows)
    return float((1 - share) * of_order + share * of_level)
