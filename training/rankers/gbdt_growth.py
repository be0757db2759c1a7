"""Grows the trees of one task, under p = examination(place) · σ(trees).

Examples are read a day at a time and quantised at once: memory holds one byte a feature, whatever
the number of days. Those that growth is stopped on are held whole.

Shapes: N rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import xgboost as xgb

from etl import days as calendar
from etl.features.examination import Examination, ExaminationConfig
from training.rankers.ranker import Batch, Days
from training.rankers.tree_columns import Columns, ColumnsConfig
from training.split import Split

_OF_ROWS: Final = ("data", "label", "weight", "base_margin")
"""What xgboost is told of each row, the last where trees begin from another model."""
_LEAST: Final = np.float32(1e-7)
"""No chance is nearer to 0 or 1: its loss stays finite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TreesConfig(ColumnsConfig):
    """How trees are grown, whatever for."""

    num_rounds: int = 400
    """Trees of one head at most; early stopping takes fewer."""
    stop_after: int = 30
    """Rounds without a smaller loss on the stopping days after which growth ends."""
    learning_rate: float = 0.05
    """Weight of each tree."""
    max_depth: int = 5
    """Questions on the way to a leaf."""
    min_child_weight: float = 20.0
    """Sum of hessians that a leaf needs: against leaves of a few lucky clicks."""
    subsample: float = 0.8
    """Share of the examples that each tree sees."""
    colsample: float = 0.5
    """Share of the features that each tree sees."""
    l2: float = 5.0
    """Shrinks the leaves' values."""
    max_bin: int = 256
    """Bins a feature is quantised into."""
    min_rows_of_threads: int = 500_000
    """Examples below which one thread grows the trees: of few, a second waits more than it works.
    The trees are the same."""
    examination: ExaminationConfig = field(default_factory=ExaminationConfig)
    """How the places' part is learned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """How trees are grown."""

    parameters: Mapping[str, Any]
    """xgboost's of trees: depth, shares, seed, ``max_bin``."""
    num_rounds: int
    """Trees at most."""
    stop_after: int
    """Rounds without a smaller loss on the stopping days after which it ends."""
    min_rows_of_threads: int
    """Examples below which one thread grows them."""

    @classmethod
    def of(cls, config: TreesConfig, seed: int) -> "Growth":
        """Say a config in xgboost's words."""
        parameters = {
            "tree_method": "hist",
            "eta": config.learning_rate,
            "max_depth": config.max_depth,
            "min_child_weight": config.min_child_weight,
            "subsample": config.subsample,
            "colsample_bytree": config.colsample,
            "lambda": config.l2,
            "max_bin": config.max_bin,
            "seed": seed,
        }
        return cls(
            parameters=parameters,
            num_rounds=config.num_rounds,
            stop_after=config.stop_after,
            min_rows_of_threads=config.min_rows_of_threads,
        )

    def num_threads(self, num_rows: int) -> int:
        """Say how many threads grow trees of so many examples; 0: one for each core."""
        return 1 if num_rows < self.min_rows_of_threads else 0

    def monotone(self, direction_F: Sequence[int]) -> "Growth":
        """Say the same of trees that by some columns only rise (1) or only fall (−1)."""
        bound = {"monotone_constraints": tuple(direction_F)}
        return replace(self, parameters={**self.parameters, **bound})


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows of some days, with how often the place of each is looked at."""

    rows: xgb.DMatrix
    seen_N: np.ndarray
    """float32, in (0, 1]."""

    @property
    def base(self) -> float:
        """The chance of a positive where an item is looked at."""
        label_N, weight_N = self.rows.get_label(), self.rows.get_weight()
        found = float(weight_N @ label_N) / float(weight_N @ self.seen_N)
        return min(max(found, 1e-6), 1 - 1e-6)

    def chance(self, margin_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What trees say of rows: σ(margin), and with the place p, float32, N each."""
        attraction_N = 1 / (1 + np.exp(-margin_N))
        return attraction_N, np.clip(self.seen_N * attraction_N, _LEAST, 1 - _LEAST)


@dataclass(frozen=True, slots=True)
class Matrices:
    """Makes quantised matrices of some days for one task."""

    days: Days
    columns: Columns
    curve: Examination
    task: str

    def learned(self, days: calendar.Days, *, max_bin: int, num_threads: int) -> Placed:
        """Quantise what is learned from."""
        rows = quantised(
            lambda: (self._of(self.days(day)) for day in days),
            max_bin=max_bin,
            num_threads=num_threads,
        )
        return Placed(rows, self._looked_at(days))

    def judged(self, days: calendar.Days, *, num_threads: int) -> Placed:
        """Keep what is stopped on as it is: a tree reads rows with gaps far faster than bins."""
        parts = [self._of(self.days(day)) for day in days]
        return Placed(whole(parts, num_threads=num_threads), self._looked_at(days))

    def _of(self, batch: Batch) -> dict[str, Any]:
        is_known = self._is_known(batch)
        return {
            **self.columns.apart(self.columns.matrix(batch.given)[is_known], self.task),
            "label": batch.label[self.task].astype(np.float32)[is_known],
            "weight": batch.weight_N[is_known],
            "feature_names": self.columns.names,
            "feature_types": self.columns.types,
        }

    def _looked_at(self, days: calendar.Days) -> np.ndarray:
        batches = map(self.days, days)
        places = [batch.given.position_N[self._is_known(batch)] for batch in batches]
        return self.curve.at(np.concatenate(places)).astype(np.float32)

    def _is_known(self, batch: Batch) -> np.ndarray:
        return ~np.isnan(batch.label[self.task].astype(np.float32))


