from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, roc_auc_score

from etl.tables import RANKERS_REPORTS
from tests.training.rankers.conformance import batch_of
from training.calibrate import UNCALIBRATED
from training.calibrations import NOTHING, Calibrations
from training.evaluate import ALL, Occasion, fused_order, popular_order, rows, scored
from training.inputs import NUMERIC, WORDS, Inputs
from training.judged import Judged
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
    scores: dict[str, np.ndarray] = {"click": p, "order": p / 2, "watch": p}
    as_shown = {task: of_task / 2 for task, of_task in scores.items()}
    return Judged("gbdt", date(2026, 1, 15), scores, as_shown)


def measured(
    batch: Batch, judged: Judged, beside: Judged | None = None, segment: str = ALL
) -> dict[tuple[str, str], dict[str, Any]]:
    occasion = Occasion(
        surface="product_feed",
        night=NIGHT,
        examples_date=NIGHT,
        maturity=0.0,
        tasks=named(["click", "order", "watch"]),
    )
    every = [judged] if beside is None else [judged, beside]
    found = rows(batch, every, occasion, beside=beside, seed=1)
    return {
        (row["task"], row["metric"]): row
        for row in found
        if row["segment"] == segment and row["model_date"] == judged.model_date
    }


def test_clicks_are_measured_as_scikit_learn_does(batch: Batch, judged: Judged) -> None:
    found = measured(batch, judged)

    click, p, weight = batch.label["click"], judged.scores["click"], batch.weight_N
    own = [batch.user_N == user for user in range(NUM_USERS - 2)]
    ndcg = np.mean([ndcg_score([click[rows]], [p[rows]], k=10) for rows in own])
    gauc = np.mean([roc_auc_score(click[r], p[r], sample_weight=weight[r]) for r in own])
    value = {metric: row["value"] for (task, metric), row in found.items() if task == "click"}
    mean = np.average(click, weights=weight)
    entropy = log_loss(click, np.full(len(click), mean), sample_weight=weight)
    assert {"ece", "ece_without_chance"} < value.keys()
    known = {name: one for name, one in value.items() if not name.startswith("ece")}
    assert known == pytest.approx(
        {
            "normalised_entropy": log_loss(click, p / 2, sample_weight=weight) / entropy,
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
    apart = np.sign(share[:, None] - share) * np.sign(p[:, None] - p)
    pairs = np.outer(weight, weight) * (share[:, None] != share)
    mean = (weight * share).sum() / weight.sum()
    entropy = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    expected = {
        "xauc": (pairs * (apart + 1) / 2).sum() / pairs.sum(),
        "normalised_entropy": (weight * loss).sum() / weight.sum() / entropy,
        "log_loss": (weight * loss).sum() / weight.sum(),
        "squared_error": (weight * (share - p) ** 2).sum() / weight.sum(),
        "predicted_to_observed": (weight * p).sum() / (weight * share).sum(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found.keys() - expected.keys() == {"gxauc", "ece", "ece_without_chance"}


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


def test_a_difference_is_of_the_same_users_and_of_nobody_to_himself(
    batch: Batch, judged: Judged
) -> None:
    worse = {task: np.sqrt(p) for task, p in judged.as_shown.items()}
    other = Judged("gbdt", date(2026, 1, 8), judged.scores, worse)

    found = measured(batch, judged, beside=other)["click", "log_loss"]
    itself = measured(batch, other, beside=other)["click", "log_loss"]

    expected = found["value"] - itself["value"]
    assert found["difference"] == pytest.approx(expected)
    assert found["difference_low"] <= found["difference"] <= found["difference_high"]
    # Users differ more from each other than two predictions of one user do.
    paired = found["difference_high"] - found["difference_low"]
    assert paired < found["high"] - found["low"] + itself["high"] - itself["low"]
    assert itself["difference"] is None


def test_each_part_of_the_examples_is_measured_alone(batch: Batch, judged: Judged) -> None:
    ages = batch.given.numeric_NF[:, NUMERIC.index("item_age_days")]
    ages[:] = np.where(np.arange(len(ages)) % 3 == 0, 1.0, 100.0)
    propensity_N = np.where(np.arange(len(ages)) % 4 == 0, 0.01, 0.95)
    batch = replace(batch, propensity_N=propensity_N)

    new = measured(batch, judged, segment="item_age=new")["click", "auc"]
    explored = measured(batch, judged, segment="shown_by=exploration")["click", "auc"]

    click, p, weight = batch.label["click"], judged.scores["click"], batch.weight_N
    for row, rows_of in ((new, ages == 1.0), (explored, propensity_N < 0.5)):
        expected = roc_auc_score(click[rows_of], p[rows_of], sample_weight=weight[rows_of])
        assert row["value"] == pytest.approx(expected)
    assert measured(batch, judged, segment="shown_by=others") == {}


def test_rows_are_scored_at_one_place_each_once_however_many_at_a_time(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ByItem:
        name = "by_item"

        def score(self, given: Inputs) -> dict[str, np.ndarray]:
            return {"click": (given.item_N + given.position_N) / 1e6}

    monkeypatch.setattr("training.evaluate._ROWS_AT_ONCE", 7)

    judged = scored(ByItem(), NIGHT, batch, NOTHING)  # type: ignore[arg-type]

    np.testing.assert_allclose(judged.scores["click"], batch.given.item_N / 1e6, rtol=1e-6)


def test_what_is_calibrated_is_measured_before_and_after(batch: Batch) -> None:
    class Halving:
        name = "halving"

        def score(self, given: Inputs) -> dict[str, np.ndarray]:
            return {"click": np.full(len(given), 0.25), "order": np.full(len(given), 0.1)}

    calibrations = Calibrations({"click": UNCALIBRATED})

    judged = scored(Halving(), NIGHT, batch, calibrations)  # type: ignore[arg-type]

    assert list(judged.uncalibrated) == ["click"]
    batch = replace(batch, label={name: batch.label[name] for name in ("click", "order")})
    occasion = Occasion(
        surface="product_feed",
        night=NIGHT,
        examples_date=NIGHT,
        maturity=0.0,
        tasks=named(["click", "order"]),
    )
    found = {
        (row["task"], row["metric"]): row["value"]
        for row in rows(batch, [judged], occasion, beside=None, seed=1)
        if row["segment"] == ALL
    }
    for metric in ("log_loss", "predicted_to_observed", "ece"):
        after, before = found["click", metric], found["click", f"{metric}_uncalibrated"]
        assert after == pytest.approx(before)
        assert ("order", f"{metric}_uncalibrated") not in found
