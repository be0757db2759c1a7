"""Makes retrieval/weights: how much each source's ranks count for a user, by group of users.

A candidate's fused score is Σ weight / (offset + rank) over its sources. The weights are those of a
conditional logit (McFadden, 1973): the chance that a visitor goes to a candidate is the softmax of
such sums over all that was proposed to him, learned from what visitors of the last days did. Held
near the weights of the configuration, a group's near those of all: few visits change little.

Shapes: U users, N candidates, S sources, G groups, W items visited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize_scalar

from etl.arrow import flat_lists
from etl.tables.retrieval import SOURCE_CODES
from training.lookup import find, key
from training.retrieval import user_groups
from training.retrieval.mixing_weights import by_group, logit

_MOST: Final = 1e3
"""Largest stretch of the configured weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsConfig:
    """From how much weights are learned."""

    num_days: int = 7
    """Days of visitors."""
    min_users: int = 50
    """Visitors that went to something proposed, below which the configured weights stay."""
    pull: float = 30.0
    """Pull of all users' weights to the configured ones, in users' worth."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """N candidates of U visitors, sorted by user and item, with the ranks they had."""

    user_N: np.ndarray
    """int64."""
    item_N: np.ndarray
    """int64: item_no."""
    rank_SN: np.ndarray
    """float32, from 1; infinite where the source did not propose it."""
    is_visited_N: np.ndarray
    """bool."""
    num_visits_U: np.ndarray
    """int64: visits known on the evening before."""
    visitor_W: np.ndarray
    """int64, ascending: who visited, for each of the W items visited, proposed or not."""
    visited_W: np.ndarray
    """int64: item_no."""

    @property
    def num_visited_U(self) -> np.ndarray:
        """int64: items that each visited."""
        return np.bincount(self.visitor_W, minlength=len(self.num_visits_U))

    @classmethod
    def of(cls, rows: pa.Table, sources: Sequence[str]) -> "Proposed":
        """Take rows of ``tables.PROPOSALS`` apart, in the order of the sources given."""
        user_N, items = flat_lists(rows.column("items"))
        item_N = items.field("item_no").to_numpy().astype(np.int64)
        candidate_P, proposal = flat_lists(items.field("proposals"))
        code = proposal.field("source").to_numpy()
        place = np.full(int(max(SOURCE_CODES.values())) + 1, -1)
        place[[SOURCE_CODES[name] for name in sources]] = np.arange(len(sources))
        rank_SN = np.full((len(sources), len(user_N)), np.inf, np.float32)
        told = place[code] >= 0
        rank = proposal.field("rank").to_numpy()
        rank_SN[place[code[told]], candidate_P[told]] = rank[told]
        row, visited = flat_lists(rows.column("visited"))
        visited_W = visited.to_numpy().astype(np.int64)
        wanted = np.sort(key(row, visited_W))
        return cls(
            user_N,
            item_N,
            rank_SN,
            find(wanted, key(user_N, item_N)) >= 0,
            rows.column("num_visits").to_numpy().astype(np.int64),
            row,
            visited_W,
        )

    def features(self, rank_offset: float) -> np.ndarray:
        """1 / (offset + rank), 0 where not proposed: float32, S × N."""
        return (1 / (np.float32(rank_offset) + self.rank_SN)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of sources, by group of users."""

    weight_GS: np.ndarray
    """float64, not below 0."""
    num_users: int
    """Visitors that they were learned from; 0 where they are the configured ones."""


def fit(
    proposed: Proposed, given: Mapping[str, float], *, rank_offset: float, config: WeightsConfig
) -> Weights:
    """Learn weights, on the scale of the configured ones.

    Args:
        proposed: What was proposed to visitors, sources in the order of ``given``.
        given: The configured weights.
        rank_offset: Added to each rank before it is inverted.
        config: From how much is learned.
    """
    num_groups = len(user_groups.NAMES)
    given_S = np.array(list(given.values()))
    has_found_U = np.bincount(proposed.user_N, proposed.is_visited_N, len(proposed.num_visits_U))
    used = (has_found_U > 0)[proposed.user_N]
    num_users = int((has_found_U > 0).sum())
    if num_users < config.min_users:
        return Weights(np.tile(given_S, (num_groups, 1)), 0)
    features_SN = proposed.features(rank_offset)[:, used]
    user_N, is_visited_N = proposed.user_N[used], proposed.is_visited_N[used]
    features_SN *= np.float32(_stretch(given_S @ features_SN, user_N, is_visited_N))
    common_S = logit(features_SN, user_N, is_visited_N, near_F=given_S, pull=config.pull)
    group_N = user_groups.codes(proposed.num_visits_U)[user_N]
    common_GS = [common_S] * num_groups
    learned = by_group(features_SN, user_N, is_visited_N, group_N=group_N, common_GF=common_GS)
    return Weights(learned, num_users)


def _stretch(score_N: np.ndarray, user_N: np.ndarray, is_visited_N: np.ndarray) -> float:
    """How far the configured weights are to be stretched to be logarithms of odds."""
    start = np.flatnonzero(np.r_[True, user_N[1:] != user_N[:-1]])
    lengths = np.diff(np.r_[start, len(user_N)])
    share_N = is_visited_N / np.repeat(np.add.reduceat(is_visited_N, start), lengths)
    score_N = score_N - np.repeat(np.maximum.reduceat(score_N, start), lengths)

    def loss(stretch: float) -> float:
        odds = np.add.reduceat(np.exp(stretch * score_N), start)
        return float(np.log(odds).sum() - stretch * (share_N @ score_N))

    return float(minimize_scalar(loss, bounds=(1.0, _MOST), method="bounded").x)
