"""Measures of how true probabilities are: predicted beside observed, and the calibration error.

Everything works on flat arrays; intervals resample users and not rows. A label may be a share from
0 to 1. With few positives a calibration error is mostly noise, so it never stands alone: beside it
is what chance gives to a perfect prediction, and what is left without chance.

Shapes: N rows, U users, B bins, R resamples.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import run_starts
from training.metrics import bootstrap_ratios, resampled_sums

NUM_BINS: Final = 10
"""Bins of a calibration error. Of E positives in all, chance alone moves B bins of equal mass by up
to √(2B / πE) of the base rate: 3.8 % for 10 bins and 4,500 positives, where 5 % is promised; from
18 bins on it would be more than that."""
_WIDE: Final = (2.5, 97.5)
_WIDER: Final = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedToObserved:
    """What was predicted beside what came, in sum; with bootstrap intervals by user."""

    value: float
    """1 is true; infinite where nothing came, NaN where nothing was predicted either."""
    low_95: float
    high_95: float
    low_99: float
    high_99: float
    num_positives: int
    """Rows that brought anything."""
    num_users: int


def predicted_to_observed(
    user_N: np.ndarray, label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray, *, seed: int
) -> PredictedToObserved:
    """Compare sums, with 95 % and 99 % percentile intervals (Efron, Tibshirani, 1993, ch. 13).

    Args:
        user_N: int64, any numbers.
        label_N: bool, or a share in [0, 1].
        p_N: predicted, in [0, 1].
        weight_N: how many rows a row stands for.
        seed: of the resampling.
    """
    place_N, num_users = _dense(user_N)
    observed_N = weight_N * label_N.astype(np.float64)
    predicted_N = weight_N * p_N.astype(np.float64)
    sums = [np.bincount(place_N, of_N, num_users) for of_N in (predicted_N, observed_N)]
    drawn_R2 = resampled_sums(np.stack(sums, axis=1), seed=seed)
    ratio_R = _ratio(drawn_R2[:, 0], drawn_R2[:, 1])
    (low_95, high_95), (low_99, high_99) = (_ends(ratio_R, of) for of in (_WIDE, _WIDER))
    return PredictedToObserved(
        value=float(_ratio(predicted_N.sum(), observed_N.sum())),
        low_95=low_95,
        high_95=high_95,
        low_99=low_99,
        high_99=high_99,
        num_positives=int(np.count_nonzero(observed_N)),
        num_users=num_users,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationError:
    """Expected calibration error, in the unit of the label; NaN of fewer than two users."""

    value: float
    """Mean over rows of the distance between their bin's mean prediction and mean label."""
    by_chance: float
    """What is expected of it if every prediction is true."""
    most_by_chance: float
    """What it then stays below in 95 of 100 draws of users."""
    debiased: float
    """√(value² − by_chance²): chance and error are independent, so that their squares add."""
    low: float
    """Ends of the 95 % interval of ``debiased``."""
    high: float
    base_rate: float
    """Mean label: errors are judged as a part of it."""
    num_positives: int
    num_users: int


