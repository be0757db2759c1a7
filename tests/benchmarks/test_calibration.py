import numpy as np

from benchmarks import calibration
from benchmarks.calibration import Served


def _day(rng: np.random.Generator, *, times: float) -> dict[str, Served]:
    """A day on which what served was ``times`` the truth, and the ranker said half of it."""
    true_N = rng.uniform(0.02, 0.3, 30_000)
    label_N = rng.random(30_000) < true_N
    of_chance_N = rng.random(30_000) < 0.2
    user_N = np.arange(30_000) // 20
    ones_N = np.ones(30_000)
    return {"click": Served(user_N, label_N, times * true_N, 0.5 * true_N, ones_N, of_chance_N)}


def test_true_chances_meet_the_goal_and_others_miss_it() -> None:
    rng = np.random.default_rng(1)
    true = calibration.measured([_day(rng, times=1.0) for _ in range(2)], seed=7)["click"]
    high = calibration.measured([_day(rng, times=1.1) for _ in range(2)], seed=7)["click"]

    assert true["days"] == 2
    assert abs(true["all"]["sums"]["value"] - 1) < 0.03
    assert abs(true["all"]["uncalibrated"] - 0.5) < 0.03
    assert high["all"]["sums"]["low_95"] > 1.03
    assert calibration.cells(true["all"])[-1] == "met"
    assert calibration.cells(high["all"])[-1] == "missed"


def test_few_positives_promise_nothing_and_exploration_stands_apart() -> None:
    rng = np.random.default_rng(2)
    [day] = [_day(rng, times=1.0)]
    few = day["click"].kept(np.arange(30_000) < 1_000)

    found = calibration.measured([{"click": few}], seed=7)["click"]

    assert calibration.cells(found["all"])[-1] == "too few"
    explored = found["exploration"]["sums"]["num_positives"]
    assert explored == (few.label_N & few.of_chance_N).sum()
