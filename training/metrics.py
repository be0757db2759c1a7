"""Measures of rankings and probabilities, and their intervals by user.

Everything works on flat arrays grouped by user, so that a bootstrap resamples users and not rows.
Shapes: N rows grouped by user, U users. Nothing here reads a table.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from etl.arrow import places_in_runs, run_starts

NUM_RESAMPLES: Final = 1000
_RESAMPLES_AT_ONCE: Final = 50
_CONFIDENCE: Final = (2.5, 97.5)
_SMALLEST: Final = 1e-7
"""No chance is nearer to 0 or 1 where losses are taken."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users with its 95 % bootstrap interval; NaN where no user counts."""

    mean: float
    low: float
    high: float
    num_users: int


def log_losses(label_N: np.ndarray, p_N: np.ndarray) -> np.ndarray:
    """−log p of what happened to each example, float64, N; a label may be a share from 0 to 1."""
    p = np.clip(p_N.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.array(-(label_N * np.log(p) + (1 - label_N.astype(np.float64)) * np.log1p(-p)))


def log_loss(label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Weighted mean of ``log_losses``."""
    return float(np.average(log_losses(label_N, p_N), weights=weight_N))


def normalised_entropy(label_N: np.ndarray, p_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Log loss beside that of always predicting the mean label (He et al., ADKDD 2014, § 3.1).

    Below 1 where predictions tell more than the mean does; NaN where all labels are 0 or all 1.
    """
    mean = np.average(label_N.astype(np.float64), weights=weight_N)
    if mean in (0.0, 1.0):
        return float("nan")
    return log_loss(label_N, p_N, weight_N) / log_loss(label_N, np.full(len(p_N), mean), weight_N)


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

    Args:
        value_UM: one value a user and measure; NaN where he does not count.
        seed: of the resampling.
    """
    counts_UM = ~np.isnan(value_UM)
    return bootstrap_ratios(np.where(counts_UM, value_UM, 0.0), counts_UM, seed=seed)


def bootstrap_ratios(
    numerator_UM: np.ndarray, denominator_UM: np.ndarray, *, seed: int
) -> list[Interval]:
    """Ratios of sums over the same users, each with its 95 % percentile bootstrap interval.

    Users are drawn once for all measures, which makes a hundred of them cost little more than one.

    Args:
        numerator_UM: a user's part of each upper sum.
        denominator_UM: his part of each lower one; where it is 0 he does not count.
        seed: of the resampling.
    """
    num_measures = numerator_UM.shape[1]
    sums = np.concatenate([numerator_UM, denominator_UM], axis=1, dtype=np.float64)
    found = resampled_sums(sums, seed=seed)
    upper, lower = found[:, :num_measures], found[:, num_measures:]
    ratios = np.divide(upper, lower, out=np.full_like(upper, np.nan), where=lower != 0)
    whole = sums.sum(axis=0)
    num_M = (denominator_UM != 0).sum(axis=0)
    return [
        _interval(whole[m], whole[num_measures + m], ratios[:, m], int(num_M[m]))
        for m in range(num_measures)
    ]


def resampled_sums(value_UM: np.ndarray, *, seed: int) -> np.ndarray:
    """Draw as many users as there are, over and over, and add up what they have.

    Args:
        value_UM: float64, a user's part of each sum.
        seed: of the resampling.

    Returns:
        float64, ``NUM_RESAMPLES`` × M; zeros where there is no user.
    """
    num_users, num_measures = value_UM.shape
    rng = np.random.default_rng(seed)
    found = np.zeros((NUM_RESAMPLES, num_measures))
    for start in range(0, NUM_RESAMPLES if num_users else 0, _RESAMPLES_AT_ONCE):
        drawn = [_drawn(rng, num_users) for _ in range(_RESAMPLES_AT_ONCE)]
        found[start : start + _RESAMPLES_AT_ONCE] = np.array(drawn) @ value_UM
    return found


def _drawn(rng: np.random.Generator, num_users: int) -> np.ndarray:
    """How often each user is drawn: float64; products of whole numbers and floats are slow."""
    counts = np.bincount(rng.integers(0, num_users, num_users), minlength=num_users)
    return counts.astype(np.float64)


def _interval(upper: float, lower: float, ratio_R: np.ndarray, num_users: int) -> Interval:
    if not num_users:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    low, high = np.nanpercentile(ratio_R, _CONFIDENCE)
    return Interval(float(upper / lower), float(low), float(high), num_users)


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
    [found] = bootstrap_ratios(numerator_U[:, None], denominator_U[:, None], seed=seed)
    return replace(found, num_users=len(numerator_U))
