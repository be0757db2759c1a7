"""Measures of rankings and probabilities, and their intervals by user.

Everything works on flat arrays grouped by user, so that a bootstrap resamples users and not rows.
Shapes: N rows grouped by user, U users. Nothing here reads a table.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import places_in_runs, run_starts

NUM_RESAMPLES: Final = 1000
_RESAMPLES_AT_ONCE: Final = 50
_CONFIDENCE: Final = (2.5, 97.5)
_SMALLEST: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users with its 95 % bootstrap interval; NaN where no user counts."""

    mean: float
    low: float
    high: float
    num_users: int


def log_loss(label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Weighted mean of −log p(what happened); a label may be a share from 0 to 1."""
    p = np.clip(p_N.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    loss = -(label_N * np.log(p) + (1 - label_N.astype(np.float64)) * np.log1p(-p))
    return float(np.average(loss, weights=weight_N))


def squared_error(label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Weighted mean of the squared difference: of a chance Brier's score."""
    return float(np.average((label_N - p_N.astype(np.float64)) ** 2, weights=weight_N))


def auc(label_N: np.ndarray, score_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Weighted probability that a positive scores above a negative; a tie counts half.

    NaN where one of the two kinds is missing.
    """
    order = np.argsort(score_N, kind="stable")
    starts = np.flatnonzero(run_starts(score_N[order]))
    positive = np.add.reduceat(np.where(label_N, weight_N, 0.0)[order], starts)
    negative = np.add.reduceat(np.where(label_N, 0.0, weight_N)[order], starts)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")


def auc_by_user(
    user_N: np.ndarray, label_N: np.ndarray, score_N: np.ndarray, weight_N: np.ndarray
) -> np.ndarray:
    """Compute each user's AUC: float64, U; NaN for users without both kinds.

    Args:
        user_N: int64, ascending from 0 without gaps.
        label_N: bool.
        score_N: higher is better.
        weight_N: how many rows a row stands for.
    """
    order = np.lexsort((score_N, user_N))
    starts = np.flatnonzero(run_starts(user_N[order], score_N[order]))
    user = user_N[order][starts]
    positive = np.add.reduceat(np.where(label_N, weight_N, 0.0)[order], starts)
    negative = np.add.reduceat(np.where(label_N, 0.0, weight_N)[order], starts)
    num_users = int(user_N[-1]) + 1
    all_negative = np.bincount(user, negative, num_users)
    before = np.cumsum(negative) - negative
    first = np.searchsorted(user, np.arange(num_users))
    below = before - before[first][user]
    won = np.bincount(user, positive * (below + negative / 2), num_users)
    pairs = np.bincount(user, positive, num_users) * all_negative
    return np.divide(won, pairs, out=np.full(num_users, np.nan), where=pairs > 0)


def ndcg_by_user(
    user_N: np.ndarray, label_N: np.ndarray, score_N: np.ndarray, *, k: int
) -> np.ndarray:
    """Compute each user's NDCG@k with binary gains: float64, U; NaN for users without a positive.

    Rows of equal score keep the order they are given in (Järvelin, Kekäläinen, TOIS 2002).
    """
    order = np.lexsort((-score_N, user_N))
    user, label = user_N[order], label_N[order]
    place = places_in_runs(run_starts(user))
    gain = np.where(label & (place < k), 1 / np.log2(place + 2.0), 0.0)
    num_users = int(user_N[-1]) + 1
    num_positives = np.bincount(user, label, num_users).astype(np.int64)
    ideal = ideal_dcg(np.minimum(num_positives, k))
    found = np.bincount(user, gain, num_users)
    return np.divide(found, ideal, out=np.full(num_users, np.nan), where=ideal > 0)


def ideal_dcg(num_positives_U: np.ndarray) -> np.ndarray:
    """DCG of a list that begins with all positives: float64, U."""
    most = int(num_positives_U.max(initial=0))
    return np.r_[0.0, np.cumsum(1 / np.log2(np.arange(most) + 2.0))][num_positives_U]


def bootstrap(value_U: np.ndarray, *, seed: int) -> Interval:
    """Mean over users with a 95 % percentile bootstrap interval (Efron, Tibshirani, 1993, ch. 13).

    Args:
        value_U: one value a user; NaN where he does not count.
        seed: of the resampling.
    """
    return bootstrap_by_group(value_U, np.arange(len(value_U)), seed=seed)


def bootstrap_means(value_UM: np.ndarray, *, seed: int) -> list[Interval]:
    """Means of many measures over the same users, each with its interval as ``bootstrap`` gives it.

    Users are drawn once for all measures, which makes a hundred of them cost little more than one.

    Args:
        value_UM: one value a user and measure; NaN where he does not count.
        seed: of the resampling.
    """
    num_users, num_measures = value_UM.shape
    counts_UM = ~np.isnan(value_UM)
    sums = np.concatenate([np.where(counts_UM, value_UM, 0), counts_UM], axis=1)
    rng = np.random.default_rng(seed)
    found = np.empty((NUM_RESAMPLES, 2 * num_measures))
    for start in range(0, NUM_RESAMPLES if num_users else 0, _RESAMPLES_AT_ONCE):
        rows = range(start, min(start + _RESAMPLES_AT_ONCE, NUM_RESAMPLES))
        drawn = [
            np.bincount(rng.integers(0, num_users, num_users), minlength=num_users) for _ in rows
        ]
        found[rows.start : rows.stop] = np.array(drawn, np.float64) @ sums
    num_M = counts_UM.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = found[:, :num_measures] / found[:, num_measures:]
        ends = np.nanpercentile(means, _CONFIDENCE, axis=0) if num_users else means[:2]
        whole_M = sums[:, :num_measures].sum(axis=0) / num_M
    return [
        Interval(float(whole_M[m]), float(ends[0, m]), float(ends[1, m]), int(num_M[m]))
        if num_M[m]
        else Interval(float("nan"), float("nan"), float("nan"), 0)
        for m in range(num_measures)
    ]


def bootstrap_by_group(value_N: np.ndarray, user_N: np.ndarray, *, seed: int) -> Interval:
    """Mean over rows, resampled by user: a user's nights stay together.

    Args:
        value_N: one value a row; NaN rows do not count.
        user_N: int64, the user of each row, any numbers.
        seed: of the resampling.
    """
    counts = ~np.isnan(value_N)
    value, (_, user) = value_N[counts], np.unique(user_N[counts], return_inverse=True)
    if not len(value):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    total, rows = np.bincount(user, value), np.bincount(user).astype(np.float64)
    found = bootstrap_ratio(total, rows, seed=seed)
    return Interval(float(value.mean()), found.low, found.high, len(total))


def bootstrap_ratio(numerator_U: np.ndarray, denominator_U: np.ndarray, *, seed: int) -> Interval:
    """Ratio of two sums over users, resampled by user: its 95 % percentile bootstrap interval.

    Args:
        numerator_U: float64, a user's part of the upper sum.
        denominator_U: float64, his part of the lower one.
        seed: of the resampling.
    """
    num_users = len(numerator_U)
    rng = np.random.default_rng(seed)
    ratios = np.empty(NUM_RESAMPLES)
    for number in range(NUM_RESAMPLES):
        counts = np.bincount(rng.integers(0, num_users, num_users), minlength=num_users)
        # Products of whole numbers and floats take a path that is thirty times slower.
        drawn = counts.astype(np.float64)
        ratios[number] = (drawn @ numerator_U) / (drawn @ denominator_U)
    low, high = np.percentile(ratios, _CONFIDENCE)
    ratio = float(numerator_U.sum() / denominator_U.sum())
    return Interval(ratio, float(low), float(high), num_users)
