from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from etl.surfaces import LIVE_STREAMS
from etl.tables import SLATES
from scoring.explain import explain
from scoring.explained_score import contributions_of
from scoring.rank import Serving
from scoring.value import ValueConfig
from tests.scoring.explained_evenings import (
    FUSING,
    PLAIN,
    catalogue_item,
    known,
    ranked,
    with_slate,
)
from tests.training.known_evening import EVENING, item_daily, table_of, user_daily
from tests.training.rankers.conformance import SPLIT, days, unseen
from training import registry
from training.calibrate import Calibration
from training.calibrators import segments
from training.calibrators.lines import Line
from training.encode import EncoderConfig
from training.inputs import NUMERIC, Inputs
from training.item_side import COLUMNS
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.tree_columns import FACTORS
from training.retrieval.live_presence import PresenceConfig, presence

CONFIG = GbdtConfig(
    num_rounds=20, learning_rate=0.3, max_depth=3, max_bin=32, encoder=EncoderConfig(min_count=10)
)


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    return gbdt.fit(days, SPLIT, CONFIG, 7)


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

    found = contributions_of(fitted, given, num_largest=3)

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

    found = contributions_of(trees, given, num_largest=2)

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

    found = contributions_of(fitted, given, num_largest=3)

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
    found = contributions_of(fitted, one_row(item_click_rate_28d=np.nan), num_largest=200)

    assert found is not None
    [rate] = [one for one in found.largest if one.feature == "item_click_rate_28d"]
    assert rate.value is None


def test_a_champions_value_is_explained_by_its_terms(fitted: Gbdt) -> None:
    files = fitted.save()
    champion = Champion("product_feed", "gbdt", EVENING, EVENING, "rule", "better")
    slate = replace(
        PLAIN, value=ValueConfig(order_value=7.0, price_power=1.0, typical_price_cents=2000.0)
    )
    daily = item_daily(*({"item_no": n, "price_cents": 500.0 * n} for n in (1, 2, 3)))
    evening = known(
        2,
        ranked(1, 2, 3),
        serving=Serving(champion, registry.sha256_of(files), files),
        item_daily=daily.select(COLUMNS),
    )

    found = explain(with_slate(evening, slate), slate=slate, candidates=FUSING)

    value = found.value
    assert value is not None
    predicted = {one.task: one.predicted for one in value.terms}
    assert (value.price_cents, value.price_term) == (1000.0, 0.5)
    parts = {one.task: one.part for one in value.terms}
    assert parts == pytest.approx(
        {
            "click": predicted["click"],
            "order": 7 * predicted["order"] * 0.5,
            "watch": predicted["watch"],
        }
    )
    assert value.value == pytest.approx(sum(parts.values()))
    assert value.formula == (
        "click_value · p(click) + order_value · p(order) · price_term + watch_value · E[watched]"
    )
    assert found.contributions is not None
    assert found.contributions.log_odds == pytest.approx(
        np.log(predicted["click"] / (1 - predicted["click"])), abs=1e-4
    )
    assert found.place.ranker == "gbdt"
    assert found.is_made_alike is True


def test_a_calibrated_prediction_is_told_beside_what_the_ranker_says(fitted: Gbdt) -> None:
    files = fitted.save()
    champion = Champion("product_feed", "gbdt", EVENING, EVENING, "rule", "better")
    halving = Calibration(Line("platt", 1.0, 1.0, float(np.log(0.5))), segments.NOTHING, {})
    evening = known(
        2,
        ranked(1, 2, 3),
        serving=Serving(
            champion, registry.sha256_of(files), files, {"order": halving.save().decode()}
        ),
        item_daily=item_daily(*({"item_no": n} for n in (1, 2, 3))).select(COLUMNS),
    )

    found = explain(with_slate(evening, PLAIN), slate=PLAIN, candidates=FUSING)

    assert found.value is not None
    terms = {one.task: one for one in found.value.terms}
    order, click = terms["order"], terms["click"]
    odds = order.uncalibrated / (1 - order.uncalibrated) / 2
    assert order.predicted == pytest.approx(odds / (1 + odds))
    assert click.predicted == click.uncalibrated
    assert order.part == pytest.approx(order.worth * order.predicted)


def test_a_live_slots_value_is_explained_with_the_users_presence(fitted: Gbdt) -> None:
    files = fitted.save()
    champion = Champion("live_streams", "gbdt", EVENING, EVENING, "rule", "better")
    slots = [
        {"item_no": n, "item_type": "live_slot", "item_id": f"h{n}@sat-20", "host_id": f"h{n}"}
        for n in (1, 2, 3)
    ]
    hours = [0] * 20 + [9] + [0] * 3
    evening = known(
        2,
        ranked(1, 2, 3),
        surface=LIVE_STREAMS,
        item=catalogue_item(2, item_type="live_slot"),
        user=user_daily({"user_id": "ann", "active_hours": hours}).append_column(
            "segment", pa.array(["DE||"])
        ),
        slates=table_of(SLATES["live_streams"], []),
        serving=Serving(champion, registry.sha256_of(files), files),
        item_daily=item_daily(*slots).select(COLUMNS),
    )

    found = explain(with_slate(evening, PLAIN), slate=PLAIN, candidates=FUSING)

    value = found.value
    assert value is not None
    [there_H] = presence(np.array([hours]), PresenceConfig())
    assert value.presence == pytest.approx(there_H[20])
    assert value.value == pytest.approx(value.presence * sum(one.part for one in value.terms))
    assert value.formula.endswith(") · presence")
    assert found.is_made_alike is True
