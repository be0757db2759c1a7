from datetime import date

import numpy as np
import pytest

from etl.silver.attribution import WINDOW_DAYS
from training.delays import UNKNOWN, Delays, DelaysConfig, corrected, fit, ripened

NIGHT = date(2026, 3, 1)
CONFIG = DelaysConfig(min_orders=4)


def days_ago(*ages: int) -> np.ndarray:
    return np.datetime64(NIGHT, "D") - np.array(ages)


def test_the_share_known_is_read_off_ripe_impressions_alone() -> None:
    shown = days_ago(10, 10, 8, 7, 3, 3)
    known = days_ago(10, 9, 4, 0, 3, 3)

    found = fit(shown, known, night=NIGHT, config=CONFIG)

    assert found.num_orders == 4
    assert [found.at(age) for age in range(WINDOW_DAYS + 1)] == [
        0.25,
        0.5,
        0.5,
        0.5,
        0.75,
        0.75,
        0.75,
        1.0,
    ]
    assert found.at(30) == 1.0


def test_of_too_few_orders_nothing_is_known_until_labels_are_ripe() -> None:
    found = fit(days_ago(9, 9, 9), days_ago(9, 8, 7), night=NIGHT, config=CONFIG)

    assert (found.at(1), found.at(WINDOW_DAYS), found.num_orders) == (None, 1.0, 3)


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
    found = fit(shown, shown + others, night=NIGHT, config=CONFIG)

    told_N = ripened(known_N, age_N, found)

    assert known_N.mean() < 0.9 * is_ordered_N.mean()
    assert told_N.dtype == np.float32
    for age in range(WINDOW_DAYS):
        of_age = age_N == age
        assert told_N[of_age].mean() == pytest.approx(is_ordered_N[of_age].mean(), rel=0.1)


def test_labels_stay_where_the_share_is_not_known() -> None:
    label_N = np.array([True, False])
    assert ripened(label_N, np.array([0, -3]), UNKNOWN).tolist() == [1, 0]
