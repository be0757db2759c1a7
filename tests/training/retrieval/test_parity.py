"""The classical sources find what their plain references find, within 3 % of NDCG@10."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

from benchmarks import retrieval_measures
from benchmarks.drawn import drawn, last_left_out
from benchmarks.kernel_rows import plain_ease
from training.retrieval import factors, item_cf, linear_items
from training.retrieval.factors import FactorsConfig
from training.retrieval.interactions import Interactions
from training.retrieval.item_cf import ItemCfConfig
from training.retrieval.linear_items import LinearItemsConfig
from training.retrieval.source import Lists, Source, lists
from training.retrieval.top_k_numba import best_scores

NUM_LISTED = 20
WITHIN = 0.03
POPULAR = 1.5
"""Every reference is that many times better than what everybody touches, or nothing is shown."""


@dataclass(frozen=True)
class Split:
    learned: Interactions
    truth: Interactions

    def ndcg(self, listed: Lists) -> float:
        return retrieval_measures.mean(listed, self.truth, "ndcg@10")

    def of(self, source: Source) -> float:
        return self.ndcg(lists(source, self.learned, num_items=NUM_LISTED))

    def of_scores(self, scores_UI: np.ndarray) -> float:
        """Rank all items by given scores, with histories masked."""
        item_UK = np.full((len(self.learned), NUM_LISTED), -1, np.int32)
        score_UK = np.full(item_UK.shape, -np.inf, np.float32)
        scores_UI = np.array(scores_UI, np.float32)
        scores_UI[self.learned.row_N, self.learned.item_N] = -np.inf
        best_scores(scores_UI, item_UK, score_UK)
        return self.ndcg(Lists(item_UK, score_UK))


@pytest.fixture(scope="module")
def split() -> Split:
    learned, truth = last_left_out(drawn(1500, 400, num_each=16, seed=4))
    return Split(learned, truth)


def recommended(split: Split, recommend: Callable[..., tuple[np.ndarray, np.ndarray]]) -> float:
    """Ask a model of implicit with its own call."""
    matrix = csr_matrix(split.learned.matrix())
    rows = np.arange(len(split.learned))
    item_UK, score_UK = recommend(rows, matrix, N=NUM_LISTED, filter_already_liked_items=True)
    return split.ndcg(Lists(item_UK.astype(np.int32), score_UK.astype(np.float32)))


def test_factors_find_what_implicit_recommends(split: Split) -> None:
    config = FactorsConfig(num_factors=16, l2=2.0, alpha=5.0, num_rounds=8, recency=1.0)
    model = AlternatingLeastSquares(
        factors=16, regularization=2.0, alpha=5.0, iterations=8, num_threads=1, random_state=3
    )
    model.fit(csr_matrix(split.learned.matrix()), show_progress=False)

    ours = split.of(factors.fit(split.learned, config=config, seed=3))

    reference = recommended(split, model.recommend)
    assert reference > POPULAR * of_popularity(split)
    assert ours == pytest.approx(reference, rel=WITHIN)


def test_item_cf_finds_what_a_plain_cosine_finds(split: Split) -> None:
    config = ItemCfConfig(num_neighbours=400, shrink=0.0, user_power=0.0, recency=1.0)
    model = CosineRecommender(K=401, num_threads=1)
    model.fit(csr_matrix(split.learned.matrix()), show_progress=False)

    ours = split.of(item_cf.fit(split.learned, config=config, seed=3))

    reference = recommended(split, model.recommend)
    assert reference > POPULAR * of_popularity(split)
    assert ours == pytest.approx(reference, rel=WITHIN)


def test_linear_items_find_what_plain_ease_finds(split: Split) -> None:
    weight_II = plain_ease(split.learned, l2=20.0)
    config = LinearItemsConfig(l2=20.0, recency=1.0)

    ours = split.of(linear_items.fit(split.learned, config=config, seed=3))

    reference = split.of_scores(split.learned.matrix() @ weight_II)
    assert reference > POPULAR * of_popularity(split)
    assert ours == pytest.approx(reference, rel=WITHIN)


def of_popularity(split: Split) -> float:
    num_users_I = split.learned.matrix().sum(axis=0)
    return split.of_scores(np.tile(num_users_I, (len(split.learned), 1)))
