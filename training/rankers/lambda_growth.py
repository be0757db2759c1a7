"""Grows trees that order lists: lambda gradients in place of a loss's, a day read at a time.

A list's lambdas say nothing of how likely its clicks are, and none of lists without a click: its
margins are no log-odds and lists of two users cannot be told apart. A share of the log loss beside
them keeps both (combined regression and ranking: Sculley, KDD 2010).

Shapes: N rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb

from etl import days as calendar
from etl.features.examination import Examination
from training.rankers import evenings, gbdt_growth, lambdas
from training.rankers.evenings import Evenings
from training.rankers.gbdt_growth import Growth, Placed
from training.rankers.ranker import Batch, Days
from training.rankers.tree_columns import Columns
from training.split import Split


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
    num_threads, max_bin = how.num_threads(len(lists)), how.parameters["max_bin"]
    learned = gbdt_growth.quantised(
        lambda: read.rows(split.fit), max_bin=max_bin, num_threads=num_threads
    )
    judged = gbdt_growth.whole([*read.rows(split.stop)], num_threads=num_threads)
    train, stop = _Ordered.of(learned, lists), _Ordered.of(judged, read.of_days(split.stop))
    return gbdt_growth.boosted(
        learned,
        judged,
        {**how.parameters, "base_score": train.placed.base, "nthread": num_threads},
        how,
        gradient=lambda margin_N: _gradient(train, margin_N, aim),
        loss=lambda margin_N: _loss(stop, margin_N, aim),
    )


def _gradient(ordered: _Ordered, margin_N: np.ndarray, aim: Aim) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature of both losses, each by its share."""
    of_order = lambdas.gradients(margin_N, ordered.lists, aim.num_places)
    of_level = gbdt_growth.gradient(ordered.placed, margin_N)
    share = aim.log_loss_share
    slope_N, curvature_N = (
        (1 - share) * one_N + share * other_N
        for one_N, other_N in zip(of_order, of_level, strict=True)
    )
    return slope_N, curvature_N


def _loss(ordered: _Ordered, margin_N: np.ndarray, aim: Aim) -> float:
    """Both losses, each by its share: a mean over rows."""
    share, total = aim.log_loss_share, ordered.placed.rows.get_weight().sum()
    of_order = lambdas.loss(margin_N, ordered.lists, aim.num_places) / total
    of_level = gbdt_growth.loss(ordered.placed, margin_N)
    return float((1 - share) * of_order + share * of_level)
