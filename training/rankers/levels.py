"""Makes chances of margins that order well: p = examination(place) · σ(slope · margin + constant).

Platt's line (1999), fitted to what came of rows that no tree has learned from, with the place's
part beside it. Its slope is a power of e, and so above 0: the order stays. A ridge of one example's
worth draws it to 1 and the shift to 0, so that rows without a click have an answer too.

Shapes: N rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.features.examination import Examination
from training.calibrators import logistic
from training.calibrators.calibrator import chance
from training.calibrators.logistic import Convex
from training.rankers.gbdt_growth import slopes
from training.rankers.ranker import Batch

_LEAST: Final = 1e-7
"""No chance is nearer to 0 or 1: its loss stays finite."""
_MAX_LOG_SLOPE: Final = 20.0
"""What a step tries beyond is judged as if it were there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A line from margins to log-odds of a click where an item is looked at."""

    slope: float
    """> 0."""
    constant: float

    def chances(self, margin_N: np.ndarray, seen_N: np.ndarray) -> np.ndarray:
        """Say p(click) at places that are looked at so often: float64, N."""
        return np.asarray(seen_N * chance(self.slope * margin_N + self.constant))


@dataclass(frozen=True, slots=True)
class Came:
    """What trees said of N rows, float64, and what came of them."""

    margin_N: np.ndarray
    seen_N: np.ndarray
    click_N: np.ndarray
    weight_N: np.ndarray

    @classmethod
    def of(cls, batch: Batch, margin_N: np.ndarray, curve: Examination) -> "Came":
        """Keep a day's rows whose click is known."""
        click_N = batch.label["click"].astype(np.float64)
        columns = (margin_N, curve.at(batch.given.position_N), click_N, batch.weight_N)
        return cls(*(column_N[~np.isnan(click_N)] for column_N in columns))


def fit(days: Sequence[Came]) -> Level:
    """Find the line of least log loss of days that no tree has learned from."""
    came = Came(*(np.concatenate([getattr(day, name) for day in days]) for name in Came.__slots__))
    total = came.weight_N.sum()
    middle = float(came.weight_N @ came.margin_N / total) if total else 0.0
    log_slope, shift = logistic.minimum(_loss(came, middle), np.zeros(2)).tolist()
    slope = float(np.exp(log_slope))
    return Level(slope=slope, constant=middle * (1 - slope) + shift)


def _loss(came: Came, middle: float) -> Convex:
    """By the slope's logarithm and the shift, with the curvature that is expected (Fisher)."""

    def of(coefficient_F: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        spread_N = np.exp(min(coefficient_F[0], _MAX_LOG_SLOPE)) * (came.margin_N - middle)
        loss, slope_N, curvature_N = _log_loss_parts(came, middle + spread_N + coefficient_F[1])
        feature_NF = np.stack([spread_N, np.ones(len(spread_N))], axis=1)
        return (
            loss + float(coefficient_F @ coefficient_F) / 2,
            feature_NF.T @ slope_N + coefficient_F,
            feature_NF.T @ (feature_NF * curvature_N[:, None]) + np.eye(2),
        )

    return of


def _log_loss_parts(came: Came, logit_N: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Log loss, weighed and summed; its slope and expected curvature by log-odds, N each."""
    attraction_N = chance(logit_N)
    p_N = np.clip(came.seen_N * attraction_N, _LEAST, 1 - _LEAST)
    happened_N = np.where(came.click_N > 0, np.log(p_N), np.log1p(-p_N))
    slope_N, curvature_N = slopes(attraction_N, p_N, came.click_N, came.weight_N)
    return -float(came.weight_N @ happened_N), slope_N, curvature_N
