from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from training.calibration_metrics import (
    NUM_BINS,
    CalibrationError,
    PredictedToObserved,
    calibration_error,
    equal_mass_bins,
    predicted_to_observed,
    reliability,
)
from training.calibrators.calibrator import chance

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""user_N, label_N, p_N, weight_N."""

NUM_USERS, EACH = 120, 80


def shown(seed: int, *, times: float = 1.0) -> Rows:
    """Users who like things more or less; predictions are ``times`` too high."""
    rng = np.random.default_rng(seed)
    user_N = np.repeat(np.arange(NUM_USERS), EACH) * 3
    eager_N = rng.normal(0, 0.5, NUM_USERS).repeat(EACH)
    true_N = chance(rng.normal(-2, 0.8, NUM_USERS * EACH) + eager_N)
    return user_N, rng.random(len(true_N)) < true_N, times * true_N, np.ones(len(true_N))


@st.composite
def judged_rows(draw: st.DrawFn) -> Rows:
    """Rows of some users in any order, with ties, shares and weights of 0."""
    num = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    p_N = rng.integers(0, draw(st.sampled_from([3, 30, 1000])), num) / 1000
    label_N = rng.choice([0.0, 0.3, 1.0], num)
    weight_N = rng.integers(0, 4, num).astype(np.float64)
    weight_N[:2] = 1.0
    user_N = rng.integers(0, 8, num)
    user_N[:2] = [0, 1]
    return user_N, label_N, p_N, weight_N


def slow_bin(p: float, p_N: np.ndarray, weight_N: np.ndarray) -> int:
    """The bin of the middle of all rows of the same prediction."""
    below, same = weight_N[p_N < p].sum(), weight_N[p_N == p].sum()
    return min(int((below + same / 2) * NUM_BINS / weight_N.sum()), NUM_BINS - 1)


@settings(max_examples=30)
@given(judged_rows())
def test_the_calibration_error_is_that_of_a_plain_loop(rows: Rows) -> None:
    _, label_N, p_N, weight_N = rows
    found = calibration_error(*rows, seed=1)

    apart = dict.fromkeys(range(NUM_BINS), 0.0)
    for label, p, weight in zip(label_N, p_N, weight_N, strict=True):
        apart[slow_bin(p, p_N, weight_N)] += weight * (p - label)
    expected = sum(abs(of_bin) for of_bin in apart.values()) / weight_N.sum()

    assert found.value == pytest.approx(expected)
    assert found.base_rate == pytest.approx(np.average(label_N, weights=weight_N))


@settings(max_examples=20)
@given(judged_rows(), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(rows: Rows, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(rows[0]))
    user_N, label_N, p_N, weight_N = (column[order] for column in rows)
    shuffled = (user_N, label_N, p_N, weight_N)

    one, other = calibration_error(*rows, seed=1), calibration_error(*shuffled, seed=1)

    assert (other.value, other.by_chance) == pytest.approx((one.value, one.by_chance))


@given(judged_rows())
def test_bins_hold_equal_mass_and_equal_predictions_stay_together(rows: Rows) -> None:
    _, _, p_N, weight_N = rows
    assert equal_mass_bins(p_N, weight_N).tolist() == [slow_bin(p, p_N, weight_N) for p in p_N]


NUM_WORLDS = 80


@cache
def many(times: float) -> list[tuple[PredictedToObserved, CalibrationError]]:
    """Judge predictions in worlds that differ by chance."""
    worlds = [shown(seed, times=times) for seed in range(NUM_WORLDS)]
    return [
        (predicted_to_observed(*rows, seed=seed), calibration_error(*rows, seed=seed))
        for seed, rows in enumerate(worlds)
    ]


@pytest.mark.parametrize("times", [1.0, 1.2])
def test_intervals_hold_the_truth_about_as_often_as_they_say(times: float) -> None:
    ratios = [ratio for ratio, _ in many(times)]
    in_95 = np.mean([ratio.low_95 <= times <= ratio.high_95 for ratio in ratios])
    in_99 = np.mean([ratio.low_99 <= times <= ratio.high_99 for ratio in ratios])
    # Two standard errors of such shares of 80 are 0.05 and 0.02.
    assert 0.90 <= in_95 <= 0.99
    assert in_99 >= 0.97


def test_chance_is_what_true_predictions_are_off_by() -> None:
    errors = [error for _, error in many(1.0)]
    values = np.array([error.value for error in errors])
    by_chance = np.array([error.by_chance for error in errors])
    stays_below = np.mean([error.value <= error.most_by_chance for error in errors])
    assert by_chance.mean() == pytest.approx(values.mean(), rel=0.08)
    assert 0.9 <= stays_below <= 0.99
    assert np.mean([error.low == 0 for error in errors]) > 0.95


def test_without_chance_the_error_is_the_true_one() -> None:
    errors = [error for _, error in many(1.2)]
    # A fifth too much everywhere.
    truth = np.array([0.2 * shown(seed)[2].mean() for seed in range(NUM_WORLDS)])
    value, debiased = np.array([[error.value, error.debiased] for error in errors]).T
    covered = [e.low <= true <= e.high for e, true in zip(errors, truth, strict=True)]
    assert debiased.mean() == pytest.approx(truth.mean(), rel=0.05)
    assert (value > debiased).all()
    assert 0.9 <= np.mean(covered) <= 0.99


def test_an_interval_is_one_of_users_and_not_of_rows() -> None:
    user_N, label_N, p_N, weight_N = shown(1)
    eightfold = tuple(np.tile(column, 8) for column in (user_N, label_N, p_N, weight_N))

    once, often = (
        predicted_to_observed(*rows, seed=1)
        for rows in ((user_N, label_N, p_N, weight_N), eightfold)
    )

    assert (often.low_95, often.high_95) == pytest.approx((once.low_95, once.high_95))
    assert often.num_positives == 8 * once.num_positives
    assert once.low_99 < once.low_95 < once.value < once.high_95 < once.high_99


def test_weights_count_rows() -> None:
    user_N, label_N, p_N, _ = shown(1)
    weight_N = np.random.default_rng(2).integers(1, 4, len(user_N))
    repeated = [np.repeat(column, weight_N) for column in (user_N, label_N, p_N)]

    weighted = (user_N, label_N, p_N, weight_N.astype(np.float64))
    plain = (*repeated, np.ones(len(repeated[0])))

    for measure in (predicted_to_observed, calibration_error):
        one, other = measure(*weighted, seed=1), measure(*plain, seed=1)
        for name in set(one.__slots__) - {"num_positives"}:
            assert getattr(one, name) == pytest.approx(getattr(other, name)), name


def test_what_never_came_was_predicted_infinitely_often() -> None:
    found = predicted_to_observed(
        np.arange(5), np.zeros(5, bool), np.full(5, 0.1), np.ones(5), seed=1
    )
    assert found.value == found.low_99 == found.high_99 == np.inf
    assert found.num_positives == 0


def test_of_rare_positives_the_interval_has_no_upper_end() -> None:
    label_N = np.arange(50) == 7
    found = predicted_to_observed(np.arange(50), label_N, np.full(50, 0.02), np.ones(50), seed=1)
    assert found.value == pytest.approx(1)
    assert 0 < found.low_95 < 1
    assert found.high_95 == np.inf


def test_without_rows_or_with_one_user_nothing_is_known() -> None:
    none = (np.empty(0, np.int64), np.empty(0, bool), np.empty(0), np.empty(0))
    alone = (np.zeros(4, np.int64), np.ones(4, bool), np.full(4, 0.5), np.ones(4))
    assert np.isnan(predicted_to_observed(*none, seed=1).value)
    assert reliability(*none, seed=1) == []
    for rows in (none, alone):
        error = calibration_error(*rows, seed=1)
        assert np.isnan([error.value, error.debiased, error.low]).all()


def test_points_of_a_picture_are_means_of_bins_by_rising_prediction() -> None:
    rows = user_N, label_N, p_N, weight_N = shown(3)

    found = reliability(*rows, seed=1)

    bin_N = equal_mass_bins(p_N, weight_N)
    assert [point.predicted for point in found] == pytest.approx(
        [p_N[bin_N == b].mean() for b in range(NUM_BINS)]
    )
    assert [point.observed for point in found] == pytest.approx(
        [label_N[bin_N == b].mean() for b in range(NUM_BINS)]
    )
    assert [point.num_positives for point in found] == [
        label_N[bin_N == b].sum() for b in range(NUM_BINS)
    ]
    assert all(point.low < point.observed < point.high for point in found)
    assert [point.weight for point in found] == [len(user_N) / NUM_BINS] * NUM_BINS


def test_where_nothing_or_all_came_the_interval_is_the_exact_binomial_one() -> None:
    for label, num in ((False, 0), (True, 30)):
        rows = (np.arange(30), np.full(30, label), np.full(30, 0.4), np.ones(30))
        [found] = reliability(*rows, seed=1)
        exact = binomtest(num, 30).proportion_ci(0.95, "exact")
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
