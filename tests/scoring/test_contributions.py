from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scoring.contributions import Contributions, contributions_of
from tests.training.rankers.conformance import SPLIT, days, unseen
from training.encode import EncoderConfig
from training.inputs import NUMERIC, Inputs
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.ranker import Ranker
from training.rankers.tree_columns import FACTORS

if TYPE_CHECKING:
    from training.rankers.ensemble import Ensemble

CONFIG = GbdtConfig(
    num_rounds=20, learning_rate=0.3, max_depth=3, max_bin=32, encoder=EncoderConfig(min_count=10)
)


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    return gbdt.fit(days, SPLIT, CONFIG, 7)


def told(ranker: Ranker, given: Inputs, *, num_largest: int) -> Contributions | None:
    p_click = float(ranker.score(given)["click"][0])
    return contributions_of(ranker, given, p_click=p_click, num_largest=num_largest)


@pytest.fixture(scope="module")
def trees() -> Gbdt:
    """Without the machine that they begin from otherwise."""
    return gbdt.fit(days, SPLIT, replace(CONFIG, factors=None), 7)


def one_row(**numbers: float) -> Inputs:
    """The first unseen row with some of its numbers replaced."""
    given = unseen().batch.given.taken(np.array([0]))
    numeric_NF = given.numeric_NF.copy()
    for name, value in numbers.items():
        numeric_NF[0, NUMERIC.index(name)] = value
    return replace(given, numeric_NF=numeric_NF)


def test_base_largest_and_others_add_up_to_the_log_odds_of_p_click(fitted: Gbdt) -> None:
    given = one_row()

    found = told(fitted, given, num_largest=3)

    assert found is not None
    p_click = float(fitted.score(given)["click"][0])
    assert found.log_odds == pytest.approx(np.log(p_click / (1 - p_click)), abs=1e-4)
    parts = [one.log_odds for one in found.largest]
    assert found.base + sum(parts) + found.others == pytest.approx(found.log_odds, abs=1e-5)
    assert len(parts) == 3
    assert np.abs(parts).tolist() == sorted(np.abs(parts), reverse=True)


def test_the_planted_features_are_named_with_their_values_and_the_dictionarys_words(
    trees: Gbdt,
) -> None:
    given = one_row(item_click_rate_28d=0.97)

    found = told(trees, given, num_largest=2)

    assert found is not None
    named = {one.feature: one for one in found.largest}
    assert sorted(named) == ["item_category", "item_click_rate_28d"]
    rate, word = named["item_click_rate_28d"], named["item_category"]
    assert rate.log_odds > 0
    assert rate.value == pytest.approx(0.97)
    assert rate.unit == "clicks per look"
    assert rate.why == "how attractive it is where looked at; smoothed"
    assert word.value == given.words["item_category"][0].as_py()


def test_what_words_say_together_is_told_with_its_largest_terms(fitted: Gbdt) -> None:
    given = one_row(item_click_rate_28d=0.97)

    found = told(fitted, given, num_largest=3)

    assert found is not None
    [together] = [one for one in found.largest if one.feature == FACTORS]
    assert together.unit == "log-odds"
    terms = fitted.factor_terms(given)
    base = terms.pop(())
    assert together.value == pytest.approx(fitted.columns.matrix(given)[0, -1] - base, abs=1e-5)
    most = max(terms, key=lambda names: abs(terms[names]))
    first = together.why.removeprefix("what its words say together, most of all ").split(", ")[0]
    assert first == f"{' with '.join(most)} {terms[most]:+.2f}"


def test_a_feature_of_which_nothing_is_known_has_no_value(fitted: Gbdt) -> None:
    found = told(fitted, one_row(item_click_rate_28d=np.nan), num_largest=200)

    assert found is not None
    [rate] = [one for one in found.largest if one.feature == "item_click_rate_28d"]
    assert rate.value is None


@pytest.fixture(scope="module")
def pooled() -> "Ensemble":
    pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")
    from tests.training.rankers.test_ensemble import CONFIG
    from training.rankers import ensemble

    found = ensemble.fit(days, SPLIT, CONFIG, 7)
    return replace(found, share={**found.share, "click": 0.25})


def test_of_the_ensemble_the_network_is_a_part_beside_the_features(pooled: "Ensemble") -> None:
    given = one_row()
    p_click, of_network = (float(one.score(given)["click"][0]) for one in (pooled, pooled.deep))

    found = told(pooled, given, num_largest=300)

    assert found is not None
    assert found.log_odds == pytest.approx(np.log(p_click / (1 - p_click)), abs=1e-5)
    parts = {one.feature: one for one in found.largest}
    assert found.base + sum(one.log_odds for one in parts.values()) == pytest.approx(
        found.log_odds, abs=1e-9
    )
    network = parts["network"]
    assert (network.value, network.unit) == (0.25, "share")
    said = 0.25 * (np.log(of_network / (1 - of_network)) - found.base)
    assert network.log_odds == pytest.approx(said, abs=1e-4)


def test_where_trees_alone_were_heard_their_parts_count_whole(pooled: "Ensemble") -> None:
    given = one_row()
    trees = told(pooled.gbdt, given, num_largest=300)
    assert trees is not None
    factor = float(pooled.effects.of(given.item_N)[0])
    odds = np.exp(trees.log_odds) * factor

    found = contributions_of(pooled, given, p_click=odds / (1 + odds), num_largest=300)

    assert found is not None
    assert "network" not in {one.feature for one in found.largest}
    assert found.log_odds == pytest.approx(trees.log_odds + np.log(factor), abs=1e-4)
