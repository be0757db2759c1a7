"""One list a user from all sources' lists: weights by group of users, then trees on the head.

Both are learned on held-out items that no source has seen, and applied to lists of sources that may
have been fitted anew. How much the trees may say is chosen by users that they have not seen.

Shapes: U users, S sources, K places, N candidates, I items.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import xgboost as xgb

from etl.arrow import is_in, places_in_runs, run_starts
from training.metrics import ndcg_by_user
from training.retrieval import mixing_trees, mixing_weights
from training.retrieval.interactions import Interactions
from training.retrieval.mixing_pool import Pool, pool
from training.retrieval.mixing_trees import Examples, TreesConfig
from training.retrieval.mixing_weights import Weights
from training.retrieval.source import NO_ITEM, Lists

_BLOCK_USERS: Final = 1024
_FOLDS: Final = 2
_ABOVE: Final = np.float32(1e4)
"""More than any two scores of a user differ by."""


class NothingFoundError(ValueError):
    """No source proposed any held-out item, so that there is nothing to learn weights from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MixConfig:
    """How lists are mixed."""

    depth: int = 200
    """Places of each source's list that are read."""
    num_reranked: int = 100
    """Places of the mixed list whose order trees may change."""
    num_groups: int = 3
    """Groups of users, by length of history, with weights of their own."""
    max_users: int = 8_000
    """Users whose held-out items weights are learned from at most; trees have a number of their
    own."""
    trees: TreesConfig = field(default_factory=TreesConfig)
    """How trees are grown."""
    tree_shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Shares of the head's score that trees may have; 0 where they bring nothing."""
    judged_at: int = 10
    """The share is chosen by NDCG at this depth."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What was learned of some sources."""

    sources: tuple[str, ...]
    weights: Weights
    trees: xgb.Booster
    tree_share: float
    config: MixConfig

    def lists(
        self, by_source: Mapping[str, Lists], length_U: np.ndarray, *, num_items: int
    ) -> Lists:
        """Mix the sources' lists.

        Args:
            by_source: Of the same users, by source, ties by rule.
            length_U: int64: how long each user's history is.
            num_items: K.

        Returns:
            Ties stand by item number, smaller first.
        """
        num_users = len(length_U)
        item_UK = np.full((num_users, num_items), NO_ITEM, np.int32)
        score_UK = np.full((num_users, num_items), -np.inf, np.float32)
        for users in _blocks(num_users):
            found = _pooled(by_source, self.sources, users, self.config.depth)
            score_N = self._scores(found, length_U[users])
            order = np.lexsort((found.item_N, -score_N, found.user_N))
            place = places_in_runs(run_starts(found.user_N))
            kept = place < num_items
            at = (users[found.user_N[kept]], place[kept])
            item_UK[at], score_UK[at] = found.item_N[order][kept], score_N[order][kept]
        return Lists(item_UK, score_UK)

    def _scores(self, found: Pool, length_U: np.ndarray) -> np.ndarray:
        mixed_N = self.weights.score(found, length_U)
        if not self.tree_share or not len(found):
            return mixed_N
        head = np.sort(_head(found, mixed_N, self.config.num_reranked))
        matrix_NF = mixing_trees.features(found.taken(head), mixed_N[head], length_U)
        again = _joined(mixed_N[head], self.trees.inplace_predict(matrix_NF), self.tree_share)
        # What trees have ordered stays above what they have not seen.
        score_N = mixed_N - _ABOVE
        score_N[head] = again
        return score_N


