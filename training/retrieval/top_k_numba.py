"""The best K of many scores, in Python compiled by numba: what needs no C compiler.

A user's list is a heap whose root is its worst; an item enters only above what it pushes out, so
that ties keep the items' order. Shapes: U users, I items, N items that may be listed, S items seen,
D numbers of a vector, K places.
"""

from typing import Final

import numpy as np
from numba import njit

_TILE_ITEMS: Final = 512
"""Items that pass all users together: their vectors stay in the cache."""


@njit(cache=True)
def best_scores(scores_UI: np.ndarray, item_UK: np.ndarray, score_UK: np.ndarray) -> None:
    """Fill each user's list from his scores; −inf is not listed."""
    for user in range(scores_UI.shape[0]):
        items, scores = item_UK[user], score_UK[user]
        found = 0
        for item in range(scores_UI.shape[1]):
            found = _offered(scores, items, found, scores_UI[user, item], item)
        _put_in_order(scores, items, found)


@njit(cache=True)
def best_products(
    vectors: tuple[np.ndarray, np.ndarray],
    item_N: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray],
    listed: tuple[np.ndarray, np.ndarray],
) -> None:
    """Fill each user's list from vectors, as the C kernel of ``top_k.c`` does.

    Args:
        vectors: float32, U × D and I × D.
        item_N: int64, ascending: the items that may be listed.
        seen: int64, U + 1 offsets and S items, ascending within a user: not listed to him.
        listed: int32 and float32, U × K: items and scores, filled here.
    """
    user_UD, item_ID = vectors
    indptr, seen_S = seen
    item_UK, score_UK = listed
    num_users = user_UD.shape[0]
    found_U, next_U = np.zeros(num_users, np.int64), indptr[:-1].copy()
    for start in range(0, len(item_N), _TILE_ITEMS):
        tile_N = item_N[start : start + _TILE_ITEMS]
        for user in range(num_users):
            items, scores, found = item_UK[user], score_UK[user], found_U[user]
            left_S = seen_S[next_U[user] : indptr[user + 1]]
            num_passed, found_U[user] = _pass_tile(
                (user_UD[user], item_ID, tile_N), left_S, (items, scores), found
            )
            next_U[user] += num_passed
    for user in range(num_users):
        _put_in_order(score_UK[user], item_UK[user], found_U[user])


@njit(cache=True)
def _pass_tile(
    tile: tuple[np.ndarray, np.ndarray, np.ndarray],
    seen_S: np.ndarray,
    listed: tuple[np.ndarray, np.ndarray],
    found: int,
) -> tuple[int, int]:
    """Let a tile's items enter one user's heap: how many seen items were passed, its new size."""
    user_D, item_ID, item_N = tile
    items, scores = listed
    place = 0
    for item in item_N:
        score = _product(user_D, item_ID[item])
        if not _is_above(scores, found, score):
            continue
        while place < len(seen_S) and seen_S[place] < item:
            place += 1
        if place == len(seen_S) or seen_S[place] != item:
            found = _offered(scores, items, found, score, item)
    return place, found


# The sum's order is the compiler's, and the same for every pair.
@njit(cache=True, fastmath={"reassoc", "contract"})
def _product(user_D: np.ndarray, item_D: np.ndarray) -> np.float32:
    total = np.float32(0)
    for d in range(len(user_D)):
        total += user_D[d] * item_D[d]
    return total


@njit(cache=True)
def _is_above(scores: np.ndarray, found: int, score: float) -> bool:
    """Whether a score enters a heap; NaN does not."""
    if found < len(scores):
        return score > -np.inf
    return score > scores[0]


@njit(cache=True)
def _offered(scores: np.ndarray, items: np.ndarray, found: int, score: float, item: int) -> int:
    """Let an item enter if it is above; the heap's new size."""
    if not _is_above(scores, found, score):
        return found
    if found < len(scores):
        _rise(scores, items, found, score, item)
        return found + 1
    _sink(scores, items, found, score, item)
    return found


@njit(cache=True)
def _put_in_order(scores: np.ndarray, items: np.ndarray, found: int) -> None:
    """Make a heap a list, best first."""
    for last in range(found - 1, 0, -1):
        score, item = scores[last], items[last]
        scores[last], items[last] = scores[0], items[0]
        _sink(scores, items, last, score, item)


@njit(cache=True)
def _is_worse(score: float, item: int, than_score: float, than_item: int) -> bool:
    return score < than_score or (score == than_score and item > than_item)


@njit(cache=True)
def _rise(scores: np.ndarray, items: np.ndarray, place: int, score: float, item: int) -> None:
    """Put an item at the end of a heap whose root is its worst, and let it rise."""
    while place > 0:
        parent = (place - 1) // 2
        if not _is_worse(score, item, scores[parent], items[parent]):
            break
        scores[place], items[place] = scores[parent], items[parent]
        place = parent
    scores[place], items[place] = score, item


@njit(cache=True)
def _sink(scores: np.ndarray, items: np.ndarray, size: int, score: float, item: int) -> None:
    """Put an item in the root's place, and let it sink."""
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        other = child + 1
        if other < size and _is_worse(scores[other], items[other], scores[child], items[child]):
            child = other
        if not _is_worse(scores[child], items[child], score, item):
            break
        scores[place], items[place] = scores[child], items[child]
        place = child
    scores[place], items[place] = score, item
