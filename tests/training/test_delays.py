import numpy as np
import pytest

from etl.silver.attribution import WINDOW_DAYS
from training import delays


def test_of_many_outcomes_the_share_known_at_an_age_is_counted() -> None:
    delay_O = np.repeat([0, 1, 3, WINDOW_DAYS], [6_000, 2_000, 1_000, 1_000])

    found = delays.fit(delay_O)

    ages = np.array([0, 1, 2, 3, WINDOW_DAYS, 30])
    assert found.at(ages).tolist() == pytest.approx([0.6, 0.8, 0.8, 0.9, 1, 1], abs=0.002)


def test_nothing_known_is_a_share_a_day_and_never_nothing() -> None:
    found = delays.fit(np.empty(0, np.int64))

    assert found.known_A.tolist() == pytest.approx(
        [(age + 1) / (WINDOW_DAYS + 1) for age in range(WINDOW_DAYS + 1)]
    )


def test_clocks_ahead_and_late_lines_count_at_the_ends() -> None:
    found = delays.fit(np.array([-2, 40]))

    assert found.known_A[-1] == 1
    assert (np.diff(found.known_A) > 0).all()
    assert found.at(np.array([-1])) == found.at(np.array([0]))


def test_labels_of_unripe_days_have_the_mean_of_the_final_ones() -> None:
    """Orders drawn with their delays; what is known on a night is learned from."""
    rng = np.random.default_rng(1)
    num_examples = 200_000
    is_ordered_N = rng.random(num_examples) < 0.05
    delay_N = np.minimum(rng.geometric(0.4, num_examples) - 1, WINDOW_DAYS)
    age_N = rng.integers(0, WINDOW_DAYS, num_examples)
    known_N = is_ordered_N & (delay_N <= age_N)
    found = delays.fit(np.minimum(rng.geometric(0.4, 5_000) - 1, WINDOW_DAYS))

    told_N = delays.corrected(known_N, found.at(age_N))

    assert known_N.mean() < 0.9 * is_ordered_N.mean()
    assert told_N.dtype == np.float32
    for age in range(WINDOW_DAYS):
        of_age = age_N == age
        assert told_N[of_age].mean() == pytest.approx(is_ordered_N[of_age].mean(), rel=0.1)
