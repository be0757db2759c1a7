"""User-CF: what the users most like this one touched (kNN by cosine; Breese et al., UAI 1998).

An item weighs less the more users have it, or everybody is alike by the bestsellers. Whoever asks
is compared by history alone; his own row of the fit brings only what he knows already.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense, packed, sparse_arrays, sparse_of, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class UserCfConfig:
    """Who is alike, and how they speak."""

    num_neighbours: int = 200
    """Users listened to."""
    item_power: float = 0.5
    """An item of d users weighs d^−item_power in the likeness."""
    likeness_power: float = 2.0
    """To which power a likeness is raised before it weighs."""
    to_power: float = 0.0
    """An answer of d users is divided by d^to_power."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class UserCf:
    """Who touched what."""

    touched_VI: csr_array
    """float32 ones: the users of the fit."""
    config: UserCfConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum likenesses of who touched an item: float32, U × I."""
        config = self.config
        degree = np.maximum(self.touched_VI.sum(axis=0), 1)
        weight = diags_array((degree**-config.item_power).astype(np.float32))
        asked = histories.recent(config.recency) @ weight
        theirs = self.touched_VI @ weight
        norm_V = np.sqrt(np.maximum(theirs.multiply(theirs).sum(axis=1), 1e-12))
        like_UV = (asked @ theirs.T).toarray() / norm_V.astype(np.float32)
        near = _strongest(like_UV, config.num_neighbours)
        # Likenesses are taken to each user's largest, or a power would drown the sums.
        most = np.repeat(like_UV.max(axis=1, initial=0), np.diff(near.indptr))
        near.data = (near.data / np.maximum(most, 1e-12)) ** config.likeness_power
        answers = near.astype(np.float32) @ self.touched_VI
        return dense(answers @ diags_array((degree**-config.to_power).astype(np.float32)))

    def save(self) -> dict[str, bytes]:
        """Write who touched what and the settings."""
        return packed(sparse_arrays(self.touched_VI), self.config)


def fit(interactions: Interactions, *, config: UserCfConfig, seed: int) -> UserCf:
    """Remember who touched what; nothing is learned, nothing drawn."""
    del seed
    return UserCf(interactions.matrix(), config)


def load(files: Mapping[str, bytes]) -> UserCf:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, UserCfConfig)
    return UserCf(sparse_of(arrays), config)


def _strongest(like_UV: np.ndarray, num: int) -> csr_array:
    """Keep each row's largest values above 0; of equal ones at the edge all."""
    num = min(num, like_UV.shape[1])
    if not num:
        return csr_array(like_UV)
    edge = np.partition(like_UV, -num, axis=1)[:, -num, None]
    return csr_array(np.where((like_UV >= edge) & (like_UV > 0), like_UV, 0))
