"""Candidates of several sources side by side: who proposed what, at which rank, with which score.

Shapes: U users, S sources, K places of a source's list, N candidates of all users, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import run_starts
from training.retrieval.source import Lists

_OFFSET: Final = 2.0
"""Added to ranks before their logarithm: the first few places differ less than by Zipf's law."""
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Pool:
    """N candidates, sorted by user, then item."""

    user_N: np.ndarray
    """int64, 0 … num_users − 1."""
    item_N: np.ndarray
    """int64."""
    rank_SN: np.ndarray
    """int16, from 0; ``depth`` where the source did not propose it."""
    score_SN: np.ndarray
    """float32, the source's own; NaN where it did not propose it."""
    height_SN: np.ndarray
    """float32: 1 at the head of the source's list, 0 at its end and below."""
    num_users: int
    depth: int

    def __len__(self) -> int:
        return len(self.user_N)

    @property
    def start_N(self) -> np.ndarray:
        """Where the candidates of each user that has some begin."""
        return np.flatnonzero(run_starts(self.user_N))

    def taken(self, rows: np.ndarray) -> "Pool":
        """Some candidates, in ascending order."""
        parts = (self.rank_SN[:, rows], self.score_SN[:, rows], self.height_SN[:, rows])
        return Pool(self.user_N[rows], self.item_N[rows], *parts, self.num_users, self.depth)

    def features(self) -> np.ndarray:
        """What weights apply to, for each source log-rank and height, all 0 below: float32, 2S × N.

        A product of Zipf's laws of several ranks is a weighted sum of their logarithms.
        """
        least = np.log(self.depth + _OFFSET)
        ranks = (least - np.log(self.rank_SN + _OFFSET)).astype(np.float32)
        return np.concatenate([ranks, self.height_SN])


def pool(lists: Sequence[Lists], *, depth: int) -> Pool:
    """Put the first ``depth`` candidates of each source's lists together.

    Args:
        lists: Of the same users, one a source.
        depth: Places of each list that are read.
    """
    num_users = len(lists[0].item_UK)
    keys = [_keys(one, depth) for one in lists]
    distinct, place = np.unique(np.concatenate(keys), return_inverse=True)
    places = np.split(place, np.cumsum([len(one) for one in keys])[:-1])
    rank_SN = np.full((len(lists), len(distinct)), depth, np.int16)
    score_SN = np.full(rank_SN.shape, np.nan, np.float32)
    height_SN = np.zeros(rank_SN.shape, np.float32)
    for source, (one, at) in enumerate(zip(lists, places, strict=True)):
        is_there = one.item_UK[:, :depth] >= 0
        rank_SN[source, at] = np.nonzero(is_there)[1]
        score_SN[source, at] = one.score_UK[:, :depth][is_there]
        height_SN[source, at] = _heights(one.score_UK[:, :depth], is_there)
    user_N, item_N = distinct >> 32, distinct & 0xFFFFFFFF
    return Pool(user_N, item_N, rank_SN, score_SN, height_SN, num_users, depth)


def _keys(lists: Lists, depth: int) -> np.ndarray:
    item = lists.item_UK[:, :depth].astype(np.int64)
    return (np.arange(len(item), dtype=np.int64)[:, None] << 32 | item)[item >= 0]


def _heights(score_UK: np.ndarray, is_there_UK: np.ndarray) -> np.ndarray:
    top_U = score_UK[:, 0]
    bottom_U = np.where(is_there_UK, score_UK, np.inf).min(axis=1)
    row = np.nonzero(is_there_UK)[0]
    above = score_UK[is_there_UK] - bottom_U[row]
    return above / (top_U[row] - bottom_U[row] + _TINY)
