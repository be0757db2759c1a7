import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tests.training.rankers.conformance import batch_of
from training import calibrations
from training.calibrate import UnknownCalibrationError
from training.calibrations import ALL, NOTHING, US, Calibrations, CalibrationsConfig, Fitted, Scored
from training.delays import UNKNOWN, Delays
from training.inputs import NUMERIC, WORDS, Inputs
from training.rankers.ranker import Batch
from training.tasks import CLICK, ORDER

NIGHT = date(2026, 3, 1)
CONFIG = CalibrationsConfig(min_positives=100, min_own_positives=200, enough_positives=1_500)
RIPENING = Delays(np.array([0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]), 1_000)
PLACE, AGE = NUMERIC.index("position"), NUMERIC.index("item_age_days")


def shown(age_days: int, *, twice: float = 2.0, num: int = 10_000, own: float = 1.0) -> Scored:
    """A day on which a tenth is clicked, predicted so many times as much; new items more often."""
    rng = np.random.default_rng(age_days)
    nothing = pa.array([None] * num, pa.string()).dictionary_encode()
    numeric_NF = np.full((num, len(NUMERIC)), np.nan, np.float32)
    is_new = rng.random(num) < 0.5
    numeric_NF[:, AGE], numeric_NF[:, PLACE] = np.where(is_new, 1, 90), np.arange(num) % 20
    given = Inputs(numeric_NF, dict.fromkeys(WORDS, nothing), np.arange(num) % 50)
    p_N = np.where(is_new, 0.15, 0.05) * np.exp(rng.normal(0, 0.3, num))
    click = rng.random(num) < p_N
    batch = batch_of(given, {"click": click, "order": click}, np.ones(num), np.arange(num) // 20)
    is_own_N = rng.random(num) < own
    propensity_N = np.where(rng.random(num) < 0.05, 0.01, 0.95)
    batch = replace(batch, is_own_N=is_own_N, propensity_N=propensity_N)
    predicted = dict.fromkeys(("click", "order"), np.minimum(p_N * twice, 0.99))
    return Scored(NIGHT - timedelta(days=age_days), age_days, batch, predicted)


def mean_of(found: Fitted, day: Scored, task: str = "click") -> float:
    """Mean prediction of a day, calibrated."""
    assert found.calibration is not None, found.reason
    made = Calibrations({task: found.calibration})
    return float(made.apply(day.p, day.batch.given)[task].mean())


def test_what_is_predicted_twice_as_often_as_it_comes_is_made_true() -> None:
    found = calibrations.fit(CLICK, [shown(1), shown(2)], UNKNOWN, CONFIG)

    later = shown(0)
    assert mean_of(found, later) == pytest.approx(later.batch.label["click"].mean(), rel=0.05)
    assert (found.num_examples, found.shown_by) == (20_000, US)
    assert found.days == (NIGHT - timedelta(days=2), NIGHT - timedelta(days=1))
    assert found.reason == "chosen on the newest day"
    assert 800 < found.num_exploration < 1_200


def test_no_older_day_is_asked_for_than_is_needed() -> None:
    asked = []

    def days() -> Iterator[Scored]:
        for age_days in range(1, 15):
            asked.append(age_days)
            yield shown(age_days)

    calibrations.fit(CLICK, days(), UNKNOWN, CONFIG)

    assert asked == [1, 2]


def test_one_day_alone_is_judged_by_folds_of_users() -> None:
    assert calibrations.fit(CLICK, [shown(1)], UNKNOWN, CONFIG).reason == "chosen by folds of users"


def test_of_too_few_positives_nothing_is_fitted_and_it_is_said() -> None:
    found = calibrations.fit(CLICK, [shown(1, num=200)], UNKNOWN, CONFIG)

    assert found.calibration is None
    assert found.reason.endswith("positives that it has not learned from; 100 are needed")
    assert found.row()["sha256"] is None


@pytest.mark.parametrize(("own", "shown_by"), [(0.5, US), (0.05, ALL)])
def test_what_others_showed_counts_only_where_too_little_is_ours(own: float, shown_by: str) -> None:
    found = calibrations.fit(CLICK, [shown(1, own=own)], UNKNOWN, CONFIG)

    assert found.shown_by == shown_by
    expected = own if shown_by == US else 1.0
    assert found.num_examples == pytest.approx(10_000 * expected, rel=0.1)


def test_delayed_labels_are_read_where_they_are_ripe_and_then_where_they_are_riper() -> None:
    ages = list(range(1, 15))
    found = calibrations.order_of(ORDER, ages, ripe_from=7)

    assert found == [7, 8, 9, 10, 11, 12, 13, 14, 6, 5, 4, 3, 2, 1]
    assert calibrations.order_of(CLICK, ages, ripe_from=7) == ages


def unripe(day: Scored, share: float) -> Scored:
    """The same day while so much of what will follow is known."""
    rng = np.random.default_rng(7)
    order = day.batch.label["order"] & (rng.random(len(day.batch)) < share)
    label = {**day.batch.label, "order": order}
    return replace(day, batch=replace(day.batch, label=label))


def test_young_labels_are_corrected_by_how_much_is_known_at_their_age() -> None:
    day = shown(1, twice=1.0)

    found = calibrations.fit(ORDER, [unripe(day, 0.5)], RIPENING, CONFIG)

    assert found.known_share == 0.5
    assert mean_of(found, day, "order") == pytest.approx(day.batch.label["order"].mean(), rel=0.1)


def test_young_labels_that_will_be_taken_back_weigh_less() -> None:
    """A fifth of what is ordered at once is cancelled on the days after."""
    day = shown(1, twice=1.0)
    cancelling = Delays(np.array([1.25, 1.25, *[1.0] * 6]), 1_000)

    found = calibrations.fit(ORDER, [day], cancelling, CONFIG)

    assert found.known_share == 1.0
    standing = 0.8 * day.batch.label["order"].mean()
    assert mean_of(found, day, "order") == pytest.approx(standing, rel=0.1)


def test_young_labels_are_left_out_where_it_is_not_known_how_soon_they_ripen() -> None:
    found = calibrations.fit(ORDER, [shown(2), shown(1)], UNKNOWN, CONFIG)

    assert found.calibration is None
    assert "labels 1, 2 days old were left out" in found.reason


def test_of_candidates_all_is_known_at_once() -> None:
    day = shown(1)
    day.batch.given.numeric_NF[:, PLACE] = np.nan

    assert calibrations.fit(ORDER, [day], UNKNOWN, CONFIG).calibration is not None


def test_a_calibration_is_the_same_after_it_was_written() -> None:
    day = shown(1)
    found = calibrations.fit(CLICK, [day], UNKNOWN, CONFIG)
    assert found.written is not None

    read = calibrations.load({"click": found.written})

    made = Calibrations({"click": found.calibration})  # type: ignore[dict-item]
    after, before = (one.apply(day.p, day.batch.given) for one in (read, made))
    np.testing.assert_array_equal(after["click"], before["click"])
    np.testing.assert_array_equal(after["order"], day.p["order"])
    assert found.row()["sha256"] == calibrations.sha256_of(found.written)
    json.loads(found.written)


def test_a_calibration_that_is_cut_off_is_refused() -> None:
    written = calibrations.fit(CLICK, [shown(1)], UNKNOWN, CONFIG).written
    assert written is not None
    with pytest.raises(UnknownCalibrationError, match="not whole"):
        calibrations.load({"click": written[:-5]})


def test_where_nothing_is_calibrated_predictions_are_as_they_were() -> None:
    day: Batch = shown(1).batch
    p = {"click": np.linspace(0, 1, len(day))}
    assert NOTHING.apply(p, day.given)["click"] is p["click"]


def test_where_days_drift_the_newest_of_them_counts() -> None:
    drifting = [shown(age, twice=1.6 - 0.15 * age) for age in (1, 2, 3, 4, 5)]
    config = replace(CONFIG, enough_positives=10_000)

    found = calibrations.fit(CLICK, drifting, UNKNOWN, config)

    assert len(found.days) == 5
    next_day = shown(0, twice=1.6)
    share = mean_of(found, next_day) / next_day.batch.label["click"].mean()
    assert found.calibration is not None
    pooled = replace(found, calibration=replace(found.calibration, drift=0.0))
    assert share == pytest.approx(1.1, abs=0.05)
    assert mean_of(pooled, next_day) / next_day.batch.label["click"].mean() > share + 0.1


def test_days_that_do_not_drift_have_next_to_none() -> None:
    steady = [shown(age) for age in (1, 2, 3, 4, 5)]

    found = calibrations.fit(CLICK, steady, UNKNOWN, replace(CONFIG, enough_positives=10_000))

    assert found.calibration is not None
    assert abs(found.calibration.drift) < 0.05


def test_drift_is_kept_with_the_calibration() -> None:
    drifting = [shown(age, twice=2.0 - 0.3 * age) for age in (1, 2, 3)]
    found = calibrations.fit(CLICK, drifting, UNKNOWN, replace(CONFIG, enough_positives=10_000))

    assert found.written is not None
    loaded = calibrations.load({"click": found.written})

    assert loaded.by_task["click"].drift != 0
    assert loaded.by_task["click"] == found.calibration
