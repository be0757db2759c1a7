"""Interests: what each user comes back to, and the best items of each in proportion.

One vector a user lies between his interests, or speaks for the strongest alone. Here a history is
clustered (Ward, as PinnerSage: Pal et al., KDD 2020), every cluster is an interest with a strength,
and each answers with items near it (several interests a user: ComiRec, Cen et al., KDD 2020). Items
lie where the graph's smoothest vectors and their content put them; one that nobody touched lies by
content alone, behind those near in both.

Shapes: U users, N items of their histories, C interests of all users, I items, D width, K places.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from etl.arrow import run_starts
from training.retrieval import content, interests_ward
from training.retrieval.eigen import normalised, strongest
from training.retrieval.interactions import Interactions
from training.retrieval.products import products
from training.retrieval.source import best_places, packed, unpacked

_MAX_SCORES: Final = 1 << 24
"""Scores of interests that are held at once."""
_SMALLEST: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class InterestsConfig:
    """Where items lie, how a history falls apart, and how interests answer."""

    rank: int = 256
    """Singular vectors of who touched what."""
    value_power: float = 0.5
    """To which power of their values they count."""
    num_content: int = 64
    """Singular vectors of the items' attributes."""
    content_share: float = 0.3
    """Share of content in the likeness of two items that have both, 0 to 1."""
    max_length: int = 200
    """A user's newest items that are read."""
    max_cost: float = 2.0
    """Clusters are joined up to this cost; two items of cosine c join at 2 − 2c."""
    max_interests: int = 8
    """Interests of a user at most."""
    long_decay: float = 0.98
    """An item s steps back gives its interest long_decay^s of long-term strength."""
    short_decay: float = 0.7
    """Likewise, of short-term strength."""
    short_share: float = 0.5
    """Share of the short term in an interest's strength."""
    recency: float = 0.7
    """Weight of each step back in the mean that speaks for an interest."""
    to_power: float = 0.2
    """An answer of d users is multiplied by d^to_power."""
    num_places: int = 400
    """K: items that an interest answers with."""


