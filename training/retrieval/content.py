"""Content: items whose attributes are like those of what a user touched.

Attributes weigh by how rare they are (TF-IDF; Salton, Buckley, 1988) and are pressed into a few
numbers by singular vectors (latent semantic analysis; Deerwester et al., 1990). An item that nobody
has touched is found like any other; where nothing is known of the items, nothing is proposed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array

from training.retrieval.eigen import strongest
from training.retrieval.interactions import Interactions
from training.retrieval.source import dense_products, packed, unpacked, without


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentConfig:
    """How items are described, and how a history asks."""

    num_factors: int = 128
    """Length of a vector."""
    recency: float = 0.7
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class Content:
    """The items' vectors; 0 for an item without attributes."""

    vectors_ID: np.ndarray
    """float32, of length 1."""
    config: ContentConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum cosines with what each user touched: float32, U × I."""
        return dense_products(self, histories)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Sum the vectors of what each user touched: float32, U × D."""
        asked_UD = histories.recent(self.config.recency) @ self.vectors_ID
        return without(asked_UD, np.count_nonzero(asked_UD, axis=1) == 0)

    def item_vectors(self) -> np.ndarray:
        """Say the items' vectors, where something is known of them: float32, I × D."""
        return without(self.vectors_ID, np.count_nonzero(self.vectors_ID, axis=1) == 0)

    def save(self) -> dict[str, bytes]:
        """Write the vectors and the settings."""
        return packed({"vectors": self.vectors_ID}, self.config)


def fit(interactions: Interactions, *, config: ContentConfig, seed: int) -> Content:
    """Describe the items by their attributes; who touched them is not asked.

    Args:
        interactions: Of which only the items' attributes are read.
        config: How items are described.
        seed: Of the vectors' iteration.
    """
    found_IR = vectors(interactions, rank=config.num_factors, seed=seed)
    return Content(found_IR, config)


def load(files: Mapping[str, bytes]) -> Content:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, ContentConfig)
    return Content(arrays["vectors"], config)


def vectors(interactions: Interactions, *, rank: int, seed: int) -> np.ndarray:
    """Press the items' attributes into a few numbers.

    Args:
        interactions: Of which only the items' attributes are read.
        rank: R at most: numbers an item.
        seed: Of the vectors' iteration.

    Returns:
        float32, I × R, of length 1; 0 for an item without attributes.
    """
    attributes = interactions.attribute_IA
    if attributes is None:
        return np.zeros((interactions.num_items, rank), np.float32)
    num_items_A = np.maximum(attributes.sum(axis=0), 1)
    rarity_A = np.log(interactions.num_items / num_items_A).astype(np.float32)
    weighted = csr_array(attributes @ diags_array(rarity_A), dtype=np.float32)
    _, vectors_AR = strongest(weighted, rank=rank, seed=seed)
    found_IR = weighted @ vectors_AR
    length = np.linalg.norm(found_IR, axis=1, keepdims=True)
    found_IR = np.where(length > 0, found_IR / np.maximum(length, 1e-12), 0)
    return found_IR.astype(np.float32)