def fit(
    by_source: Mapping[str, Lists],
    *,
    truth: Interactions,
    length_U: np.ndarray,
    config: MixConfig,
    seed: int,
) -> Mix:
    """Learn how to mix on held-out items.

    Args:
        by_source: Lists of the same users by sources that have not seen ``truth``.
        truth: What was held out, in the order of the lists' users.
        length_U: int64: how long each user's history is, without ``truth``.
        config: How lists are mixed.
        seed: Of drawing users, folds and trees.

    Raises:
        NothingFoundError: If no held-out item is in any list.
    """
    sources = tuple(by_source)
    drawn = _learned_from(by_source, truth, seed)
    if not len(drawn):
        raise NothingFoundError(
            f"none of {len(truth.item_N)} held-out items is in a list of {', '.join(sources)}: "
            "give longer histories, or ask the sources one by one"
        )
    users = np.sort(drawn[: config.max_users])
    found = _pooled(by_source, sources, users, config.depth)
    is_found_N = _is_found(found, truth.taken(users))
    weights = mixing_weights.fit(found, is_found_N, length_U[users], num_groups=config.num_groups)
    del found, is_found_N
    mix = Mix(sources, weights, xgb.Booster(), 0.0, config)
    users = np.sort(drawn[: config.trees.max_users])
    examples = _heads(mix, by_source, users, truth=truth, length_U=length_U)
    share = _share(examples, config=config, seed=seed)
    trees = mixing_trees.fit(examples, config=config.trees, seed=seed)
    return replace(mix, trees=trees, tree_share=share)


def _heads(
    mix: Mix,
    by_source: Mapping[str, Lists],
    users: np.ndarray,
    *,
    truth: Interactions,
    length_U: np.ndarray,
) -> Examples:
    """Take the candidates that trees may order, by blocks of users: whole pools are large."""
    parts = []
    for block in _blocks(len(users)):
        own = users[block]
        found = _pooled(by_source, mix.sources, own, mix.config.depth)
        mixed_N = mix.weights.score(found, length_U[own])
        head = np.sort(_head(found, mixed_N, mix.config.num_reranked))
        is_found_N = _is_found(found, truth.taken(own))[head]
        matrix_NF = mixing_trees.features(found.taken(head), mixed_N[head], length_U[own])
        parts.append(Examples(matrix_NF, block[found.user_N[head]], is_found_N, mixed_N[head]))
    return Examples.joined(parts)


def _share(examples: Examples, *, config: MixConfig, seed: int) -> float:
    """Choose how much trees may say, each half of the users judged by trees of the other half."""
    user_N = examples.user_N
    fold_N = np.random.default_rng(seed).integers(0, _FOLDS, user_N.max(initial=0) + 1)[user_N]
    said_N = np.zeros(len(user_N), np.float32)
    for fold in range(_FOLDS):
        trees = mixing_trees.fit(examples.taken(fold_N != fold), config=config.trees, seed=seed)
        judged = fold_N == fold
        said_N[judged] = trees.inplace_predict(examples.matrix_NF[judged])

    def judged_by(share: float) -> float:
        score_N = _joined(examples.mixed_N, said_N, share)
        ndcg = ndcg_by_user(user_N, examples.is_found_N, score_N, k=config.judged_at)
        return float(np.nansum(ndcg))

    return max(config.tree_shares, key=judged_by)


def _joined(mixed_N: np.ndarray, said_N: np.ndarray, share: float) -> np.ndarray:
    """Both are logarithms of odds within a user, up to a constant."""
    return (1 - share) * mixed_N + np.float32(share) * said_N


def _learned_from(by_source: Mapping[str, Lists], truth: Interactions, seed: int) -> np.ndarray:
    """Shuffle the users whose held-out items some source has found."""
    has_found = np.zeros(len(truth), bool)
    for one in by_source.values():
        has_found |= one.found(truth).any(axis=1)
    return np.random.default_rng(seed).permutation(np.flatnonzero(has_found))


def _pooled(
    by_source: Mapping[str, Lists], sources: tuple[str, ...], users: np.ndarray, depth: int
) -> Pool:
    picked = (by_source[name] for name in sources)
    own = [Lists(one.item_UK[users], one.score_UK[users]) for one in picked]
    return pool(own, depth=depth)


def _is_found(found: Pool, truth: Interactions) -> np.ndarray:
    return is_in(found.user_N << 32 | found.item_N, np.sort(truth.row_N << 32 | truth.item_N))


def _head(found: Pool, score_N: np.ndarray, num: int) -> np.ndarray:
    """Rows of each user's best candidates."""
    order = np.lexsort((found.item_N, -score_N, found.user_N))
    return order[places_in_runs(run_starts(found.user_N)) < num]


def _blocks(num_users: int) -> Iterator[np.ndarray]:
    for start in range(0, num_users, _BLOCK_USERS):
        yield np.arange(start, min(start + _BLOCK_USERS, num_users))
