"""Where the level of predictions stands at the end of some days, if it drifts from day to day.

A ranker that was fitted a week ago reads features that have gone on since: counts grow in a lake's
first weeks, seasons turn. Calibrated on a week as a whole it is true for the week's middle. The
level of a day is the log odds that its predictions lack; it is taken for a random walk of which
each day shows a noisy reading (the local level model: Harvey, 1989, § 4.2; Muth, JASA 1960), and
where the walk stands on the last day is the best that can be said of the next. How far it walks a
day, and how much more than by chance a day stands out by itself (a sale), is what makes the days
likeliest; where nothing speaks for a walk, all days count alike.

Shapes: D days, N examples of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from training.calibrators.calibrator import Predicted
from training.calibrators.logistic import log_loss_parts, minimum

_VARIANCES: Final = (0.0, *(float(one) for one in np.geomspace(1e-5, 0.3, 19)))
"""Tried of both: of a day's step of the walk, and of what a day is by itself."""


@dataclass(frozen=True, slots=True)
class Level:
    """One day's reading."""

    number: int
    """Of the day: it counts how many days lie between."""
    value: float
    """Log odds that its predictions lack."""
    variance: float
    """By chance, users drawn anew."""


def level(number: int, logit_N: np.ndarray, given: Predicted) -> Level | None:
    """Read a day's level; None where it says nothing: without positives, or without negatives.

    Args:
        number: Of the day.
        logit_N: What is predicted of the examples, as log odds.
        given: Labels, weights and users of the examples.
    """
    label_N, weight_N = given.label_N.astype(np.float64), given.weight_N
    if not 0 < weight_N @ label_N < weight_N.sum():
        return None

    def at(value_1: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        loss, slope_N, curvature_N = log_loss_parts(logit_N + value_1, label_N, weight_N)
        return loss, slope_N.sum(keepdims=True), curvature_N.sum(keepdims=True)[:, None]

    value = float(minimum(at, np.zeros(1))[0])
    _, slope_N, curvature_N = log_loss_parts(logit_N + value, label_N, weight_N)
    place_N = np.unique(given.user_N, return_inverse=True)[1]
    slope_U = np.bincount(place_N, slope_N)
    return Level(number, value, float(slope_U @ slope_U) / float(curvature_N.sum()) ** 2)


def at_end(levels: Sequence[Level]) -> float:
    """Say where the walk stands on the last day; 0 of no day.

    Args:
        levels: Readings by day, the oldest first.
    """
    if not levels:
        return 0.0
    walks = (_followed(levels, *variances) for variances in product(_VARIANCES, _VARIANCES))
    return max(walks, key=lambda found: found[0])[1]


def _followed(levels: Sequence[Level], step: float, by_itself: float) -> tuple[float, float]:
    """Follow a walk of known variances (Kalman's filter): its log-likelihood, and where it ends."""
    first, *others = levels
    where, variance, likelihood = first.value, first.variance + by_itself, 0.0
    before = first.number
    for one in others:
        variance += step * (one.number - before)
        apart, of_apart = one.value - where, variance + one.variance + by_itself
        likelihood -= 0.5 * (np.log(of_apart) + apart**2 / of_apart)
        gain = variance / of_apart
        where += gain * apart
        variance *= 1 - gain
        before = one.number
    return likelihood, where
