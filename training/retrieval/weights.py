"""Makes retrieval/weights: how much each source's ranks count for a user, by group of users.

A candidate's fused score is Σ weight / (offset + rank) over its sources. The weights are those of a
conditional logit (McFadden, 1973): the chance that a visitor goes to an item is the softmax of such
sums, learned from what visitors of the last days did. Where the log says what a surface showed, the
choice was among that, and how far he looked at an item counts as it does: what he was not shown he
could not choose, and what is shown often is not better for it. Without impressions the choice was
among all that was proposed. Weights are held near those of the configuration, a group's near those
of all: few visits change little.

Shapes: U users, N candidates, S sources, G groups, W items visited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from etl.arrow import distinct, flat_lists, is_in
from etl.features.positions import PARTS
from etl.tables.retrieval import SOURCE_CODES
from training.lookup import find, key
from training.retrieval import user_groups
from training.retrieval.mixing_weights import Choices, by_group, logit

_FIRST_STRETCH: Final = 10.0


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
    looks_N: np.ndarray
    """float64: how often he looked at it that day; 0 where it was not shown."""

    @property
    def num_visited_U(self) -> np.ndarray:
        """int64: items that each visited."""
        return np.bincount(self.visitor_W, minlength=len(self.num_visits_U))

    @classmethod
    def of(cls, rows: pa.Table, sources: Sequence[str]) -> "Proposed":
        """Take rows of ``tables.PROPOSALS`` apart, in the order of the sources given."""
        user_M, items = flat_lists(rows.column("items"))
        proposed_M = key(user_M, items.field("item_no").to_numpy().astype(np.int64))
        user_L, looked = flat_lists(rows.column("looked"))
        looked_L = key(user_L, looked.field("item_no").to_numpy().astype(np.int64))
        key_N = distinct(np.concatenate([proposed_M, looked_L]))
        looks_N = np.zeros(len(key_N))
        looks_N[find(key_N, looked_L)] = looked.field("examined").to_numpy() / PARTS
        row, visited = flat_lists(rows.column("visited"))
        visited_W = visited.to_numpy().astype(np.int64)
        return cls(
            key_N >> 32,
            key_N & 0xFFFFFFFF,
            _ranks(items, find(key_N, proposed_M), sources, len(key_N)),
            is_in(key_N, np.sort(key(row, visited_W))),
            rows.column("num_visits").to_numpy().astype(np.int64),
            row,
            visited_W,
            looks_N,
        )

    @property
    def choices_N(self) -> np.ndarray:
        """bool: what visitors chose among, of those who chose any of it."""
        is_among = self.looks_N > 0 if self.looks_N.any() else np.ones(len(self.user_N), bool)
        chosen = self.is_visited_N & is_among
        has_chosen_U = np.bincount(self.user_N, chosen, len(self.num_visits_U)) > 0
        return is_among & has_chosen_U[self.user_N]

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
    choices = _choices(proposed, rank_offset)
    num_users = len(np.unique(choices.user_N))
    if num_users < config.min_users:
        return Weights(np.tile(given_S, (num_groups, 1)), 0)
    group_N = user_groups.codes(proposed.num_visits_U)[choices.user_N]
    # On one thread: how sums are split over threads would show in the last digits.
    with threadpool_limits(1):
        stretch = np.float32(_stretch(choices, given_S))
        stretched = replace(choices, features_FN=choices.features_FN * stretch)
        common_S = logit(stretched, near_F=given_S, pull=config.pull)
        learned_GS = by_group(stretched, group_N, [common_S] * num_groups)
    return Weights(learned_GS, num_users)


def _choices(proposed: Proposed, rank_offset: float) -> Choices:
    """Take what visitors chose among; where they were shown it, by how often they looked."""
    used = proposed.choices_N
    looks_N = proposed.looks_N[used]
    return Choices(
        proposed.features(rank_offset)[:, used],
        proposed.user_N[used],
        proposed.is_visited_N[used],
        np.log(looks_N) if looks_N.any() else 0.0,
    )


def _ranks(
    items: pa.StructArray, place_M: np.ndarray, sources: Sequence[str], num: int
) -> np.ndarray:
    """Lay out the ranks of M proposed items at their places: float32, S × N."""
    candidate_P, proposal = flat_lists(items.field("proposals"))
    row_of = np.full(max(SOURCE_CODES.values()) + 1, -1)
    row_of[[SOURCE_CODES[name] for name in sources]] = np.arange(len(sources))
    source_P = row_of[proposal.field("source").to_numpy()]
    told = source_P >= 0
    rank_SN = np.full((len(sources), num), np.inf, np.float32)
    rank = proposal.field("rank").to_numpy()
    rank_SN[source_P[told], place_M[candidate_P[told]]] = rank[told]
    return rank_SN


def _stretch(choices: Choices, given_S: np.ndarray) -> float:
    """How far the configured weights are to be stretched to be logarithms of odds."""
    one = replace(choices, features_FN=(given_S @ choices.features_FN).astype(np.float32)[None])
    [stretch] = logit(one, near_F=np.array([_FIRST_STRETCH]), pull=0.0).tolist()
    return max(stretch, 1.0)
