from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, roc_auc_score

from etl.tables import RANKERS_REPORTS
from tests.training.rankers.conformance import batch_of
from training.evaluate import Judged, Occasion, fused_order, popular_order, rows
from training.inputs import NUMERIC, WORDS, Inputs
from training.rankers.ranker import Batch
from training.tasks import named

NIGHT = date(2026, 1, 20)
NUM_USERS, NUM_ROWS = 8, 12


@pytest.fixture
def batch() -> Batch:
    """Eight users with twelve examples each; the last two clicked nothing, and nobody ordered."""
    rng = np.random.default_rng(5)
    user = np.repeat(np.arange(NUM_USERS), NUM_ROWS)
    numeric_NF = rng.permutation(len(user) * len(NUMERIC)).reshape(len(user), -1)
    nothing = pa.array([None] * len(user), pa.string()).dictionary_encode()
    click = (rng.random(len(user)) < 0.4) & (user < NUM_USERS - 2)
    share = np.where(rng.random(len(user)) < 0.2, np.nan, rng.random(len(user)))
    label = {"click": click, "order": np.zeros(len(user), bool), "watch": share}
    weight = np.where(click, 1.0, 4.0)
    item_N = np.arange(len(user))
    words = dict.fromkeys(WORDS, nothing)
    given = Inputs(numeric_NF.astype(np.float32), words, item_N)
    return batch_of(given, label, weight, user)


@pytest.fixture
def judged() -> Judged:
    p = np.random.default_rng(6).random(NUM_USERS * NUM_ROWS).astype(np.float32)
    scores = {"click": p, "order": p / 2, "watch": p}
    return Judged("gbdt", date(2026, 1, 15), scores, {task: s / 2 for task, s in scores.items()})


def measured(batch: Batch, judged: Judged) -> dict[tuple[str, str], dict[str, Any]]:
    occasion = Occasion(
        surface="product_feed",
        night=NIGHT,
        examples_date=NIGHT,
        maturity=0.0,
        tasks=named(["click", "order", "watch"]),
    )
    found = rows(batch, judged, occasion, seed=1)
    return {(row["task"], row["metric"]): row for row in found}


def test_clicks_are_measured_as_scikit_learn_does(batch: Batch, judged: Judged) -> None:
    found = measured(batch, judged)

    click, p, weight = batch.label["click"], judged.scores["click"], batch.weight_N
    own = [batch.user_N == user for user in range(NUM_USERS - 2)]
    ndcg = np.mean([ndcg_score([click[rows]], [p[rows]], k=10) for rows in own])
    gauc = np.mean([roc_auc_score(click[r], p[r], sample_weight=weight[r]) for r in own])
    value = {metric: row["value"] for (task, metric), row in found.items() if task == "click"}
    assert value == pytest.approx(
        {
            "ndcg@10": ndcg,
            "gauc": gauc,
            "auc": roc_auc_score(click, p, sample_weight=weight),
            "log_loss": log_loss(click, p / 2, sample_weight=weight),
            "squared_error": brier_score_loss(click, p / 2, sample_weight=weight),
            "predicted_to_observed": (weight * p / 2).sum() / (weight * click).sum(),
        },
        rel=1e-5,
    )


def test_a_measure_says_whom_it_rests_on(batch: Batch, judged: Judged) -> None:
    row = measured(batch, judged)["click", "ndcg@10"]
    assert row["num_users"] == NUM_USERS - 2
    assert row["num_positives"] == batch.label["click"].sum()
    assert row["low"] < row["value"] < row["high"]


def test_what_is_not_defined_is_null_and_not_zero(batch: Batch, judged: Judged) -> None:
    found = measured(batch, judged)
    undefined = ("ndcg@10", "gauc", "auc", "predicted_to_observed")
    assert [found["order", metric]["value"] for metric in undefined] == [None] * 4
    assert found["order", "log_loss"]["value"] > 0


def test_the_fused_order_is_ranked_by_its_score_and_predicts_no_probabilities(
    batch: Batch,
) -> None:
    judged = fused_order(batch, NIGHT)

    found = measured(batch, judged)

    score = batch.given.numeric_NF[:, NUMERIC.index("fused_score")]
    expected = roc_auc_score(batch.label["click"], score, sample_weight=batch.weight_N)
    assert {metric for _, metric in found} == {"ndcg@10", "gauc", "auc"}
    assert found["click", "auc"]["value"] == pytest.approx(expected)
    assert found["click", "auc"]["ranker"] == "none"


def test_a_measure_is_a_row_of_the_table(batch: Batch, judged: Judged) -> None:
    for row in measured(batch, judged).values():
        assert sorted(row) == sorted(RANKERS_REPORTS.column_names)


def test_a_share_is_judged_by_how_near_its_expectation_comes_where_it_is_known(
    batch: Batch, judged: Judged
) -> None:
    found = {m: row["value"] for (t, m), row in measured(batch, judged).items() if t == "watch"}

    known = ~np.isnan(batch.label["watch"])
    share, weight = batch.label["watch"][known], batch.weight_N[known]
    p = judged.as_shown["watch"][known].astype(float)
    loss = -(share * np.log(p) + (1 - share) * np.log(1 - p))
    expected = {
        "log_loss": (weight * loss).sum() / weight.sum(),
        "squared_error": (weight * (share - p) ** 2).sum() / weight.sum(),
        "predicted_to_observed": (weight * p).sum() / (weight * share).sum(),
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_what_was_no_candidate_comes_last_in_the_fused_order(batch: Batch) -> None:
    fused = NUMERIC.index("fused_score")
    best = np.zeros(len(batch), bool)
    best[::NUM_ROWS] = True
    batch.given.numeric_NF[~best, fused] = np.nan

    judged = fused_order(batch, NIGHT)

    of_user = judged.scores["click"].reshape(NUM_USERS, NUM_ROWS)
    assert (of_user[:, 0] > of_user[:, 1:].max(axis=1)).all()
    assert len(np.unique(of_user[:, 1:])) == 1


def test_popularity_is_that_of_the_evening_before_each_example(batch: Batch) -> None:
    evening = np.where(np.arange(len(batch)) % 2 == 0, 100, 101)
    listed = pa.table(
        {
            "arrival_date": pa.array([100, 101, 101], pa.int32()).cast(pa.date32()),
            "item_no": pa.array([0, 0, 3], pa.int32()),
            "num_users": pa.array([7, 9, 5], pa.int64()),
        }
    )

    judged = popular_order(replace(batch, evening_N=evening), NIGHT, listed)

    assert judged.scores["click"].tolist() == [7, 0, 0, 5, *[0] * (len(batch) - 4)]
    assert (judged.ranker, judged.as_shown) == ("popularity_7d", {})