def calibration_error(
    user_N: np.ndarray, label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray, *, seed: int
) -> CalibrationError:
    """Measure the calibration error over ``NUM_BINS`` bins of equal mass.

    Chance is what resampled users make of each bin beside its own difference. A resample carries
    chance twice, once from the draw of the data and once from its own; twice its square is taken
    off before the interval is read.

    Args:
        user_N: int64, any numbers.
        label_N: bool, or a share in [0, 1].
        p_N: predicted, in [0, 1].
        weight_N: how many rows a row stands for.
        seed: of the resampling.
    """
    place_N, num_users = _dense(user_N)
    total = float(weight_N.sum())
    if num_users < 2 or not total:  # noqa: PLR2004
        return _unknown(num_users)
    label, p = label_N.astype(np.float64), p_N.astype(np.float64)
    bin_N = equal_mass_bins(p, weight_N)
    apart_UB = _by_user_and_bin(place_N, bin_N, weight_N * (p - label) / total, num_users)
    drawn_RB = resampled_sums(apart_UB, seed=seed)
    apart_B = apart_UB.sum(axis=0)
    chance_R = np.abs(drawn_RB - apart_B).sum(axis=1)
    value, by_chance = float(np.abs(apart_B).sum()), float(chance_R.mean())
    low, high = _ends(_without(np.abs(drawn_RB).sum(axis=1), np.sqrt(2) * by_chance), _WIDE)
    return CalibrationError(
        value=value,
        by_chance=by_chance,
        most_by_chance=float(np.percentile(chance_R, 95)),
        debiased=float(_without(np.array(value), by_chance)),
        low=low,
        high=high,
        base_rate=float(weight_N @ label / total),
        num_positives=int(np.count_nonzero(weight_N * label)),
        num_users=num_users,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityPoint:
    """One bin of a reliability picture."""

    predicted: float
    """Mean prediction."""
    observed: float
    """Mean label, with its 95 % bootstrap interval by user."""
    low: float
    high: float
    weight: float
    """Rows that it stands for."""
    num_positives: int


def reliability(
    user_N: np.ndarray, label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray, *, seed: int
) -> list[ReliabilityPoint]:
    """Give the points of a reliability picture, by rising prediction; bins without rows have none.

    A bin in which nothing came, or everything, leaves the bootstrap nothing to draw. There the
    exact binomial interval of its rows is given (Clopper, Pearson, Biometrika 1934).

    Args:
        user_N: int64, any numbers.
        label_N: bool, or a share in [0, 1].
        p_N: predicted, in [0, 1].
        weight_N: how many rows a row stands for.
        seed: of the resampling.
    """
    place_N, num_users = _dense(user_N)
    bin_N = equal_mass_bins(p_N, weight_N)
    label, p = label_N.astype(np.float64), p_N.astype(np.float64)
    label_UB, weight_UB = (
        _by_user_and_bin(place_N, bin_N, of_N, num_users) for of_N in (weight_N * label, weight_N)
    )
    predicted_B = np.bincount(bin_N, weight_N * p, NUM_BINS)
    rows_B = np.bincount(bin_N, weight_N > 0, NUM_BINS)
    positives_B = np.bincount(bin_N, (weight_N > 0) & (label > 0), NUM_BINS).astype(np.int64)
    weight_B = weight_UB.sum(axis=0)
    filled = np.flatnonzero(weight_B > 0)
    intervals = bootstrap_ratios(label_UB[:, filled], weight_UB[:, filled], seed=seed)
    points = []
    for b, found in zip(filled, intervals, strict=True):
        most = 1 - 0.025 ** (1 / rows_B[b])
        points.append(
            ReliabilityPoint(
                predicted=float(predicted_B[b] / weight_B[b]),
                observed=found.mean,
                low=1 - most if found.mean == 1 else found.low,
                high=most if found.mean == 0 else found.high,
                weight=float(weight_B[b]),
                num_positives=int(positives_B[b]),
            )
        )
    return points


def equal_mass_bins(p_N: np.ndarray, weight_N: np.ndarray) -> np.ndarray:
    """Cut rows by rising prediction into ``NUM_BINS`` bins of equal weight: int64, N.

    Equal predictions stay together, in the bin of their middle, so that the order of rows does not
    matter; then bins are uneven, or empty.
    """
    order = np.argsort(p_N, kind="stable")
    begins = run_starts(p_N[order])
    weight_G = np.bincount(np.cumsum(begins) - 1, weight_N[order])
    middle_G = np.cumsum(weight_G) - weight_G / 2
    bin_G = np.floor(middle_G * NUM_BINS / max(weight_G.sum(), np.finfo(float).tiny))
    bin_N = np.empty(len(p_N), np.int64)
    bin_N[order] = np.minimum(bin_G, NUM_BINS - 1)[np.cumsum(begins) - 1]
    return bin_N


def _by_user_and_bin(
    place_N: np.ndarray, bin_N: np.ndarray, value_N: np.ndarray, num_users: int
) -> np.ndarray:
    cell_N = place_N * NUM_BINS + bin_N
    return np.bincount(cell_N, value_N, num_users * NUM_BINS).reshape(num_users, NUM_BINS)


def _dense(user_N: np.ndarray) -> tuple[np.ndarray, int]:
    """Users as numbers from 0 without gaps, and how many there are."""
    user_U, place_N = np.unique(user_N, return_inverse=True)
    return place_N, len(user_U)


def _ratio(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(upper, lower)


def _ends(value_R: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Ends of an interval, which may be infinite: they are values that occur, the outer ones."""
    known_R = value_R[~np.isnan(value_R)]
    if not len(known_R):
        return float("nan"), float("nan")
    low = np.percentile(known_R, percentiles[0], method="lower")
    return float(low), float(np.percentile(known_R, percentiles[1], method="higher"))


def _without(value: np.ndarray, chance: float) -> np.ndarray:
    return np.sqrt(np.maximum(value**2 - chance**2, 0.0))


def _unknown(num_users: int) -> CalibrationError:
    nan = float("nan")
    return CalibrationError(
        value=nan,
        by_chance=nan,
        most_by_chance=nan,
        debiased=nan,
        low=nan,
        high=nan,
        base_rate=nan,
        num_positives=0,
        num_users=num_users,
    )
