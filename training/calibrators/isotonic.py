"""Isotonic calibration: any rising curve, as far as examples hold it up.

Pooling adjacent violators gives the rising step function of least loss, squared or logarithmic
(Ayer et al., 1955; Robertson, Wright, Dykstra, 1988). Steps tie items and jump, so the curve goes
straight through the centres of the steps instead (centred isotonic regression: Oron, Flournoy,
Statistics in Biopharmaceutical Research 2017), here in log odds on both axes. Beyond the outer
centres, and where there is one step only, it goes on with slope 1: what the ranker says, shifted.

A step must hold enough of both kinds, else it is joined with the next; its rate is drawn to its own
prediction by half an example of the rarer kind. The curve never rises less than ``min_slope``.

Shapes: N examples, M different scores, B blocks, K knots.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from etl.arrow import run_starts
from training.calibrators import logistic
from training.calibrators.calibrator import NEAREST, Predicted, logit
from training.calibrators.logistic import Ridge, Rows

_PRIOR: Final = 0.5
_FEW: Final = 16
"""Of so many blocks a round should pool one at least; else the rest is walked through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IsotonicConfig:
    """How freely the curve may bend."""

    min_each: float = 50.0
    """Positives and negatives, by weight, that a step needs to stand alone."""
    min_slope: float = 0.02
    """Least slope in log odds: items keep their order, and never tie."""


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A fitted curve: straight between knots, of slope 1 beyond them."""

    predicted_K: np.ndarray
    """float64, rising: log odds that a ranker predicts; at least one."""
    true_K: np.ndarray
    """float64, rising: log odds that are true there."""

    @property
    def name(self) -> str:
        """As in ``training.calibrate.FAMILIES``."""
        return "isotonic"

    def logits(self, p_N: np.ndarray) -> np.ndarray:
        """Calibrate: as ``Calibrator.logits``."""
        x_N = logit(p_N)
        beyond_N = x_N - np.clip(x_N, self.predicted_K[0], self.predicted_K[-1])
        return np.interp(x_N, self.predicted_K, self.true_K) + beyond_N

    def parameters(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {"predicted": self.predicted_K.tolist(), "true": self.true_K.tolist()}


def isotonic(examples: Predicted, config: IsotonicConfig) -> Isotonic:
    """Fit the curve, and shift it so that as much is expected in all as was observed."""
    counted = examples.taken(examples.weight_N > 0)
    if not len(counted):
        return Isotonic(np.zeros(1), np.zeros(1))
    curve = _centred(_steps(counted, config.min_each), config.min_slope)
    return Isotonic(curve.predicted_K, curve.true_K + _shift(curve, counted))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Sums over the examples of each step, float64."""

    weight_B: np.ndarray
    positive_B: np.ndarray
    logit_B: np.ndarray
    p_B: np.ndarray

    def joined(self, start_B: np.ndarray) -> "_Steps":
        """Add up runs of steps, by where each begins."""
        return _Steps(*(np.add.reduceat(getattr(self, n), start_B) for n in self.__slots__))


def _steps(examples: Predicted, min_each: float) -> _Steps:
    x_N = logit(examples.p_N)
    order = np.argsort(x_N, kind="stable")
    x_N, weight_N = x_N[order], examples.weight_N[order].astype(np.float64)
    positive_N = weight_N * examples.label_N[order]
    single = _Steps(weight_N, positive_N, weight_N * x_N, weight_N * examples.p_N[order])
    scores = single.joined(np.flatnonzero(run_starts(x_N)))
    rising = scores.joined(rising_blocks(scores.positive_B, scores.weight_B))
    return rising.joined(_filled(rising, min_each))


def rising_blocks(total_M: np.ndarray, weight_M: np.ndarray) -> np.ndarray:
    """Pool adjacent violators.

    Whatever order they are pooled in, the answer is the same; so each round pools all runs that do
    not rise, until that brings little. A walk does the rest.

    Args:
        total_M: float64, sum of what is averaged, in the order in which it should rise.
        weight_M: float64, > 0.

    Returns:
        int64, B: where each block begins; its mean is above that of the block before.
    """
    start_B, total_B, weight_B = np.arange(len(total_M)), total_M, weight_M
    while True:
        mean_B = total_B / weight_B
        begins = np.flatnonzero(np.r_[True, mean_B[1:] > mean_B[:-1]])
        num_pooled = len(mean_B) - len(begins)
        if num_pooled * _FEW < len(mean_B):
            return start_B[_walked(total_B, weight_B)]
        total_B, weight_B = np.add.reduceat(total_B, begins), np.add.reduceat(weight_B, begins)
        start_B = start_B[begins]


def _walked(total_M: np.ndarray, weight_M: np.ndarray) -> np.ndarray:
    """Pool one block after another into those before it."""
    starts: list[int] = []
    totals: list[float] = []
    weights: list[float] = []
    for start, (total, weight) in enumerate(zip(total_M.tolist(), weight_M.tolist(), strict=True)):
        begin = start
        while totals and totals[-1] * weight >= total * weights[-1]:
            begin = starts.pop()
            total, weight = total + totals.pop(), weight + weights.pop()  # noqa: PLW2901
        starts.append(begin)
        totals.append(total)
        weights.append(weight)
    return np.array(starts, np.int64)


def _filled(steps: _Steps, min_each: float) -> np.ndarray:
    """Where blocks begin that hold enough of both kinds; what is left over joins the last."""
    starts, positives, negatives = [0], 0.0, 0.0
    for step, (weight, positive) in enumerate(
        zip(steps.weight_B.tolist(), steps.positive_B.tolist(), strict=True)
    ):
        if min(positives, negatives) >= min_each:
            starts.append(step)
            positives = negatives = 0.0
        positives, negatives = positives + positive, negatives + weight - positive
    if len(starts) > 1 and min(positives, negatives) < min_each:
        starts.pop()
    return np.array(starts, np.int64)


def _centred(steps: _Steps, min_slope: float) -> Isotonic:
    expected_B = np.clip(steps.p_B / steps.weight_B, NEAREST, 1 - NEAREST)
    prior_B = _PRIOR / np.minimum(expected_B, 1 - expected_B)
    rate_B = (steps.positive_B + prior_B * expected_B) / (steps.weight_B + prior_B)
    x_B = steps.logit_B / steps.weight_B
    # Centres of neighbouring floats may round to the same one.
    rises_B = np.r_[True, x_B[1:] > np.maximum.accumulate(x_B)[:-1]]
    predicted_K, true_K = x_B[rises_B], logit(rate_B[rises_B])
    line_K = min_slope * predicted_K
    return Isotonic(predicted_K, np.maximum.accumulate(true_K - line_K) + line_K)


def _shift(curve: Isotonic, examples: Predicted) -> float:
    """Log odds by which the curve is wrong on the whole."""
    rows = Rows(
        np.ones((len(examples), 1)),
        examples.label_N.astype(np.float64),
        examples.weight_N.astype(np.float64),
        curve.logits(examples.p_N),
    )
    one = Ridge(mean_F=np.zeros(1), precision_F=np.ones(1), least_F=np.full(1, -np.inf))
    return float(logistic.fit(rows, one)[0])
