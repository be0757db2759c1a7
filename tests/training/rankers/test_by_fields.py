"""Logistic regression and factorisation machines against their definitions."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.rankers import conformance
from tests.training.rankers.conformance import SPLIT, days
from training.encode import EncoderConfig
from training.fields import FieldsConfig
from training.inputs import Inputs, Layout
from training.rankers import factorization, logistic
from training.rankers.by_fields import FieldRanker
from training.rankers.factorization import FactorizationConfig, FactorizationHead
from training.rankers.logistic import LogisticConfig, LogisticHead
from training.rankers.ranker import Batch, UnknownModelError

FIELDS = FieldsConfig(words=EncoderConfig(min_count=10))


@pytest.fixture(scope="module")
def machine() -> FieldRanker:
    config = FactorizationConfig(width=3, strengths=(10.0,), num_passes=1, fields=FIELDS)
    return factorization.fit(days, SPLIT, config, 7)


@pytest.fixture(scope="module")
def regression() -> FieldRanker:
    config = LogisticConfig(
        hash_bits=8, strengths=(10.0,), num_passes=1, num_crossed=4, fields=FIELDS
    )
    return logistic.fit(days, SPLIT, config, 7)


def test_a_machine_adds_weights_slopes_and_all_pairs(machine: FieldRanker) -> None:
    head = machine.heads["click"]
    assert isinstance(head, FactorizationHead)
    value_NF = machine.fields.values(conformance.unseen().batch.given)[:20]
    slope_F = head.weight_W[machine.fields.num_values : -1]

    expected = [
        head.weight_W[-1]
        + head.weight_W[row].sum(dtype=np.float64)
        + slope_F @ head.quantile_V[row].astype(np.float64)
        + sum(vector(head, a) @ vector(head, b) for a, b in combinations(row, 2))
        for row in value_NF
    ]

    np.testing.assert_allclose(head.margin(value_NF), expected, rtol=1e-5, atol=1e-5)


def vector(head: FactorizationHead, value: int) -> np.ndarray:
    """Of a word; numbers come first and have none."""
    row = value - (len(head.quantile_V) - len(head.vector_RD))
    found = head.vector_RD[row] if row >= 0 else np.zeros(head.vector_RD.shape[1])
    return found.astype(np.float64)


def test_pairs_of_words_too_rare_to_be_learned_one_by_one_are_found_by_vectors() -> None:
    """3,600 pairs of words, each seen four times in what is learned from; p is a product's."""
    rng = np.random.default_rng(5)
    land_L, maker_M = rng.choice([-1.0, 1.0], 60), rng.choice([-1.0, 1.0], 60)

    def paired(day: date) -> Batch:
        drawn = np.random.default_rng(day.toordinal())
        land, maker = drawn.integers(60, size=(2, 4_000))
        p_click = 0.5 + 0.45 * land_L[land] * maker_M[maker]
        words = {
            "user_land": pa.array([f"l{n}" for n in land]).dictionary_encode(),
            "maker": pa.array([f"m{n}" for n in maker]).dictionary_encode(),
        }
        layout = Layout(("position",), ("user_land", "maker"))
        given = Inputs(np.zeros((4_000, 1), np.float32), words, np.zeros(4_000, np.int64), layout)
        label = {"click": drawn.random(4_000) < p_click}
        return conformance.batch_of(given, label, np.ones(4_000), np.arange(4_000))

    made = factorization.fit(paired, SPLIT, FactorizationConfig(fields=FIELDS), 7)

    unseen = paired(conformance.NIGHT + timedelta(days=1))
    found = roc_auc_score(unseen.label["click"], made.score(unseen.given)["click"])
    assert found > 0.9


def test_a_regression_adds_weights_slopes_and_crosses(regression: FieldRanker) -> None:
    head = regression.heads["click"]
    assert isinstance(head, LogisticHead)
    value_NF = regression.fields.values(conformance.unseen().batch.given)
    num_values, num_fields = regression.fields.num_values, value_NF.shape[1]
    alone = replace_crosses(head, num_values, num_fields)
    slope_F = head.weight_W[-1 - num_fields : -1]

    plain = (
        head.weight_W[value_NF].sum(axis=1, dtype=np.float64)
        + head.quantile_V[value_NF].astype(np.float64) @ slope_F
        + head.weight_W[-1]
    )

    np.testing.assert_allclose(alone.margin(value_NF), plain, rtol=1e-5, atol=1e-5)
    crossed = head.margin(value_NF) - alone.margin(value_NF)
    pairs = value_NF[:, head.pair_C2.ravel()].tolist()
    by_pairs: dict[tuple[int, ...], float] = {}
    for values, said in zip(map(tuple, pairs), crossed.tolist(), strict=True):
        assert by_pairs.setdefault(values, said) == pytest.approx(said, abs=1e-4)
    assert len(head.pair_C2) == 6
    assert np.ptp(crossed) > 0


def replace_crosses(head: LogisticHead, num_values: int, num_fields: int) -> LogisticHead:
    """The same head with crosses that say nothing."""
    weight_W = head.weight_W.copy()
    weight_W[num_values : -1 - num_fields] = 0
    return replace(head, weight_W=weight_W)


def test_the_fields_that_are_crossed_are_those_that_tell_of_clicks(regression: FieldRanker) -> None:
    head = regression.heads["click"]
    assert isinstance(head, LogisticHead)

    crossed = {regression.fields.names[f] for f in head.pair_C2.ravel()}

    assert {"item_click_rate_28d", "item_category"} <= crossed


def test_an_order_is_no_likelier_than_its_click(machine: FieldRanker) -> None:
    scores = machine.score(conformance.unseen().batch.given)

    assert "order" in machine.after_click
    assert (scores["order"] <= scores["click"]).all()


def test_what_happens_without_a_click_has_a_head_of_its_own() -> None:
    def watched(day: date) -> Batch:
        batch = days(day)
        return replace(batch, label={**batch.label, "watch": ~batch.label["click"]})

    config = FactorizationConfig(width=2, strengths=(300.0,), num_passes=1, fields=FIELDS)
    made = factorization.fit(watched, SPLIT, config, 7)

    scores = made.score(conformance.unseen().batch.given)
    assert made.after_click == {"order"}
    assert np.corrcoef(scores["watch"], scores["click"])[0, 1] < -0.9


@pytest.mark.parametrize("missing", ["rules.json", "fields.npz", "click.npz"])
def test_a_model_that_lacks_a_file_is_refused(machine: FieldRanker, missing: str) -> None:
    files = {name: content for name, content in machine.save().items() if name != missing}
    with pytest.raises(UnknownModelError, match="factorization needs"):
        factorization.load(files)


def test_with_few_orders_p_order_follows_p_click_by_their_ratio() -> None:
    def scarce(day: date) -> Batch:
        batch = days(day)
        order = batch.label["order"] & (np.cumsum(batch.label["order"]) <= 3)
        return replace(batch, label={**batch.label, "order": order})

    config = LogisticConfig(hash_bits=8, strengths=(300.0,), num_passes=1, fields=FIELDS)
    made = logistic.fit(scarce, SPLIT, config, 7)

    scores = made.score(conformance.unseen().batch.given)
    num_clicks = sum(days(day).label["click"].sum() for day in SPLIT.fit)
    expected = scores["click"] * 3 * len(SPLIT.fit) / num_clicks
    np.testing.assert_allclose(scores["order"], expected, rtol=1e-5)
