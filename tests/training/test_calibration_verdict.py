import pytest

from training.calibration_metrics import PredictedToObserved
from training.calibration_verdict import Level, VerdictConfig, judge

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
        ((0.9699, 1.02), None, "warned"),
        ((0.98, 1.0301), None, "warned"),
        ((1.04, 1.05), None, "warned"),
        ((0.5, 2.0), None, "warned"),
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
        "positives of 700 users: it reaches beyond 1 ± 3%"
    )


def test_the_promise_is_a_setting() -> None:
    wide = VerdictConfig(warn_beyond=0.2, block_beyond=0.5, min_positives=10)
    assert judge(ratio((0.85, 1.15), num_positives=10), wide).level == "passed"
