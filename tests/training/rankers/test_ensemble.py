from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.training.rankers import conformance, test_deep
from tests.training.rankers.conformance import NIGHT, SPLIT, few, unseen
from tests.training.rankers.test_rankers import SMALL_DEEP, SMALL_GBDT
from training.metrics import log_loss
from training.rankers import ensemble, item_effects
from training.rankers.ensemble import Ensemble, EnsembleConfig
from training.rankers.ranker import Batch

CONFIG = EnsembleConfig(gbdt=SMALL_GBDT, deep=SMALL_DEEP)


@pytest.fixture(scope="module")
def fitted() -> Ensemble:
    return ensemble.fit(few, SPLIT, CONFIG, 7)


def test_both_are_heard_by_their_share_in_log_odds(fitted: Ensemble) -> None:
    given = unseen().batch.given
    bare = replace(fitted, effects=item_effects.NOTHING)
    trees, network = (part.score(given)["click"] for part in (fitted.gbdt, fitted.deep))

    for share, alone in ((0.0, trees), (1.0, network)):
        found = replace(bare, share={"click": share}).score(given)["click"]
        np.testing.assert_allclose(found, alone, atol=1e-6)
    half = replace(bare, share={"click": 0.5}).score(given)["click"]
    assert (half >= np.minimum(trees, network) - 1e-6).all()
    assert (half <= np.maximum(trees, network) + 1e-6).all()


def test_the_share_is_what_the_stopping_days_ask_for(fitted: Ensemble) -> None:
    batches = [few(day) for day in SPLIT.stop]
    label_N = np.concatenate([batch.label["click"] for batch in batches]).astype(np.float64)
    weight_N = np.ones(len(label_N))

    def loss(share: float) -> float:
        told = replace(fitted, share=dict(fitted.share, click=share), effects=item_effects.NOTHING)
        p_N = np.concatenate([told.score(batch.given)["click"] for batch in batches])
        return log_loss(label_N, p_N, weight_N)

    chosen = loss(fitted.share["click"])
    assert all(chosen <= loss(share) + 1e-9 for share in (0.0, 0.25, 0.5, 0.75, 1.0))


def test_a_task_of_too_few_positives_is_weighed_as_clicks_are() -> None:
    def rare(day: date) -> Batch:
        batch = few(day)
        is_first = np.arange(len(batch)) < (5 if day in SPLIT.stop else len(batch))
        return replace(batch, label={**batch.label, "order": batch.label["order"] & is_first})

    found = ensemble.fit(rare, SPLIT, CONFIG, 7)

    assert found.share["order"] == found.share["click"]


def test_of_long_lists_the_network_is_asked_about_those_that_trees_put_first() -> None:
    days, num_heard = test_deep.days, 3
    found = ensemble.fit(days, SPLIT, replace(CONFIG, num_heard=num_heard), 7)
    found = replace(found, share=dict.fromkeys(found.share, 0.5), effects=item_effects.NOTHING)
    given = days(NIGHT).given
    whole = replace(found, num_heard=len(given)).score(given)["click"]
    trees, cut = found.gbdt.score(given)["click"], found.score(given)["click"]

    assert found.reads_histories
    user_N = days(NIGHT).user_N
    for user in np.unique(user_N)[:20]:
        rows = np.flatnonzero(user_N == user)
        order = rows[np.lexsort((given.item_N[rows], -trees[rows]))]
        first, others = order[:num_heard], order[num_heard:]
        np.testing.assert_allclose(cut[first], whole[first], atol=1e-6)
        np.testing.assert_array_equal(cut[others], trees[others])
        assert (cut[others] != whole[others]).any()


def test_it_reads_what_either_reads(fitted: Ensemble) -> None:
    both = {*fitted.gbdt.layout.numeric, *fitted.deep.layout.numeric}
    assert set(fitted.layout.numeric) == both
    assert fitted.reads_histories == fitted.deep.reads_histories
    assert fitted.facts()["network_share"] == fitted.share
    conformance.scores_are_probabilities(fitted)