@dataclass(frozen=True, slots=True)
class UserInterests:
    """C interests, grouped by user, the strongest of a user first."""

    indptr: np.ndarray
    """int64, U + 1: user u has the interests indptr[u] … indptr[u + 1]."""
    strength_C: np.ndarray
    """float32: share of the user's attention; those of a user sum to 1."""
    vector_CD: np.ndarray
    """float32, of length 1: the mean of its items, newer ones weighing more."""
    medoid_C: np.ndarray
    """int64: the one of its items that is nearest to all others."""

    def __len__(self) -> int:
        return len(self.strength_C)

    @property
    def row_C(self) -> np.ndarray:
        """int64: the place in U of each interest's user."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def chunks(self, num: int) -> Iterator[slice]:
        """Go through the interests, some at a time."""
        for start in range(0, len(self), num):
            yield slice(start, min(start + num, len(self)))


@dataclass(frozen=True, slots=True)
class Interests:
    """Where items lie, and how many users each has."""

    vectors_ID: np.ndarray
    """float32, of length 1; 0 for an item of which nothing is known."""
    degree_I: np.ndarray
    """float32: users of each item."""
    config: InterestsConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Give each interest places in proportion to its strength: float32, U × I.

        An item at place r of an interest of strength s has s / r, so that falling scores are
        D'Hondt's highest averages; of several interests the best counts. What a user knows takes no
        place of an interest. Items below K places of all interests are −inf.
        """
        found = self.interests(histories)
        scores_UI = np.full((len(histories), self.vectors_ID.shape[0]), -np.inf, np.float32)
        is_known_UI = np.zeros(scores_UI.shape, bool)
        is_known_UI[histories.row_N, histories.item_N] = True
        row_C = found.row_C
        for chunk in found.chunks(max(_MAX_SCORES // max(scores_UI.shape[1], 1), 1)):
            item_CK = self._answers(found.vector_CD[chunk])
            row_C1 = row_C[chunk][:, None]
            is_new_CK = np.logical_not(is_known_UI[row_C1, item_CK])
            place_CK = is_new_CK.cumsum(axis=1) + np.logical_not(is_new_CK)
            share_CK = (found.strength_C[chunk][:, None] / place_CK).astype(np.float32)
            is_there_CK = item_CK >= 0
            at = (np.broadcast_to(row_C1, item_CK.shape)[is_there_CK], item_CK[is_there_CK])
            np.maximum.at(scores_UI, at, share_CK[is_there_CK])
        return scores_UI

    def interests(self, histories: Interactions) -> UserInterests:
        """Cluster each user's newest items; who has none that is known has no interest."""
        config = self.config
        is_placed_N = np.take(self.vectors_ID.any(axis=1), histories.item_N)
        asked = histories.where(is_placed_N).distinct().last(config.max_length)
        vectors_ND = self.vectors_ID[asked.item_N]
        label_N, num_U = interests_ward.clusters(
            vectors_ND, asked.indptr, config.max_cost, config.max_interests
        )
        indptr = np.r_[0, np.cumsum(num_U)].astype(np.int64)
        cluster_N = indptr[:-1][asked.row_N] + label_N
        back_N = asked.steps_back_N * asked.is_ordered
        row_C = np.repeat(np.arange(len(num_U)), num_U)
        strength_C = self._strengths(cluster_N, back_N, row_C)
        vector_CD = _unit(_sums(cluster_N, config.recency**back_N, vectors_ND))
        medoid_C = _medoids(asked.item_N, cluster_N, vectors_ND)
        order = np.lexsort((-strength_C, row_C))
        return UserInterests(indptr, strength_C[order], vector_CD[order], medoid_C[order])

    def save(self) -> dict[str, bytes]:
        """Write where items lie, their users and the settings."""
        return packed({"vectors": self.vectors_ID, "degree": self.degree_I}, self.config)

    def _answers(self, vector_CD: np.ndarray) -> np.ndarray:
        """Find the items nearest to each interest: int32, C × K, ``NO_ITEM`` where none is left."""
        scores_CI = products(vector_CD, self.vectors_ID)
        scores_CI *= np.maximum(self.degree_I, 1) ** np.float32(self.config.to_power)
        scores_CI[:, ~self.vectors_ID.any(axis=1)] = -np.inf
        num_places = min(self.config.num_places, scores_CI.shape[1])
        return best_places(scores_CI, num_places).item_UK

    def _strengths(
        self, cluster_N: np.ndarray, back_N: np.ndarray, row_C: np.ndarray
    ) -> np.ndarray:
        """Mix shares of the long and of the short term: float32, C."""
        config, strength_C = self.config, np.zeros(len(row_C))
        terms = (
            (config.long_decay, 1 - config.short_share),
            (config.short_decay, config.short_share),
        )
        for decay, share in terms:
            sum_C = np.bincount(cluster_N, decay**back_N, len(row_C))
            sum_U = np.bincount(row_C, sum_C)
            strength_C += share * sum_C / sum_U[row_C]
        return strength_C.astype(np.float32)


def fit(interactions: Interactions, *, config: InterestsConfig, seed: int) -> Interests:
    """Put items where those lie that the same users touched, and those of like content.

    Args:
        interactions: Histories, ordered or not, and what is known of the items.
        config: Where items lie.
        seed: Of the vectors' iteration.
    """
    values_R, touched_IR = strongest(normalised(interactions), rank=config.rank, seed=seed)
    touched_IR = _unit(touched_IR * values_R**config.value_power)
    content_IR = content.vectors(interactions, rank=config.num_content, seed=seed)
    shares = (touched_IR, 1 - config.content_share), (content_IR, config.content_share)
    vectors_ID = _unit(np.hstack([one * np.sqrt(share) for one, share in shares]))
    degree_I = interactions.matrix().sum(axis=0).astype(np.float32)
    return Interests(vectors_ID, degree_I, config)


def load(files: Mapping[str, bytes]) -> Interests:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, InterestsConfig)
    return Interests(arrays["vectors"], arrays["degree"], config)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return (vectors / np.maximum(length, _SMALLEST)).astype(np.float32)


def _sums(cluster_N: np.ndarray, weight_N: np.ndarray, vectors_ND: np.ndarray) -> np.ndarray:
    """Sum weighted vectors by cluster: float64, C × D."""
    shape = (int(cluster_N.max(initial=-1)) + 1, len(cluster_N))
    weight_CN = csr_array((weight_N, (cluster_N, np.arange(len(cluster_N)))), shape=shape)
    return weight_CN @ vectors_ND.astype(np.float64)


def _medoids(item_N: np.ndarray, cluster_N: np.ndarray, vectors_ND: np.ndarray) -> np.ndarray:
    """Find the item of each cluster with the largest sum of cosines, the newest of equal ones."""
    sum_CD = _sums(cluster_N, np.ones(len(cluster_N)), vectors_ND)
    likeness_N = (vectors_ND * sum_CD[cluster_N]).sum(axis=1)
    order = np.lexsort((-np.arange(len(item_N)), -likeness_N, cluster_N))
    return item_N[order][run_starts(cluster_N[order])] if len(item_N) else item_N
