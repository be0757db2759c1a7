"""Popularity: how many users touched an item. What every other source must beat.

Nothing is asked of a history, so that everybody gets the same list but for what he knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.retrieval.interactions import Interactions
from training.retrieval.source import packed, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class MostTouchedConfig:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class MostTouched:
    """Users by item."""

    num_users_I: np.ndarray
    """float32: distinct users."""

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Score every item by its users: float32, U × I."""
        return np.tile(self.num_users_I, (len(histories), 1))

    def save(self) -> dict[str, bytes]:
        """Write the counts."""
        return packed({"num_users": self.num_users_I}, MostTouchedConfig())


def fit(interactions: Interactions, *, config: MostTouchedConfig, seed: int) -> MostTouched:
    """Count the distinct users of each item."""
    del config, seed
    return MostTouched(interactions.matrix().sum(axis=0).astype(np.float32))


def load(files: Mapping[str, bytes]) -> MostTouched:
    """Read what ``save`` wrote."""
    arrays, _ = unpacked(files, MostTouchedConfig)
    return MostTouched(arrays["num_users"])
