"""Trees over the ranks and scores of several sources, to order the head of a mixed list anew.

Learned on held-out items by LambdaMART (Burges, 2010) with xgboost. Shapes: N candidates, U users,
F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import xgboost as xgb

from etl.arrow import places_in_runs, run_starts
from training.retrieval.mixing_pool import Pool


@dataclass(frozen=True, kw_only=True, slots=True)
class TreesConfig:
    """How the trees are grown."""

    num_rounds: int = 150
    """Trees."""
    learning_rate: float = 0.06
    """Weight of each."""
    max_depth: int = 5
    """Questions on the way to a leaf."""
    min_child_weight: float = 5.0
    """Sum of hessians that a leaf needs."""
    l2: float = 5.0
    """Shrinks the leaves' values."""
    subsample: float = 0.5
    """Share of the candidates that a tree sees."""
    colsample: float = 0.5
    """Share of the features that a tree sees."""
    max_users: int = 40_000
    """Users learned from at most."""


@dataclass(frozen=True, slots=True)
class Examples:
    """N candidates to learn from."""

    matrix_NF: np.ndarray
    """float32, as ``features`` gives it."""
    user_N: np.ndarray
    """int64, ascending."""
    is_found_N: np.ndarray
    """bool: which candidates were held out."""
    mixed_N: np.ndarray
    """float32: the score by weights."""

    @classmethod
    def joined(cls, parts: Sequence["Examples"]) -> "Examples":
        """Put those of several blocks of users together."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def taken(self, rows: np.ndarray) -> "Examples":
        """Some of them, in ascending order."""
        return Examples(*(getattr(self, one.name)[rows] for one in fields(self)))


def features(pool: Pool, mixed_N: np.ndarray, length_U: np.ndarray) -> np.ndarray:
    """Lay out what trees read: float32, N × F.

    How many users an item has is left out: in what was held out it may be otherwise than later.
    """
    place_N = places_in_runs(run_starts(pool.user_N))
    most_N = np.maximum.reduceat(mixed_N, pool.start_N)[np.cumsum(place_N == 0) - 1]
    rank_SN = np.where(pool.rank_SN < pool.depth, pool.rank_SN, np.nan)
    columns = [
        *rank_SN,
        *pool.score_SN,
        *pool.height_SN,
        mixed_N,
        mixed_N - most_N,
        np.log1p(length_U)[pool.user_N],
        (pool.rank_SN < pool.depth).sum(axis=0),
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def fit(examples: Examples, *, config: TreesConfig, seed: int) -> xgb.Booster:
    """Grow trees on the users among whose candidates there is a held-out item.

    Args:
        examples: Candidates.
        config: How the trees are grown.
        seed: Of the sampling of users, rows and columns.
    """
    has_found = np.unique(examples.user_N[examples.is_found_N])
    drawn = np.random.default_rng(seed).permutation(has_found)[: config.max_users]
    used = examples.taken(np.flatnonzero(np.isin(examples.user_N, drawn)))
    data = xgb.QuantileDMatrix(used.matrix_NF, label=used.is_found_N, qid=used.user_N)
    params = {
        "objective": "rank:ndcg",
        "lambdarank_pair_method": "topk",
        "lambdarank_num_pair_per_sample": 20,
        "eta": config.learning_rate,
        "max_depth": config.max_depth,
        "min_child_weight": config.min_child_weight,
        "lambda": config.l2,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample,
        "seed": seed,
    }
    return xgb.train(params, data, num_boost_round=config.num_rounds)
