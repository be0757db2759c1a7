from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from etl.surfaces import LIVE_STREAMS
from etl.tables import SLATES
from scoring.explain import explain
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
from tests.training.rankers.conformance import SPLIT, days
from training import registry
from training.calibrate import Calibration
from training.calibrators import segments
from training.calibrators.lines import Line
from training.encode import EncoderConfig
from training.item_side import COLUMNS
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.retrieval.live_presence import PresenceConfig, presence

CONFIG = GbdtConfig(
    num_rounds=20, learning_rate=0.3, max_depth=3, max_bin=32, encoder=EncoderConfig(min_count=10)
)


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    return gbdt.fit(days, SPLIT, CONFIG, 7)


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
