"""Directed co-visitation: where people went on to from what a user touched last.

A pair a → b counts by how many steps lie between, b → a by a share of that; the user's own items
ask by how long ago he touched them. The night's table of the same is
``training.retrieval.covisitation``; here whole histories are counted at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense, packed, sparse_arrays, sparse_of, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class OnwardConfig:
    """How pairs are weighed, and how a history asks for them."""

    window: int = 5
    """Most steps from one item of a pair to the other."""
    gap_power: float = 1.0
    """A pair of g steps weighs g^−gap_power."""
    back: float = 0.3
    """Weight of the way back, b → a, beside the way on, a → b."""
    age_decay: float = 1.0
    """A pair weighs age_decay^(steps from its later item to the user's newest)."""
    from_power: float = 0.0
    """How far an item's ways are divided by their sum: 0 not at all, 1 wholly."""
    to_power: float = 0.0
    """How far ways are divided by the sum of all that lead to the same item."""
    recency: float = 0.6
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class Onward:
    """Weights of the ways from item to item."""

    ways_II: csr_array
    """float32: row a holds the ways a → b, before any is divided."""
    config: OnwardConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum the ways from what each user touched: float32, U × I."""
        config = self.config
        out = _power(self.ways_II.sum(axis=1), config.from_power)
        into = _power(self.ways_II.sum(axis=0), config.to_power)
        asked = histories.recent(config.recency) @ diags_array(out)
        return dense(asked @ self.ways_II @ diags_array(into))

    def save(self) -> dict[str, bytes]:
        """Write the ways and the settings."""
        return packed(sparse_arrays(self.ways_II), self.config)


def fit(interactions: Interactions, *, config: OnwardConfig, seed: int) -> Onward:
    """Count the pairs of every history.

    Args:
        interactions: Ordered histories.
        config: How pairs are weighed.
        seed: Not needed: nothing is drawn.
    """
    del seed
    num_items = interactions.num_items
    ways = csr_array((num_items, num_items), dtype=np.float32)
    for first, then, weight in _pairs(interactions, config):
        found = coo_array((weight, (first, then)), shape=ways.shape).tocsr()
        ways = ways + found + config.back * found.T
    return Onward(csr_array(ways, dtype=np.float32), config)


def load(files: Mapping[str, bytes]) -> Onward:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, OnwardConfig)
    return Onward(sparse_of(arrays), config)


def _pairs(
    interactions: Interactions, config: OnwardConfig
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    row, item, age = interactions.row_N, interactions.item_N, interactions.steps_back_N
    for gap in range(1, min(config.window, max(len(item) - 1, 0)) + 1):
        is_pair = (row[:-gap] == row[gap:]) & (item[:-gap] != item[gap:])
        weight = config.age_decay ** age[gap:][is_pair] / gap**config.gap_power
        yield item[:-gap][is_pair], item[gap:][is_pair], weight.astype(np.float32)


def _power(sum_I: np.ndarray, power: float) -> np.ndarray:
    """Sum^−power, 0 where nothing is summed."""
    safe = np.where(sum_I > 0, sum_I, 1)
    return np.where(sum_I > 0, safe**-power, 0).astype(np.float32)