def quantised(
    start: Callable[[], Iterator[dict[str, Any]]], *, max_bin: int, num_threads: int
) -> xgb.QuantileDMatrix:
    """Quantise days that are read one after another, each time that xgboost asks for them."""
    return xgb.QuantileDMatrix(
        _DayBatches(start), max_bin=max_bin, enable_categorical=True, nthread=num_threads
    )


def whole(days: Sequence[dict[str, Any]], *, num_threads: int) -> xgb.DMatrix:
    """Put days behind one another, as they are."""
    first = days[0]
    joined = {
        name: np.concatenate([day[name] for day in days]) for name in _OF_ROWS if name in first
    }
    return xgb.DMatrix(**(first | joined), enable_categorical=True, nthread=num_threads)


class _DayBatches(xgb.DataIter):
    """Hands xgboost one non-empty day after another."""

    def __init__(self, start: Callable[[], Iterator[dict[str, Any]]]) -> None:
        super().__init__()
        self._start = start
        self._left = start()

    def reset(self) -> None:
        self._left = self._start()

    def next(self, input_data: Callable[..., Any]) -> bool:
        for found in self._left:
            if len(found["label"]):
                input_data(**found)
                return True
        return False


def grow(matrices: Matrices, split: Split, how: Growth) -> xgb.Booster:
    """Grow until the loss on the stopping days grows; the trees up to the least loss are kept."""
    num_threads = how.num_threads(sum(len(matrices.days(day)) for day in split.fit))
    max_bin = how.parameters["max_bin"]
    train = matrices.learned(split.fit, max_bin=max_bin, num_threads=num_threads)
    stop = matrices.judged(split.stop, num_threads=num_threads)
    base = 0.5 if matrices.columns.begins(matrices.task) else train.base
    return boosted(
        train.rows,
        stop.rows,
        {**how.parameters, "base_score": base, "nthread": num_threads},
        how,
        gradient=lambda margin_N: gradient(train, margin_N),
        loss=lambda margin_N: loss(stop, margin_N),
    )


def boosted(  # noqa: PLR0913
    train: xgb.DMatrix,
    stop: xgb.DMatrix,
    parameters: Mapping[str, Any],
    how: Growth,
    *,
    gradient: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    loss: Callable[[np.ndarray], float],
) -> xgb.Booster:
    """Grow by a gradient of ours until a loss of ours grows; trees up to the least one are kept.

    Args:
        train: Rows to learn from.
        stop: Rows to stop on.
        parameters: xgboost's.
        how: How many trees, and when it ends.
        gradient: Slope and curvature of the rows to learn from by their margins.
        loss: Of the rows to stop on.
    """
    grown = xgb.train(
        {
            **parameters,
            # Its gradient is replaced; what is left of it is that predictions are σ(margin).
            "objective": "binary:logistic",
            "disable_default_eval_metric": True,
        },
        train,
        num_boost_round=how.num_rounds,
        evals=[(stop, "stop")],
        obj=lambda margin_N, _: gradient(margin_N),
        custom_metric=lambda margin_N, _: ("loss", loss(margin_N)),
        early_stopping_rounds=how.stop_after,
        verbose_eval=False,
    )
    return grown[: grown.best_iteration + 1]


def gradient(placed: Placed, margin_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the log loss of p by the margin, and its expected curvature (Fisher scoring).

    With p = w · s, s = σ(margin): slope (p − y) (1 − s) / (1 − p), curvature p (1 − s)² / (1 − p);
    where every place counts alike (w = 1) the usual p − y and p (1 − p).
    """
    attraction_N, p_N = placed.chance(margin_N)
    return slopes(attraction_N, p_N, placed.rows.get_label(), placed.rows.get_weight())


def slopes(
    attraction_N: np.ndarray, p_N: np.ndarray, label_N: np.ndarray, weight_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """``gradient`` of what was said of rows, σ(margin) and p, and what came of them."""
    steepness_N = (1 - attraction_N) / (1 - p_N) * weight_N
    return (p_N - label_N) * steepness_N, p_N * (1 - attraction_N) * steepness_N


def loss(placed: Placed, margin_N: np.ndarray) -> float:
    """Mean log loss of p."""
    _, p_N = placed.chance(margin_N)
    label_N, weight_N = placed.rows.get_label(), placed.rows.get_weight()
    if not weight_N.any():
        # Nothing of the stopping days is known: no tree is better than another.
        return 0.0
    loss_N = -(label_N * np.log(p_N) + (1 - label_N) * np.log1p(-p_N))
    return float(np.average(loss_N, weights=weight_N))
