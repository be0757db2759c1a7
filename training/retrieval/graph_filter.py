"""A graph filter with a whole spectrum: the smoothest vectors by a power, the rest by its paths.

R̃ᵀR̃ of the normalised matrix R̃ = D_u^−½ R D_i^−½ has values λ = σ² from 1 down to 0. The linear
filter (Shen et al., CIKM 2021) answers with λ itself, which leaves little but what everybody
touches; ideal filters answer with 1 up to a bandwidth and forget the rest; sharpening by exp(−tλ)
(Choi et al., BSPM, SIGIR 2023) lies between. Here λ^p answers for the strongest vectors, and for
all behind them a share of the line through 0 and the last of these: R̃ᵀR̃ itself, which is sparse,
so that nothing of the spectrum is lost and nothing dense of items by items is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array

from training.retrieval.eigen import normalised, strongest
from training.retrieval.interactions import Interactions
from training.retrieval.products import in_blocks
from training.retrieval.source import packed, sparse_arrays, sparse_of, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphFilterConfig:
    """What the filter lets pass, and how a history asks."""

    rank: int = 900
    """Vectors that pass by the power; all others by the line."""
    pass_power: float = 0.25
    """p: a vector of value λ passes by λ^p. 0 is the ideal filter, 1 the linear one."""
    rest_share: float = 0.5
    """How much passes of what is behind the strongest, 1 being as much as the last of these."""
    from_power: float = 0.5
    """An item of d users asks by d^−from_power."""
    to_power: float = -0.5
    """An item of d users answers by d^−to_power."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class GraphFilter:
    """R̃ᵀR̃, its strongest vectors and their values, and the items' degrees."""

    paths_II: csr_array
    """float32."""
    vectors_IR: np.ndarray
    """float32, orthonormal columns."""
    values_R: np.ndarray
    """float32: λ, at most 1, falling."""
    degree_I: np.ndarray
    """float32: users of each item."""
    config: GraphFilterConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Filter what each user touched: float32, U × I."""
        degree_I = np.maximum(self.degree_I, 1)
        asked = histories.recent(self.config.recency)
        asked = csr_array(asked @ diags_array(degree_I**-self.config.from_power), dtype=np.float32)
        slope, above_R = self._passes()
        found = in_blocks((asked @ self.vectors_IR) * above_R, self.vectors_IR.T)
        found += (asked @ self.paths_II).toarray() * slope
        found *= (degree_I**-self.config.to_power).astype(np.float32)
        found[histories.length_U == 0] = -np.inf
        return found

    def _passes(self) -> tuple[np.float32, np.ndarray]:
        """The line's slope, and how much each strong vector passes above it: float32, R."""
        if not len(self.values_R):
            return np.float32(1), self.values_R
        value_R = np.maximum(self.values_R, np.finfo(np.float32).tiny)
        pass_R = value_R**self.config.pass_power
        slope = self.config.rest_share * pass_R[-1] / value_R[-1]
        return slope, pass_R - slope * value_R

    def save(self) -> dict[str, bytes]:
        """Write paths, vectors, values, degrees and settings."""
        arrays = {"vectors": self.vectors_IR, "values": self.values_R, "degree": self.degree_I}
        return packed(sparse_arrays(self.paths_II) | arrays, self.config)


def fit(interactions: Interactions, *, config: GraphFilterConfig, seed: int) -> GraphFilter:
    """Find the paths and the smoothest vectors.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: How many vectors.
        seed: Of the iteration's start.
    """
    normal = normalised(interactions)
    values, vectors = strongest(normal, rank=config.rank, seed=seed)
    paths = csr_array(normal.T @ normal, dtype=np.float32)
    paths.sort_indices()
    degree_I = interactions.matrix().sum(axis=0).astype(np.float32)
    return GraphFilter(paths, vectors, values**2, degree_I, config)


def load(files: Mapping[str, bytes]) -> GraphFilter:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, GraphFilterConfig)
    found = (arrays["vectors"], arrays["values"], arrays["degree"])
    return GraphFilter(sparse_of(arrays), *found, config)
