import numpy as np
import pytest

from tests.training.calibrators.distorted import chances, examples, happened
from training.calibrators import drift
from training.calibrators.calibrator import chance, logit
from training.calibrators.drift import Level


def readings(*values: float, deviation: float = 0.03) -> list[Level]:
    """A reading a day, each as noisy."""
    return [Level(day, value, deviation**2) for day, value in enumerate(values)]


def test_a_days_level_is_what_its_predictions_lack() -> None:
    true_N = chances(1, 40_000)
    predicted_N = chance(logit(true_N) - 0.3)

    found = drift.level(7, logit(predicted_N), happened(2, true_N, predicted_N))

    assert found is not None
    assert found.number == 7
    assert found.value == pytest.approx(0.3, abs=3 * np.sqrt(found.variance))


def test_its_variance_is_that_of_days_drawn_anew() -> None:
    true_N = chances(1, 4_000)
    drawn = [drift.level(0, logit(true_N), happened(seed, true_N, true_N)) for seed in range(200)]

    values = [one.value for one in drawn if one is not None]
    variances = [one.variance for one in drawn if one is not None]
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.3)


def test_rows_of_one_user_do_not_count_as_several_users() -> None:
    true_N = chances(1, 2_000)
    label_N = np.random.default_rng(2).random(2_000) < true_N
    alone = drift.level(0, logit(true_N), examples(true_N, label_N))
    user_N = np.tile(np.arange(2_000), 4)
    four = examples(np.tile(true_N, 4), np.tile(label_N, 4), user_N=user_N)

    found = drift.level(0, logit(four.p_N), four)

    assert alone is not None
    assert found is not None
    assert found.variance == pytest.approx(alone.variance)


@pytest.mark.parametrize("label", [False, True])
def test_a_day_of_one_kind_says_nothing(label: bool) -> None:  # noqa: FBT001
    p_N = chances(1, 50)

    assert drift.level(0, logit(p_N), examples(p_N, np.full(50, label))) is None


def test_days_that_differ_by_chance_count_alike() -> None:
    assert drift.at_end(readings(0.01, -0.02, 0.015, -0.01, 0.02)) == pytest.approx(0.003, abs=1e-9)


def test_where_levels_drift_the_newest_days_count() -> None:
    assert drift.at_end(readings(0.3, 0.2, 0.1, 0.0, -0.1, -0.2)) == pytest.approx(-0.2, abs=0.03)


def test_a_day_that_stands_out_by_itself_moves_little() -> None:
    values = (0.0, 0.01, -0.01, 0.3, 0.0, 0.01, -0.01)

    assert abs(drift.at_end(readings(*values))) < 0.06


def test_the_longer_ago_the_walk_was_seen_the_less_that_says() -> None:
    rising = readings(0.0, 0.1, 0.2, 0.3)
    soon, late = (drift.at_end([*rising, Level(day, 0.0, 0.01)]) for day in (4, 24))

    assert soon > 0.05
    assert late < soon / 2


def test_no_day_has_no_drift() -> None:
    assert drift.at_end([]) == 0
