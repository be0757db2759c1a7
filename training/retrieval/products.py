"""Products of users' and items' vectors that do not depend on who else is asked for.

BLAS rounds a row by the shape that it stands in; here every product is summed in the order of the
vector's numbers, so that a user scores the same bits alone and in any block.
Shapes: U users, I items, D width.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numba import njit

_TILE: Final = 1024
"""Items at once: their sums stay in the nearest cache."""
_BLOCK: Final = 64
"""Users at once: a multiple of the rows that BLAS computes together."""


def products(users_UD: np.ndarray, items_ID: np.ndarray) -> np.ndarray:
    """Multiply every user with every item: float32, U × I, the caller's to write to."""
    scores_UI = np.zeros((len(users_UD), len(items_ID)), np.float32)
    items_DI = np.ascontiguousarray(items_ID.T, np.float32)
    add_products(np.ascontiguousarray(users_UD, np.float32), items_DI, scores_UI)
    return scores_UI


def in_blocks(users_UD: np.ndarray, items_DI: np.ndarray) -> np.ndarray:
    """Multiply likewise by BLAS, in blocks of one shape: float32, U × I.

    Several times as fast as ``products`` for wide vectors. The last block is filled up with nobody,
    so that a user's row is computed alike wherever he stands; where this processor's BLAS rounds
    rows of one block differently, as OpenBLAS does with AVX2, ``products`` does it instead.
    """
    if not _is_alike(*items_DI.shape):
        return products(users_UD, items_DI.T)
    scores_UI = np.empty((len(users_UD), items_DI.shape[1]), np.float32)
    block_BD = np.zeros((_BLOCK, users_UD.shape[1]), np.float32)
    for start in range(0, len(users_UD), _BLOCK):
        own = users_UD[start : start + _BLOCK]
        block_BD[: len(own)] = own
        scores_UI[start : start + _BLOCK] = (block_BD @ items_DI)[: len(own)]
    return scores_UI


@lru_cache(maxsize=64)
def _is_alike(width: int, num_items: int) -> bool:
    """Find out whether BLAS gives the same user the same bits on every row of a block."""
    rng = np.random.default_rng(0)
    block_BD = np.tile(rng.standard_normal(width, np.float32), (_BLOCK, 1))
    scores_BI = block_BD @ rng.standard_normal((width, num_items), np.float32)
    return bool((scores_BI == scores_BI[:1]).all())


@njit(cache=True)
def add_products(users_UD: np.ndarray, items_DI: np.ndarray, scores_UI: np.ndarray) -> None:
    """Add to ``scores_UI``, for use within compiled code: all float32 and contiguous."""
    num_items = items_DI.shape[1]
    for start in range(0, num_items, _TILE):
        stop = min(start + _TILE, num_items)
        for user in range(users_UD.shape[0]):
            scores_I = scores_UI[user, start:stop]
            for d in range(items_DI.shape[0]):
                weight, items_I = users_UD[user, d], items_DI[d, start:stop]
                for item in range(stop - start):
                    scores_I[item] += weight * items_I[item]
