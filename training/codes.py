"""Codes of ids that are too many to give each a vector: frequent ones have their own.

Code 0 is unknown: rare, or not there when the codes were fitted. With ``num_hashed`` such ids share
that many codes by a hash instead, which tells a part of them apart (Weinberger et al., ICML 2009);
missing stays 0. Words are codes already where they are encoded (``training.encode``).

Shapes: N rows, K known ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.lookup import find

MISSING: Final = -1
"""The id of nothing."""
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodesConfig:
    """Which ids are worth a code of their own."""

    min_count: int = 10
    """Rows in which an id must occur."""
    max_known: int = 200_000
    """Ids that have their own code, the most frequent first; ties by the id."""
    num_hashed: int = 0
    """Codes shared by all others."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Fitted codes: 0, then those of known ids, then the shared ones."""

    known_K: np.ndarray
    """int64, ascending; the code of place k is k + 1."""
    num_hashed: int

    @property
    def size(self) -> int:
        """Codes there are."""
        return 1 + len(self.known_K) + self.num_hashed

    def of(self, id_N: np.ndarray) -> np.ndarray:
        """Codes of ids: int32, of any shape.

        Args:
            id_N: int64, not negative, or ``MISSING``.
        """
        place_N = find(self.known_K, id_N)
        return np.where(place_N >= 0, place_N + 1, self._others(id_N)).astype(np.int32)

    def _others(self, id_N: np.ndarray) -> np.ndarray:
        if not self.num_hashed:
            return np.zeros_like(id_N)
        mixed_N = (id_N.astype(np.uint64) * _GOLDEN) >> np.uint64(32)
        shared_N = (mixed_N % np.uint64(self.num_hashed)).astype(np.int64)
        return np.where(id_N == MISSING, 0, 1 + len(self.known_K) + shared_N)


def fit(blocks: Iterable[np.ndarray], config: CodesConfig) -> Codes:
    """Count the ids of all blocks, int64 of any shape, and keep the frequent ones."""
    ids, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for block in blocks:
        found, times = np.unique(block, return_counts=True)
        both, place = np.unique(np.concatenate([ids, found]), return_inverse=True)
        weights = np.concatenate([counts, times])
        ids, counts = both, np.bincount(place, weights, len(both)).astype(np.int64)
    is_frequent = (counts >= config.min_count) & (ids != MISSING)
    ids, counts = ids[is_frequent], counts[is_frequent]
    kept = ids[np.lexsort((ids, -counts))][: config.max_known]
    return Codes(np.sort(kept), config.num_hashed)
