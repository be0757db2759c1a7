"""Lambda gradients of NDCG over lists whose clicks are weighed, and their loss (Burges, 2010).

Of two rows of a list one is worth more. The pair pulls them apart with the slope of its logistic
loss, times how much NDCG@k would change if they changed places, times what the better one stands
for. The ideal list is not weighed: else a list with one click would say as much wherever it was.

Shapes: N rows, G lists.
"""

import numpy as np
from numba import njit

from training.rankers.evenings import Evenings

_Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Margins, gains, what a row counts as the better one of a pair, and as the worse: float64, N."""


def gradients(
    margin_N: np.ndarray, lists: Evenings, num_places: int
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature of each row's part of the loss: float64, N each.

    Args:
        margin_N: What the trees say.
        lists: Whose rows they are.
        num_places: k of NDCG@k.
    """
    slope_N, curvature_N = np.zeros(len(lists)), np.zeros(len(lists))
    _add_pairs(_columns(margin_N, lists), lists.first_G, num_places, (slope_N, curvature_N))
    return slope_N, curvature_N


def loss(margin_N: np.ndarray, lists: Evenings, num_places: int) -> float:
    """The loss of all pairs, each weighed by the NDCG@k that it changes where it stands now.

    It bounds what is lost of NDCG (LambdaLoss: Wang et al., CIKM 2018), and changes smoothly where
    NDCG of a few hundred clicks jumps.
    """
    unused_N = np.zeros(len(lists))
    return _add_pairs(_columns(margin_N, lists), lists.first_G, num_places, (unused_N, unused_N))


def _columns(margin_N: np.ndarray, lists: Evenings) -> _Columns:
    counts_N = lists.weight_N * lists.inverse_N
    return margin_N.astype(np.float64), lists.gain_N, counts_N, lists.weight_N


@njit(cache=True)
def _discounts(margins: np.ndarray, num_places: int) -> np.ndarray:
    """What a gain is worth at each row's place; of equal rows the first stands first."""
    found = np.zeros(len(margins))
    for place, row in enumerate(np.argsort(-margins, kind="mergesort")[:num_places]):
        found[row] = 1 / np.log2(place + 2.0)
    return found


@njit(cache=True)
def _best(gains: np.ndarray, num_places: int) -> float:
    """DCG of the best order."""
    return (np.sort(gains) * _discounts(np.sort(gains), num_places)).sum()


@njit(cache=True)
def _add_pairs(
    columns: _Columns,
    first_G: np.ndarray,
    num_places: int,
    sums: tuple[np.ndarray, np.ndarray],
) -> float:
    """Add every pair's slope and curvature to both of its rows; their losses are added up.

    Args:
        columns: ``_columns``.
        first_G: Where lists begin.
        num_places: k of NDCG@k.
        sums: float64, N each, filled: slopes and curvatures.
    """
    margin_N, gain_N, better_N, worse_N = columns
    total = 0.0
    for begin, end in np.stack((first_G[:-1], first_G[1:]), axis=1):
        ideal = _best(gain_N[begin:end], num_places)
        discounts = _discounts(margin_N[begin:end], num_places)
        for one in range(begin, end):
            if gain_N[one] == 0:
                continue
            for other in range(begin, end):
                gained = gain_N[one] - gain_N[other]
                moved = abs(discounts[one - begin] - discounts[other - begin])
                if gained <= 0 or moved == 0:
                    continue
                pulls = better_N[one] * worse_N[other] * gained * moved / ideal
                wrong = 1 / (1 + np.exp(margin_N[one] - margin_N[other]))
                total += pulls * np.logaddexp(0.0, margin_N[other] - margin_N[one])
                sums[0][one] -= pulls * wrong
                sums[0][other] += pulls * wrong
                sums[1][one] += pulls * wrong * (1 - wrong)
                sums[1][other] += pulls * wrong * (1 - wrong)
    return total
