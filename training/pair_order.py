"""XAUC: how often a prediction puts two amounts in their order (Zhan et al., KDD 2022, § 5.1).

An AUC for amounts, as watch time: of all pairs of rows whose amounts differ, the share in which the
greater amount has the greater score; equal scores count half. Exact, in O(n log n).

Shapes: N rows, U users, G groups of equal rows.
"""

import numpy as np

from etl.arrow import run_starts


def xauc(amount_N: np.ndarray, score_N: np.ndarray, weight_N: np.ndarray) -> float:
    """Weighted share of pairs in order: in [0, 1], NaN where no two amounts differ.

    Args:
        amount_N: what came, as a share watched; no NaN.
        score_N: higher is more; no NaN.
        weight_N: how many rows a row stands for; a pair weighs the product.
    """
    if not len(amount_N):
        return float("nan")
    return float(xauc_by_user(np.zeros(len(amount_N), np.int64), amount_N, score_N, weight_N)[0])


def xauc_by_user(
    user_N: np.ndarray, amount_N: np.ndarray, score_N: np.ndarray, weight_N: np.ndarray
) -> np.ndarray:
    """Compute each user's XAUC over pairs of his own: float64, U; NaN where no two amounts differ.

    Args:
        user_N: int64, ascending from 0 without gaps.
        amount_N: what came.
        score_N: higher is more.
        weight_N: how many rows a row stands for.
    """
    num_users = int(user_N[-1]) + 1
    amount, score = amount_N.astype(np.float64), score_N.astype(np.float64)
    weight = weight_N.astype(np.float64)
    won = _in_order(user_N, amount, score, weight)
    order = np.lexsort((score, user_N))
    begins = run_starts(user_N[order], score[order])
    tie_N = np.cumsum(begins) - 1
    tied_T = _pairs(tie_N, amount[order], weight[order])
    won += np.bincount(user_N[order][begins], tied_T, num_users) / 2
    pairs = _pairs(user_N, amount, weight)
    return np.divide(won, pairs, out=np.full(num_users, np.nan), where=pairs > 0)


def _pairs(owner_N: np.ndarray, value_N: np.ndarray, weight_N: np.ndarray) -> np.ndarray:
    """Weight of the pairs of different values that each owner has; owners rise from 0."""
    order = np.lexsort((value_N, owner_N))
    starts = np.flatnonzero(run_starts(owner_N[order], value_N[order]))
    owner_G = owner_N[order][starts]
    weight_G = np.add.reduceat(weight_N[order], starts)
    before_G = np.cumsum(weight_G) - weight_G
    first = np.flatnonzero(run_starts(owner_G))
    return np.bincount(owner_G, weight_G * (before_G - before_G[first][owner_G]))


def _in_order(
    user_N: np.ndarray, amount_N: np.ndarray, score_N: np.ndarray, weight_N: np.ndarray
) -> np.ndarray:
    """Weight of each user's pairs in which both the amount and the score are greater.

    Rows are listed by score, and numbered by amount. Ties of either, and users, run against each
    other in list and number, so that what is not a pair in order never counts.
    """
    num_rows = len(user_N)
    row_N = np.arange(num_rows)
    listed = np.lexsort((-row_N, -amount_N, score_N, -user_N))
    numbered = np.lexsort((row_N, -score_N, amount_N, user_N))
    number_N = np.empty(num_rows, np.int64)
    number_N[numbered] = row_N
    lower_N = _listed_before_and_lower(number_N[listed], weight_N[listed])
    return np.bincount(user_N[numbered], weight_N[numbered] * lower_N)


def _listed_before_and_lower(number_N: np.ndarray, weight_N: np.ndarray) -> np.ndarray:
    """For each number, the weight of lower numbers that stand before it in the list: float64, N.

    A merge sort from the top: a block of the list holds 2 ** (bit + 1) numbers that follow each
    other; its upper half looks back at the lower one, then both become blocks.
    """
    num_rows = len(number_N)
    at_N = np.arange(num_rows)
    found_N = np.zeros(num_rows)
    for bit in reversed(range((num_rows - 1).bit_length())):
        is_upper_N = (number_N >> bit & 1).astype(bool)
        first_N = number_N >> bit + 1 << bit + 1
        weight_before = np.r_[0.0, np.cumsum(np.where(is_upper_N, 0.0, weight_N))]
        lower_before = np.r_[0, np.cumsum(~is_upper_N)]
        weight_seen_N = weight_before[at_N] - weight_before[first_N]
        found_N[number_N[is_upper_N]] += weight_seen_N[is_upper_N]
        num_seen_N = lower_before[at_N] - lower_before[first_N]
        to_N = np.where(is_upper_N, at_N + (1 << bit) - num_seen_N, first_N + num_seen_N)
        moved_number, moved_weight = np.empty_like(number_N), np.empty_like(weight_N)
        moved_number[to_N], moved_weight[to_N] = number_N, weight_N
        number_N, weight_N = moved_number, moved_weight
    return found_N
