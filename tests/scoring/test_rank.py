from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import xgboost as xgb

from scoring.hours import ALL_DAY, Hours
from scoring.rank import Serving, rank
from scoring.value import ValueConfig
from tests.training.rankers import conformance
from training import promote, registry
from training.assemble import Rows
from training.calibrate import Calibration
from training.calibrators import segments
from training.calibrators.lines import Line
from training.inputs import NUMERIC
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.ranker import UnknownModelError

GIVEN = conformance.unseen().batch.given
NIGHT = date(2026, 1, 20)
FUSED = promote.first("product_feed", NIGHT)


def some_rows() -> Rows:
    num_rows, nothing = len(GIVEN), np.empty(0)
    fused = np.random.default_rng(1).random(num_rows)
    rows = (np.zeros(num_rows, int), np.arange(num_rows), fused)
    return Rows(*rows, *[nothing] * 4, position_R=np.zeros(num_rows))


def all_day(rows: Rows) -> Hours:
    num_rows = len(rows.item_R)
    return Hours(rows.user_R, rows.item_R, np.full(num_rows, ALL_DAY), np.ones(num_rows))


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    with xgb.config_context(nthread=1):
        config = GbdtConfig(num_rounds=5, max_depth=2)
        return gbdt.fit(conformance.days, conformance.SPLIT, config, 7)


def serving_of(ranker: str, files: dict[str, bytes]) -> Serving:
    champion = Champion("product_feed", ranker, NIGHT, NIGHT, "rule", "it was better")
    return Serving(champion, registry.sha256_of(files), files)


def test_without_a_ranker_the_fused_order_is_the_value() -> None:
    rows = some_rows()
    serving = Serving(FUSED, "", {})
    found = rank(rows, GIVEN, serving=serving, config=ValueConfig(), hours=all_day(rows))
    np.testing.assert_array_equal(found.value_R, rows.fused_R)
    assert found.p_by_task is None


def test_without_a_ranker_a_live_slot_counts_as_often_as_the_user_is_there() -> None:
    rows = some_rows()
    num_rows = len(rows.item_R)
    presence_R = np.linspace(0.1, 0.9, num_rows)
    hours = Hours(rows.user_R, rows.item_R, np.arange(num_rows) % 24, presence_R)
    found = rank(rows, GIVEN, serving=Serving(FUSED, "", {}), config=ValueConfig(), hours=hours)
    np.testing.assert_array_equal(found.value_R, rows.fused_R * presence_R)


def test_the_champions_probabilities_make_the_value(fitted: Gbdt) -> None:
    config = ValueConfig(click_value=1.0, order_value=3.0, price_power=1.0, typical_price_cents=0.5)

    rows, serving = some_rows(), serving_of("gbdt", fitted.save())
    found = rank(rows, GIVEN, serving=serving, config=config, hours=all_day(rows))

    scores = fitted.score(GIVEN)
    price = GIVEN.numeric_NF[:, NUMERIC.index("item_price_cents")].astype(float)
    term = np.where(np.isnan(price), 1.0, price / 0.5)
    expected = scores["click"] + 3.0 * scores["order"] * term + scores["watch"]
    np.testing.assert_allclose(found.value_R, expected, 1e-6)
    assert found.p_by_task is not None
    conformance.same_scores(found.p_by_task, scores)


def test_what_is_calibrated_is_valued_as_it_comes(fitted: Gbdt) -> None:
    halving = Calibration(Line("platt", 1.0, 1.0, float(np.log(0.5))), segments.NOTHING, {})
    rows = some_rows()
    serving = replace(
        serving_of("gbdt", fitted.save()), calibrations={"click": halving.save().decode()}
    )

    found = rank(rows, GIVEN, serving=serving, config=ValueConfig(), hours=all_day(rows))

    scores = fitted.score(GIVEN)
    odds = scores["click"].astype(np.float64) / (1 - scores["click"]) / 2
    click = odds / (1 + odds)
    expected = click + ValueConfig().order_value * scores["order"] + scores["watch"]
    np.testing.assert_allclose(found.value_R, expected, 1e-6)
    assert found.p_by_task is not None
    np.testing.assert_allclose(found.p_by_task["click"], click, 1e-6)
    assert found.uncalibrated is not None
    conformance.same_scores(found.uncalibrated, scores)


def test_each_night_is_scored_by_its_own_model(fitted: Gbdt) -> None:
    other = replace(fitted, heads={"click": fitted.heads["click"][:1]}, ratio={"order": 0.5})
    rows, config = some_rows(), ValueConfig()
    servings = (serving_of("gbdt", model.save()) for model in (fitted, other))
    first, second = (
        rank(rows, GIVEN, serving=serving, config=config, hours=all_day(rows))
        for serving in servings
    )
    assert first.p_by_task is not None
    assert second.p_by_task is not None
    conformance.same_scores(second.p_by_task, other.score(GIVEN))
    assert (first.value_R != second.value_R).any()


def test_a_champion_that_nobody_knows_is_refused() -> None:
    rows, serving = some_rows(), serving_of("forest", {"forest.bin": b"trees"})
    with pytest.raises(UnknownModelError, match="no ranker 'forest'"):
        rank(rows, GIVEN, serving=serving, config=ValueConfig(), hours=all_day(rows))


def test_a_live_slot_counts_as_often_as_the_user_is_there_at_its_place_of_the_hour(
    fitted: Gbdt,
) -> None:
    rows, serving, config = some_rows(), serving_of("gbdt", fitted.save()), ValueConfig()
    hour_R = np.arange(len(rows.item_R)) % 2 + 20
    presence_R = np.where(hour_R == 20, 0.75, 0.25)
    hours = Hours(rows.user_R, rows.item_R, hour_R, presence_R)

    found = rank(rows, GIVEN, serving=serving, config=config, hours=hours)

    first = fitted.score(GIVEN.at_positions(0))
    worth = first["click"] + 5.0 * first["order"] + first["watch"]
    for hour in (20, 21):
        of_hour = np.flatnonzero(hour_R == hour)
        order = of_hour[np.lexsort((of_hour, -worth[of_hour].astype(float)))]
        examined = fitted.examination.at(np.arange(len(order)))
        np.testing.assert_allclose(
            found.value_R[order], worth[order] * examined * presence_R[order], 1e-5
        )
    assert found.presence_R is presence_R
