"""Slates as the shop shows them: items by place with their propensities, and the coin of chance.

Shapes: U users, S users with a slate, K places, P items of a pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.day import NONE


@dataclass(frozen=True, slots=True)
class Slates:
    """Slates of one surface for some of the users."""

    row_U: np.ndarray
    """int64: each user's row; ``NONE`` for users without a slate."""
    item_SK: np.ndarray
    """int32: items by place, without gaps; ``NONE`` behind the last."""
    propensity_SK: np.ndarray
    """float64, (0, 1]: P(item here | user, day, earlier places)."""

    def has(self, users: np.ndarray) -> np.ndarray:
        """Tell which users have a slate with an item: bool."""
        row = self.row_U[users]
        if len(self.item_SK) == 0:
            return np.zeros(len(row), bool)
        return (row != NONE) & (self.item_SK[row, 0] != NONE)


BySurface = Mapping[int, Slates]
"""Slates by surface, as places in ``etl.surfaces.ALL``."""


def toss(
    list_SK: np.ndarray, pool_SP: np.ndarray, *, rate: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give each place to its entry or, by a coin, to chance (DESIGN §6).

    At each place that has an entry the coin shows heads with probability ``rate``; then one item is
    drawn uniformly from those of the pool that were not drawn before. Where none is left, the entry
    stays for sure.

    Args:
        list_SK: int, the entries; ``NONE`` behind the last.
        pool_SP: int, what may be drawn, nothing of it in the list; ``NONE`` anywhere.
        rate: Of the coin, in [0, 1).
        rng: Throws it.

    Returns:
        item_SK: as ``list_SK``, int32.
        propensity_SK: float64, P(item here | earlier places); 1 where there is none.
    """
    size_S = (pool_SP != NONE).sum(axis=1)
    heads_SK = (rng.random(list_SK.shape, np.float32) < rate) & (list_SK != NONE)
    drawn_SK = np.cumsum(heads_SK, axis=1, dtype=np.int32) - heads_SK
    left_SK = size_S[:, None] - drawn_SK
    row, place = np.nonzero(heads_SK & (left_SK > 0))
    mixed_SP = rng.permuted(pool_SP, axis=1)
    in_order = mixed_SP[mixed_SP != NONE]
    first_S = np.cumsum(size_S) - size_S
    item_SK = list_SK.astype(np.int32)
    item_SK[row, place] = in_order[first_S[row] + drawn_SK[row, place]]
    propensity_SK = np.where((left_SK > 0) & (list_SK != NONE), 1 - rate, 1.0)
    propensity_SK[row, place] = rate / left_SK[row, place]
    return item_SK, propensity_SK
