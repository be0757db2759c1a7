from dataclasses import replace

import numpy as np
import pytest

from tests.training.rankers import conformance
from training import importance
from training.importance import ImportanceConfig
from training.inputs import Inputs
from training.rankers import gbdt, item_effects, logistic
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.logistic import LogisticConfig

CONFIG = ImportanceConfig(max_examples=1_000)
SIGNAL, WORD = "item_click_rate_28d", "item_category"


@pytest.fixture(scope="module")
def trees() -> Gbdt:
    config = GbdtConfig(num_rounds=30, factors=None)
    return gbdt.fit(conformance.days, conformance.SPLIT, config, 7)


@pytest.fixture(scope="module")
def behind_machine() -> Gbdt:
    return gbdt.fit(conformance.days, conformance.SPLIT, GbdtConfig(num_rounds=30), 7)


def test_what_clicks_follow_is_worth_most_by_every_measure(trees: Gbdt) -> None:
    rows = importance.measured(trees, conformance.days(conformance.NIGHT), seed=1, config=CONFIG)

    for measure in ("gain", "shap", "loss_without"):
        ordered = sorted(rows, key=lambda row: -row[measure])
        assert [row["feature"] for row in ordered[:2]] == [SIGNAL, WORD]
    assert {row["num_examples"] for row in rows} == {1_000}


def test_a_feature_that_no_split_asks_for_is_worth_nothing_to_trees_alone(trees: Gbdt) -> None:
    rows = importance.measured(trees, conformance.days(conformance.NIGHT), seed=1, config=CONFIG)

    asked = trees.importance()
    for row in rows:
        if row["feature"] not in asked:
            assert (row["gain"], row["shap"], row["loss_without"]) == (0, 0, 0)
    unused = importance.unused(rows)
    assert SIGNAL not in unused
    assert "position" in unused
    assert set(unused).isdisjoint(asked)


def test_what_the_machine_alone_reads_is_worth_something(behind_machine: Gbdt) -> None:
    examples = conformance.days(conformance.NIGHT)

    rows = importance.measured(behind_machine, examples, seed=1, config=CONFIG)

    asked = behind_machine.importance()
    by_machine = {r["feature"] for r in rows if r["loss_without"] and r["feature"] not in asked}
    assert by_machine
    assert "position" not in by_machine
    assert by_machine.isdisjoint(importance.unused(rows))


@pytest.mark.parametrize("fitted", ["trees", "behind_machine"])
def test_contributions_add_up_to_what_is_said_where_it_is_looked_at(
    request: pytest.FixtureRequest, fitted: str
) -> None:
    model = replace(request.getfixturevalue(fitted), effects=item_effects.NOTHING)
    given = conformance.days(conformance.NIGHT).given

    added_N = model.contributions(given).sum(axis=1)

    p_N = model.score(given)["click"] / model.examination.at(given.position_N)
    np.testing.assert_allclose(added_N, np.log(p_N / (1 - p_N)), atol=1e-4)


def test_a_ranker_without_trees_is_asked_by_permutation_alone() -> None:
    model = logistic.fit(conformance.days, conformance.SPLIT, LogisticConfig(), 7)

    rows = importance.measured(model, conformance.days(conformance.NIGHT), seed=1, config=CONFIG)

    best = max(rows, key=lambda row: row["loss_without"])
    assert best["feature"] == SIGNAL
    assert {row["gain"] for row in rows} == {row["shap"] for row in rows} == {None}


def test_the_same_seed_measures_the_same_and_leaves_the_examples_alone(trees: Gbdt) -> None:
    batch = conformance.days(conformance.NIGHT)
    before: Inputs = batch.given
    numbers = before.numeric_NF.copy()

    found = [importance.measured(trees, batch, seed=3, config=CONFIG) for _ in range(2)]

    assert found[0] == found[1]
    np.testing.assert_array_equal(before.numeric_NF, numbers)
