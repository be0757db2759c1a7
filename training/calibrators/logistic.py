"""Logistic regression of a few numbers under a ridge, by Newton's method.

Few numbers and a strictly convex loss: no step size to set, no seed, the same answer in any order
but for rounding. Labels may be shares: their expectation minimises the same loss (Papke,
Wooldridge, 1996).

Shapes: N examples, F coefficients.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from training.calibrators.calibrator import chance

_NUM_STEPS: Final = 60
_NUM_HALVINGS: Final = 30
_CLOSE: Final = 1e-10
_ROUNDING: Final = 1e-13
"""Part of a loss that sums of many rows may be off by; no step is halved for less."""

Convex = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Of F coefficients: a loss, its gradient F and its Hessian F × F, positive definite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ridge:
    """A normal prior of coefficients, and how small they may be."""

    mean_F: np.ndarray
    """float64: what they are without examples."""
    precision_F: np.ndarray
    """float64, > 0: one over their variance, as many examples' worth of curvature."""
    least_F: np.ndarray
    """float64: lower ends, −inf where there is none."""

    def taken(self, kept_F: np.ndarray) -> "Ridge":
        """Keep some coefficients."""
        return Ridge(
            mean_F=self.mean_F[kept_F],
            precision_F=self.precision_F[kept_F],
            least_F=self.least_F[kept_F],
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """N examples of F features, float64."""

    feature_NF: np.ndarray
    label_N: np.ndarray
    weight_N: np.ndarray
    offset_N: np.ndarray
    """What is added to their log odds without a coefficient."""


def fit(rows: Rows, ridge: Ridge) -> np.ndarray:
    """Find the coefficients of least weighted log loss plus ridge: float64, F, none below its end.

    Where the free minimum is out of bounds, every set of bounded coefficients is tried at its lower
    ends: there are two at most, and with a convex loss the best of what is allowed is exact.
    """
    free_F = minimum(_loss(rows, ridge), ridge.mean_F)
    if (free_F >= ridge.least_F).all():
        return free_F
    found = [coefficient for coefficient in _at_ends(rows, ridge) if coefficient is not None]
    loss = _loss(rows, ridge)
    return min(found, key=lambda coefficient_F: loss(coefficient_F)[0])


def _at_ends(rows: Rows, ridge: Ridge) -> Iterator[np.ndarray | None]:
    bounded = np.flatnonzero(np.isfinite(ridge.least_F))
    for num in range(1, len(bounded) + 1):
        for chosen in combinations(bounded, num):
            is_free_F = ~np.isin(np.arange(len(ridge.mean_F)), chosen)
            yield _with_fixed(rows, ridge, is_free_F)


def _with_fixed(rows: Rows, ridge: Ridge, is_free_F: np.ndarray) -> np.ndarray | None:
    """Minimum with some at their lower ends; nothing where the others then leave theirs."""
    fixed_N = rows.feature_NF[:, ~is_free_F] @ ridge.least_F[~is_free_F]
    rest = Rows(rows.feature_NF[:, is_free_F], rows.label_N, rows.weight_N, rows.offset_N + fixed_N)
    others = ridge.taken(is_free_F)
    found = minimum(_loss(rest, others), others.mean_F)
    if (found < others.least_F).any():
        return None
    whole_F = ridge.least_F.copy()
    whole_F[is_free_F] = found
    return whole_F


def _loss(rows: Rows, ridge: Ridge) -> Convex:
    def of(coefficient_F: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        logit_N = rows.feature_NF @ coefficient_F + rows.offset_N
        loss, slope_N, curvature_N = log_loss_parts(logit_N, rows.label_N, rows.weight_N)
        away_F = coefficient_F - ridge.mean_F
        return (
            loss + float(ridge.precision_F @ away_F**2) / 2,
            rows.feature_NF.T @ slope_N + ridge.precision_F * away_F,
            rows.feature_NF.T @ (rows.feature_NF * curvature_N[:, None])
            + np.diag(ridge.precision_F),
        )

    return of


def log_loss_parts(
    logit_N: np.ndarray, label_N: np.ndarray, weight_N: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Weighted log loss, summed; its slope and its curvature by each example's log odds, N each."""
    p_N = chance(logit_N)
    loss = float(weight_N @ (np.logaddexp(0.0, logit_N) - label_N * logit_N))
    return loss, weight_N * (p_N - label_N), weight_N * p_N * (1 - p_N)


def minimum(convex: Convex, start_F: np.ndarray) -> np.ndarray:
    """Walk to the minimum of a strictly convex loss, halving steps that do not go down."""
    here_F = start_F.astype(np.float64)
    loss, gradient_F, hessian_FF = convex(here_F)
    for _ in range(_NUM_STEPS):
        step_F = np.linalg.solve(hessian_FF, gradient_F)
        for _ in range(_NUM_HALVINGS):
            there = convex(here_F - step_F)
            if there[0] <= loss + _ROUNDING * abs(loss):
                break
            step_F = step_F / 2
        else:
            return here_F
        here_F, (loss, gradient_F, hessian_FF) = here_F - step_F, there
        if np.abs(step_F).max(initial=0.0) < _CLOSE:
            return here_F
    return here_F
