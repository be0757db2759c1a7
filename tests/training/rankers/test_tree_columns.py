"""What trees are told of pairs of words: drawn rows whose clicks follow who is shown what alone."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from etl.days import Days
from tests.training.rankers import conformance
from training.encode import EncoderConfig
from training.inputs import Inputs, Layout
from training.metrics import auc
from training.rankers import factorization, gbdt
from training.rankers.factorization import FactorizationConfig
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.ranker import Batch
from training.rankers.tree_columns import FACTORS
from training.split import Split

SPLIT = Split(Days(date(2026, 1, 1), date(2026, 1, 3)), Days(date(2026, 1, 4), date(2026, 1, 4)))
LATER = date(2026, 1, 5)
CONFIG = GbdtConfig(
    num_rounds=60, learning_rate=0.1, max_depth=3, encoder=EncoderConfig(min_count=10)
)


@cache
def days(day: date) -> Batch:
    """2,000 rows: one of 8 countries is shown one of 40 makers; half of the pairs are liked."""
    rng = np.random.default_rng(day.toordinal())
    country_N, maker_N = rng.integers(8, size=2000), rng.integers(40, size=2000)
    # By signs of two hidden numbers each, so that neither alone tells of a click.
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(48, 2))
    is_liked_N = (signs[country_N] * signs[8 + maker_N]).sum(axis=1) > 0
    given = Inputs(
        rng.normal(size=(2000, 1)).astype(np.float32),
        {"user_country": words("c", country_N), "item_brand": words("m", maker_N)},
        np.arange(2000),
        Layout(("noise",), ("user_country", "item_brand")),
    )
    label = {"click": rng.random(2000) < np.where(is_liked_N, 0.4, 0.1)}
    return conformance.batch_of(given, label, np.ones(2000), np.arange(2000))


def words(prefix: str, number_N: np.ndarray) -> pa.DictionaryArray:
    return pa.array([f"{prefix}{number}" for number in number_N]).dictionary_encode()


@pytest.fixture(scope="module")
def told() -> Gbdt:
    return gbdt.fit(days, SPLIT, CONFIG, 7)


def auc_of(model: Gbdt) -> float:
    later = days(LATER)
    return auc(later.label["click"], model.score(later.given)["click"], later.weight_N)


def test_trees_that_begin_from_pairs_of_words_order_by_them(told: Gbdt) -> None:
    alone = gbdt.fit(days, SPLIT, replace(CONFIG, factors=None), 7)

    assert FACTORS not in alone.columns.names
    assert auc_of(told) > auc_of(alone) + 0.03


def test_the_terms_of_a_row_add_up_to_what_trees_are_told(told: Gbdt) -> None:
    row = days(LATER).given.taken(np.array([5]))

    terms = told.factor_terms(row)

    assert {(), ("noise",), ("user_country",), ("user_country", "item_brand")} <= terms.keys()
    assert sum(terms.values()) == pytest.approx(told.columns.matrix(row)[0, -1], abs=1e-5)


def test_who_has_no_machine_has_no_terms() -> None:
    alone = gbdt.fit(days, SPLIT, replace(CONFIG, factors=None), 7)
    assert alone.factor_terms(days(LATER).given.taken(np.array([5]))) == {}


def test_a_model_without_its_machines_files_is_refused(told: Gbdt) -> None:
    files = {name: data for name, data in told.save().items() if "factorization." not in name}
    with pytest.raises(gbdt.UnknownModelError, match="factorization needs"):
        gbdt.load(files)


def test_the_machine_that_trees_are_told_of_learns_clicks_alone(told: Gbdt) -> None:
    factors = told.columns.factors
    assert factors is not None
    assert sorted(factors.heads) == ["click"]
    alone = factorization.fit(days, SPLIT, FactorizationConfig(), 7)
    given = days(LATER).given
    np.testing.assert_array_equal(factors.margins(given)["click"], alone.margins(given)["click"])


def test_what_trees_are_told_is_what_the_machine_says_whoever_stands_beside_a_row(
    told: Gbdt,
) -> None:
    factors = told.columns.factors
    assert factors is not None
    given = days(LATER).given
    said_N = told.columns.matrix(given)[:, -1]

    np.testing.assert_allclose(said_N, factors.margins(given)["click"], atol=1e-5)
    order = np.random.default_rng(2).permutation(len(given))[:500]
    np.testing.assert_array_equal(told.columns.matrix(given.taken(order))[:, -1], said_N[order])


def test_clicks_trees_begin_from_the_machine_and_are_not_told_of_it(told: Gbdt) -> None:
    assert FACTORS not in told.importance()
    given = days(LATER).given

    still = replace(CONFIG, num_rounds=1, learning_rate=1e-9)
    begun = gbdt.without_effects(days, SPLIT, still, 7)

    machine = factorization.fit(days, SPLIT, FactorizationConfig(), 7)
    np.testing.assert_allclose(
        begun.score(given)["click"], machine.score(given)["click"], rtol=1e-4
    )


def test_other_heads_read_what_the_machine_says_of_clicks() -> None:
    def twice(day: date) -> Batch:
        batch = days(day)
        order = batch.label["click"] & (np.arange(len(batch)) % 2 == 0)
        return replace(batch, label={**batch.label, "order": order})

    fitted = gbdt.fit(twice, SPLIT, CONFIG, 7)

    gain = fitted.heads["order"].get_score(importance_type="total_gain")
    assert max(gain, key=gain.__getitem__) == FACTORS
    later = twice(LATER)
    p_N = fitted.score(later.given)["order"]
    assert auc(later.label["order"], p_N, later.weight_N) > 0.6
