"""item2vec: Word2vec over histories (Barkan, Koenigstein, MLSP 2016), with gensim.

gensim comes with the networks' lock; without it the source is skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense_products, packed, unpacked, without


@dataclass(frozen=True, kw_only=True, slots=True)
class Item2vecConfig:
    """Gensim's settings, and how a history asks."""

    num_factors: int = 64
    """Length of a vector."""
    window: int = 5
    """Steps looked at to both sides."""
    num_negatives: int = 10
    """Items drawn against each that was there."""
    negative_power: float = 0.0
    """Items of d users are drawn by d^negative_power."""
    num_epochs: int = 10
    """Times that all histories are read."""
    recency: float = 0.6
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class Item2vec:
    """The items' vectors; 0 for an item of no history."""

    vectors_ID: np.ndarray
    """float32, of length 1."""
    config: Item2vecConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum cosines with what each user touched: float32, U × I."""
        return dense_products(self, histories)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Sum the vectors of what each user touched: float32, U × D."""
        asked_UD = histories.recent(self.config.recency) @ self.vectors_ID
        return without(asked_UD, histories.length_U == 0)

    def item_vectors(self) -> np.ndarray:
        """Say the items' vectors, where somebody touched them: float32, I × D."""
        return without(self.vectors_ID, np.count_nonzero(self.vectors_ID, axis=1) == 0)

    def save(self) -> dict[str, bytes]:
        """Write the vectors and the settings."""
        return packed({"vectors": self.vectors_ID}, self.config)


def fit(interactions: Interactions, *, config: Item2vecConfig, seed: int) -> Item2vec:
    """Read histories as sentences, on one thread, as more would not repeat themselves.

    Args:
        interactions: Ordered histories.
        config: gensim's settings.
        seed: Of the vectors' start and of what is drawn.
    """
    from gensim.models import Word2Vec

    histories = np.split(interactions.item_N, interactions.indptr[1:-1])
    sentences = [list(map(str, items)) for items in histories if len(items)]
    vectors = np.zeros((interactions.num_items, config.num_factors), np.float32)
    if not sentences:
        return Item2vec(vectors, config)
    model = Word2Vec(
        sentences,
        vector_size=config.num_factors,
        window=config.window,
        sg=1,
        negative=config.num_negatives,
        ns_exponent=config.negative_power,
        min_count=1,
        epochs=config.num_epochs,
        workers=1,
        seed=seed,
    )
    known = np.array(model.wv.index_to_key, np.int64)
    length = np.linalg.norm(model.wv.vectors, axis=1, keepdims=True)
    vectors[known] = model.wv.vectors / np.maximum(length, 1e-12)
    return Item2vec(vectors, config)


def load(files: Mapping[str, bytes]) -> Item2vec:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, Item2vecConfig)
    return Item2vec(arrays["vectors"], config)
