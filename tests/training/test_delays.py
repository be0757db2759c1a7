from datetime import date

import numpy as np
import pytest

from etl.silver.attribution import WINDOW_DAYS
from training.delays import UNKNOWN, Delays, DelaysConfig, corrected, fit, ripened

NIGHT = date(2026, 3, 1)
CONFIG = DelaysConfig(min_orders=4)


def days_ago(*ages: int) -> np.ndarray:
    return np.datetime64(NIGHT, "D") - np.array(ages)


def ordered(*age_and_lag: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Days of impressions, and those on which what followed was attributed."""
    ages, lags = np.array(age_and_lag).T
    return days_ago(*ages), days_ago(*(ages - lags))


def test_the_share_known_is_what_stands_beside_what_will() -> None:
    shown, known = ordered((10, 0), (10, 1), (8, 4), (7, 7))

    found = fit(shown, known, np.ones(4), night=NIGHT, config=CONFIG)

    assert found.num_orders == 4
    assert [found.at(age) for age in range(WINDOW_DAYS + 1)] == pytest.approx(
        [0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 1.0]
    )
    assert found.at(30) == 1.0


def test_young_impressions_tell_of_the_ages_that_they_have_reached() -> None:
    """Half of what was shown long ago is known at once, and all of what was shown yesterday."""
    old = [(20, 0), (20, 0), (20, 2), (20, 2)]
    yesterday = [(1, 0), (1, 0), (1, 1), (1, 1)]
    shown, known = ordered(*old, *yesterday)
    recent = DelaysConfig(min_orders=4, num_days=1, enough_orders=1)

    found = fit(shown, known, np.ones(8), night=NIGHT, config=recent)

    assert [found.at(age) for age in range(3)] == pytest.approx([0.25, 0.5, 1.0])


def test_orders_that_will_be_cancelled_are_not_to_come() -> None:
    """Of four orders two are known at once and two a day later; one is cancelled on the second."""
    shown, known = ordered((9, 0), (9, 0), (9, 1), (9, 1), (9, 2))

    found = fit(shown, known, np.array([1, 1, 1, 1, -1]), night=NIGHT, config=CONFIG)

    assert found.num_orders == 4
    assert [found.at(age) for age in range(3)] == pytest.approx([2 / 3, 4 / 3, 1.0])


def test_of_too_few_orders_nothing_is_known_until_labels_are_ripe() -> None:
    shown, known = ordered((9, 0), (9, 1), (9, 2), (9, 3))
    change = np.array([1, 1, 1, -1])
    found = fit(shown, known, change, night=NIGHT, config=CONFIG)

    assert (found.at(1), found.at(WINDOW_DAYS), found.num_orders) == (None, 1.0, 3)


def test_an_age_before_the_first_order_is_not_known() -> None:
    shown, known = ordered(*[(9, 2)] * 4)
    found = fit(shown, known, np.ones(4), night=NIGHT, config=CONFIG)

    assert [found.at(age) for age in range(3)] == [None, None, 1.0]


def test_an_age_at_which_nothing_is_known_yet_is_not_divided_by() -> None:
    assert Delays(np.array([0.0, 0.5]), 9).at(0) is None


def test_positives_count_for_those_to_come_and_the_sum_stays() -> None:
    label_N = np.array([True, False, False, False])
    weight_N = np.array([1.0, 1.0, 1.0, 2.0])

    found = corrected(label_N, weight_N, 0.5)

    assert found == pytest.approx([2.0, 0.75, 0.75, 1.5])
    assert found.sum() == weight_N.sum()


def test_labels_that_are_all_alike_stay_as_they_are() -> None:
    weight_N = np.array([1.0, 3.0])
    for label_N in (np.zeros(2, bool), np.ones(2, bool)):
        assert corrected(label_N, weight_N, 0.5).tolist() == [1.0, 3.0]


def test_labels_of_unripe_days_have_the_mean_of_the_final_ones() -> None:
    """Orders drawn with their delays; what is known on a night is learned from."""
    rng = np.random.default_rng(1)
    num_examples = 200_000
    is_ordered_N = rng.random(num_examples) < 0.05
    delay_N = np.minimum(rng.geometric(0.4, num_examples) - 1, WINDOW_DAYS)
    age_N = rng.integers(0, WINDOW_DAYS, num_examples)
    known_N = is_ordered_N & (delay_N <= age_N)
    others = np.minimum(rng.geometric(0.4, 5_000) - 1, WINDOW_DAYS)
    shown = days_ago(*[20] * len(others))
    found = fit(shown, shown + others, np.ones(len(others)), night=NIGHT, config=CONFIG)

    told_N = ripened(known_N, age_N, found)

    assert known_N.mean() < 0.9 * is_ordered_N.mean()
    assert told_N.dtype == np.float32
    for age in range(WINDOW_DAYS):
        of_age = age_N == age
        assert told_N[of_age].mean() == pytest.approx(is_ordered_N[of_age].mean(), rel=0.1)


def test_labels_stay_where_the_share_is_not_known() -> None:
    label_N = np.array([True, False])
    assert ripened(label_N, np.array([0, -3]), UNKNOWN).tolist() == [1, 0]
