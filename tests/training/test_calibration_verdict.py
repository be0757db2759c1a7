import numpy as np
import pytest

from training.calibration_metrics import PredictedToObserved, predicted_to_observed
from training.calibration_verdict import Level, VerdictConfig, judge, pooled

CONFIG = VerdictConfig()


def ratio(
    inner: tuple[float, float],
    outer: tuple[float, float] | None = None,
    *,
    num_positives: int = 4500,
) -> PredictedToObserved:
    """A ratio with its 95 % and its 99 % interval, the same if not told otherwise."""
    low_99, high_99 = outer or inner
    return PredictedToObserved(
        value=sum(inner) / 2,
        low_95=inner[0],
        high_95=inner[1],
        low_99=low_99,
        high_99=high_99,
        num_positives=num_positives,
        num_users=700,
    )


@pytest.mark.parametrize(
    ("inner", "outer", "level"),
    [
        ((0.97, 1.03), None, "passed"),
        ((0.9699, 1.02), None, "passed"),
        ((0.98, 1.0301), None, "passed"),
        ((0.9699, 0.9998), None, "warned"),
        ((0.9699, 1.0), None, "passed"),
        ((1.0201, 1.0301), None, "warned"),
        ((1.0299, 1.09), None, "passed"),
        ((1.0301, 1.09), None, "warned"),
        ((1.04, 1.05), None, "warned"),
        ((0.5, 2.0), None, "passed"),
        ((1.101, 1.2), (1.10, 1.3), "warned"),
        ((1.101, 1.2), (1.1001, 1.3), "blocked"),
        ((0.8, 0.899), (0.7, 0.90), "warned"),
        ((0.8, 0.899), (0.7, 0.8999), "blocked"),
        ((0.98, 1.02), (0.96, 1.04), "passed"),
        ((0.0, 0.0), None, "blocked"),
    ],
)
def test_verdicts_at_each_border(
    inner: tuple[float, float], outer: tuple[float, float] | None, level: Level
) -> None:
    assert judge(ratio(inner, outer), CONFIG).level == level


def test_with_too_few_positives_nothing_is_decided_and_that_is_said() -> None:
    far_off = ratio((1.9, 2.1), (1.8, 2.2), num_positives=4499)

    found = judge(far_off, CONFIG)

    assert found.level == "too_few"
    assert "4,499 positives of 700 users" in found.text
    assert "fewer than 4,500 nothing is decided" in found.text
    assert judge(far_off, VerdictConfig(min_positives=4499)).level == "blocked"


def test_a_verdict_says_its_figures_and_what_was_promised() -> None:
    found = judge(ratio((1.01, 1.05), (1.0, 1.06)), CONFIG)
    assert found.text == (
        "predicted / observed is 1.030 [95 %: 1.010, 1.050; 99 %: 1.000, 1.060] over 4,500 "
        "positives of 700 users: it is not shown to be beyond 1 ± 3%"
    )


def test_the_promise_is_a_setting() -> None:
    wide = VerdictConfig(warn_beyond=0.2, block_beyond=0.5, min_positives=10)
    assert judge(ratio((0.85, 1.15), num_positives=10), wide).level == "passed"


def drawn(day: int, times: float) -> tuple[np.ndarray, ...]:
    """A day of 400 users whose examples are predicted so many times as often as they come."""
    rng = np.random.default_rng(day)
    true_N = rng.uniform(0.02, 0.3, 20_000)
    user_N = np.arange(len(true_N)) // 50 + 1_000 * day
    return user_N, rng.random(len(true_N)) < true_N, true_N * times, np.ones(len(true_N))


def test_days_taken_together_are_as_sure_as_one_day_of_all_their_examples() -> None:
    days = [drawn(day, 1.1) for day in range(4)]

    found = pooled([predicted_to_observed(*one, seed=1) for one in days])

    whole = predicted_to_observed(*map(np.concatenate, zip(*days, strict=True)), seed=1)
    assert found.num_positives == whole.num_positives
    assert found.value == pytest.approx(whole.value, rel=2e-3)
    for end in ("low_95", "high_95", "low_99", "high_99"):
        assert getattr(found, end) == pytest.approx(getattr(whole, end), abs=4e-3)


def test_a_day_on_which_nothing_came_adds_nothing() -> None:
    empty = ratio((0.0, float("inf")), num_positives=0)
    day = ratio((0.98, 1.02))

    assert pooled([empty, day]).num_positives == day.num_positives
    assert pooled([empty]) == empty


def test_true_predictions_rarely_warn_at_the_least_number_of_positives() -> None:
    """Of 40 days with 4,500 positives the 95 % interval reaches beyond 3 % on most."""
    warned = reached = 0
    for day in range(40):
        rng = np.random.default_rng(day)
        label_N = rng.random(45_000) < 0.1
        p_N, user_N = np.full(len(label_N), 0.1), np.arange(len(label_N)) // 10
        found = predicted_to_observed(user_N, label_N, p_N, np.ones(len(label_N)), seed=1)
        warned += judge(found, VerdictConfig(min_positives=0)).level != "passed"
        reached += found.low_95 < 0.97 or found.high_95 > 1.03
    assert reached > 20
    assert warned <= 2
