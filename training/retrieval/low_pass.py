"""An ideal low-pass graph filter: a user's items seen through the graph's smoothest vectors.

The singular vectors of the normalised matrix R̃ = D_u^−½ R D_i^−½ with the largest values are the
graph's lowest frequencies; keeping R of them and none of the others is GF-CF's ideal filter (Shen
et al., CIKM 2021). Raising their values to a power between keeps more of the low ones, as the
linear filter R̃ᵀR̃ (power 2) does; several bandwidths are several sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import diags_array

from training.retrieval.eigen import normalised, strongest
from training.retrieval.interactions import Interactions
from training.retrieval.source import dense_products, packed, unpacked, without


@dataclass(frozen=True, kw_only=True, slots=True)
class LowPassConfig:
    """How wide the filter is, and how a history asks."""

    rank: int = 256
    """Vectors kept: the bandwidth."""
    value_power: float = 0.0
    """0: all kept vectors count alike; above, smooth ones count more."""
    from_power: float = 0.5
    """An item of d users asks by d^−from_power."""
    to_power: float = -0.5
    """An item of d users answers by d^−to_power."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class LowPass:
    """The vectors, their values, and the items' degrees."""

    vectors_IR: np.ndarray
    """float32, orthonormal columns."""
    values_R: np.ndarray
    """float32, at most 1, falling."""
    degree_I: np.ndarray
    """float32: users of each item."""
    config: LowPassConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Filter what each user touched: float32, U × I."""
        return dense_products(self, histories)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Say what each user touched by the kept vectors: float32, U × R."""
        degree = np.maximum(self.degree_I, 1)
        asked = histories.recent(self.config.recency)
        asked = asked @ diags_array((degree**-self.config.from_power).astype(np.float32))
        passed_UR = (asked @ self.vectors_IR) * self.values_R**self.config.value_power
        return without(passed_UR, histories.length_U == 0)

    def item_vectors(self) -> np.ndarray:
        """Let items answer by degree: float32, I × R."""
        answer_I = np.maximum(self.degree_I, 1) ** -self.config.to_power
        return self.vectors_IR * answer_I.astype(np.float32)[:, None]

    def save(self) -> dict[str, bytes]:
        """Write vectors, values, degrees and settings."""
        arrays = {"vectors": self.vectors_IR, "values": self.values_R, "degree": self.degree_I}
        return packed(arrays, self.config)


def fit(interactions: Interactions, *, config: LowPassConfig, seed: int) -> LowPass:
    """Find the smoothest vectors.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: The bandwidth.
        seed: Of the iteration's start.
    """
    values, vectors = strongest(normalised(interactions), rank=config.rank, seed=seed)
    degree_I = interactions.matrix().sum(axis=0).astype(np.float32)
    return LowPass(vectors, values, degree_I, config)


def load(files: Mapping[str, bytes]) -> LowPass:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, LowPassConfig)
    return LowPass(arrays["vectors"], arrays["values"], arrays["degree"], config)
