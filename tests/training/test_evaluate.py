from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, ndcg_score, roc_auc_score

from etl.tables import RANKERS_REPORTS
from training.evaluate import Judged, fused_order, rows
from training.inputs import NUMERIC, WORDS, Inputs
from training.rankers.ranker import Batch

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
    label = {"click": click, "order": np.zeros(len(user), bool)}
    weight = np.where(click, 1.0, 4.0)
    given = Inputs(numeric_NF.astype(np.float32), dict.fromkeys(WORDS, nothing))
    return Batch(given, label, weight, user)


@pytest.fixture
def judged() -> Judged:
    p = np.random.default_rng(6).random(NUM_USERS * NUM_ROWS).astype(np.float32)
    return Judged("gbdt", date(2026, 1, 15), {"click": p, "order": p / 2})


def measured(batch: Batch, judged: Judged) -> dict[tuple[str, str], dict[str, Any]]:
    found = rows(batch, judged, surface="product_feed", night=NIGHT, seed=1)
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
            "log_loss": log_loss(click, p, sample_weight=weight),
            "predicted_to_observed": (weight * p).sum() / (weight * click).sum(),
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
