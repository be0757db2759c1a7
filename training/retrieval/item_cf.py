"""Item-CF: items that the same users touched, by cosine, each item's nearest kept.

Neighbours come from similaripy (Sarwar et al., WWW 2001, with shrinkage and a power on the norms as
in Bellogín et al.); here a user's history asks for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import similaripy
from scipy.sparse import csr_array, csr_matrix, diags_array

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense, packed, sparse_arrays, sparse_of, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemCfConfig:
    """Which neighbours are kept, and how a history asks for them."""

    num_neighbours: int = 500
    """Neighbours kept of one item."""
    shrink: float = 5.0
    """Added to the norms: against pairs of few users."""
    user_power: float = 0.5
    """A user of n items weighs n^−user_power."""
    similarity_power: float = 1.0
    """To which power similarities are raised before they are summed."""
    recency: float = 0.7
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class ItemCf:
    """Similarities of each item's nearest."""

    similarity_II: csr_array
    """float32: row a holds a's neighbours."""
    config: ItemCfConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum similarities with what each user touched: float32, U × I."""
        return dense(histories.recent(self.config.recency) @ self.similarity_II)

    def save(self) -> dict[str, bytes]:
        """Write the neighbours and the settings."""
        return packed(sparse_arrays(self.similarity_II), self.config)


def fit(interactions: Interactions, *, config: ItemCfConfig, seed: int) -> ItemCf:
    """Find each item's nearest.

    Args:
        interactions: Histories, ordered or not.
        config: Which neighbours are kept.
        seed: Not needed: nothing is drawn.
    """
    del seed
    touched = interactions.matrix()
    num_items_U = np.maximum(touched.sum(axis=1), 1)
    scaled = diags_array(num_items_U ** (-config.user_power)) @ touched
    # similaripy fails on empty rows.
    users, items = (np.flatnonzero(touched.sum(axis=axis)) for axis in (1, 0))
    if not len(items):
        return ItemCf(csr_array((interactions.num_items,) * 2, dtype=np.float32), config)
    scaled = csr_array(scaled)[users][:, items]
    nearest = similaripy.cosine(
        csr_matrix(scaled.T.astype(np.float32)),
        k=min(config.num_neighbours, len(items)),
        shrink=config.shrink * float(np.mean(scaled.data**2)),
        verbose=False,
        num_threads=1,
        format_output="csr",
    )
    similarity = _placed(nearest, items, interactions.num_items)
    similarity.data **= config.similarity_power
    return ItemCf(similarity, config)


def load(files: Mapping[str, bytes]) -> ItemCf:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, ItemCfConfig)
    return ItemCf(sparse_of(arrays), config)


def _placed(nearest: csr_matrix, items: np.ndarray, num_items: int) -> csr_array:
    """Put similarities of some items in their places among all, each item's own left out."""
    row = np.repeat(np.arange(len(items)), np.diff(nearest.indptr))
    kept = row != nearest.indices
    num_near = np.bincount(items[row[kept]], minlength=num_items)
    indptr = np.r_[0, np.cumsum(num_near)].astype(np.int64)
    parts = (nearest.data[kept].astype(np.float32), items[nearest.indices[kept]], indptr)
    return csr_array(parts, shape=(num_items, num_items))
