"""A linear graph filter of three hops: items of users who touched what this user touched.

Score of i: Σ over his items j and their users v of d_j^−a · d_v^−b · d_i^−c, d being how many
touched or were touched. It is the propagation of link probabilities of Fu et al. (LinkProp, WWW
2022), and with all powers a half the linear part of GF-CF (Shen et al., CIKM 2021); the power on a
sum of paths is Turbo-CF's (Park et al., SIGIR 2024). Nothing is learned but counts; the powers are
settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense, packed, sparse_arrays, sparse_of, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class PropagationConfig:
    """How far degrees are divided away, and how a history asks."""

    from_power: float = 0.5
    """a: of the user's own items."""
    user_power: float = 0.7
    """b: of those who touched them too."""
    to_power: float = 0.3
    """c: of what these touched."""
    paths_power: float = 1.0
    """To which power the sum of paths between two items is raised: above 1, many count more."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class Propagation:
    """Paths from item to item through users, and the items' degrees."""

    paths_II: csr_array
    """float32: Σ_v d_v^−b over the users of both."""
    degree_I: np.ndarray
    """float32: users of each item."""
    config: PropagationConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum the paths from what each user touched: float32, U × I."""
        degree = np.maximum(self.degree_I, 1)
        asked = histories.recent(self.config.recency)
        asked = asked @ diags_array(degree**-self.config.from_power)
        found = dense(csr_array(asked, dtype=np.float32) @ self.paths_II)
        # −inf stays −inf: the factor is above 0.
        found *= (degree**-self.config.to_power).astype(np.float32)
        return found

    def save(self) -> dict[str, bytes]:
        """Write paths, degrees and settings."""
        arrays = sparse_arrays(self.paths_II) | {"degree": self.degree_I}
        return packed(arrays, self.config)


def fit(interactions: Interactions, *, config: PropagationConfig, seed: int) -> Propagation:
    """Count the paths.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: The powers.
        seed: Not needed: nothing is drawn.
    """
    del seed
    touched = interactions.matrix()
    degree_U = np.maximum(touched.sum(axis=1), 1)
    scaled = diags_array((degree_U**-config.user_power).astype(np.float32)) @ touched
    paths = csr_array(touched.T @ scaled, dtype=np.float32)
    paths.sort_indices()
    paths.data **= config.paths_power
    return Propagation(paths, touched.sum(axis=0).astype(np.float32), config)


def load(files: Mapping[str, bytes]) -> Propagation:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, PropagationConfig)
    return Propagation(sparse_of(arrays), arrays["degree"], config)
