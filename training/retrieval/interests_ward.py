"""Ward's clusters of what each user touched: how many there are, the distances say.

Two clusters are joined while that adds little to the sum of squares within (Ward, JASA 1963); costs
of a joined cluster follow from those before (Lance, Williams, 1967). A user has at most some
hundreds of items, so that a matrix of costs is small. No start is drawn: the same items make the
same clusters.

Shapes: N items of all users, D width, U users, L items of one user.
"""

import numpy as np
from numba import njit

from training.retrieval.products import add_products


@njit(cache=True)
def clusters(
    vectors_ND: np.ndarray, indptr: np.ndarray, max_cost: float, max_num: int
) -> tuple[np.ndarray, np.ndarray]:
    """Join each user's items to clusters.

    Args:
        vectors_ND: float32, users one behind another.
        indptr: int64: user u has the items indptr[u] … indptr[u + 1].
        max_cost: Clusters are joined up to this cost: for two items their squared distance, else
            the same of their means times 2ab / (a + b), of a and b items.
        max_num: Dearer joins are made until there are so few.

    Returns:
        label_N: int64: each item's cluster, 0 … by first item.
        num_U: int64: clusters of each user.
    """
    label_N = np.empty(len(vectors_ND), np.int64)
    num_U = np.empty(len(indptr) - 1, np.int64)
    for user in range(len(num_U)):
        own = slice(indptr[user], indptr[user + 1])
        cost_LL = _squared_distances(vectors_ND[own])
        _join(cost_LL, label_N[own], max_cost, max_num)
        num_U[user] = _number(label_N[own])
    return label_N, num_U


@njit(cache=True)
def _squared_distances(vectors_LD: np.ndarray) -> np.ndarray:
    """From products, as |x − y|² = |x|² + |y|² − 2xy: float32, L × L, inf with itself."""
    num = len(vectors_LD)
    cost_LL = np.zeros((num, num), np.float32)
    add_products(vectors_LD, np.ascontiguousarray(vectors_LD.T), cost_LL)
    square_L = np.diag(cost_LL).copy()
    for one in range(num):
        for other in range(num):
            apart = square_L[one] + square_L[other] - 2 * cost_LL[one, other]
            cost_LL[one, other] = max(apart, np.float32(0))
        cost_LL[one, one] = np.inf
    return cost_LL


@njit(cache=True)
def _join(cost_LL: np.ndarray, label_L: np.ndarray, max_cost: float, max_num: int) -> None:
    """Join the cheapest pair again and again; a cluster is called by its first item."""
    num = len(label_L)
    size_L = np.ones(num, np.float32)
    near_L = np.empty(num, np.int64)
    best_L = np.empty(num, np.float32)
    for one in range(num):
        label_L[one] = one
        near_L[one] = np.argmin(cost_LL[one])
        best_L[one] = cost_LL[one, near_L[one]]
    for left in range(num, 1, -1):
        one = int(np.argmin(best_L))
        if best_L[one] > max_cost and left <= max_num:
            break
        other = int(near_L[one])
        first, second = min(one, other), max(one, other)
        _take_in(cost_LL, size_L, first, second)
        for item in range(num):
            if label_L[item] == second:
                label_L[item] = first
        _look_again(cost_LL, near_L, best_L, first, second)


@njit(cache=True)
def _take_in(cost_LL: np.ndarray, size_L: np.ndarray, first: int, second: int) -> None:
    """Give the joined cluster's costs to ``first`` and leave ``second`` out, at cost inf."""
    joined = cost_LL[first, second]
    both = size_L[first] + size_L[second]
    for other in range(len(size_L)):
        # inf of what was left out stays inf.
        if other not in (first, second):
            size = size_L[other]
            sum_of = (size_L[first] + size) * cost_LL[first, other]
            sum_of += (size_L[second] + size) * cost_LL[second, other] - size * joined
            cost_LL[first, other] = cost_LL[other, first] = sum_of / (both + size)
    size_L[first] = both
    cost_LL[second, :] = np.inf
    cost_LL[:, second] = np.inf


@njit(cache=True)
def _look_again(
    cost_LL: np.ndarray, near_L: np.ndarray, best_L: np.ndarray, first: int, second: int
) -> None:
    """Find the nearest again for whoever was nearest to the joined clusters, and for them."""
    for one in range(len(near_L)):
        if one in (first, second) or near_L[one] in (first, second):
            near_L[one] = np.argmin(cost_LL[one])
            best_L[one] = cost_LL[one, near_L[one]]


@njit(cache=True)
def _number(label_L: np.ndarray) -> int:
    """Count a user's clusters and number them by first item, in place."""
    found = 0
    number_L = np.empty(len(label_L), np.int64)
    for item in range(len(label_L)):
        if label_L[item] == item:
            number_L[item] = found
            found += 1
        label_L[item] = number_L[label_L[item]]
    return found
