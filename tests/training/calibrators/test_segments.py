from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from tests.training.calibrators.distorted import chances, examples
from training.calibrators import segments
from training.calibrators.calibrator import Predicted, Segments, chance, logit
from training.calibrators.segments import Effects, SegmentsConfig, UnknownSegmentsError


def fitted(given: Predicted, *, prior_positives: float) -> Effects:
    return segments.fit(given, logit(given.p_N), SegmentsConfig(), prior_positives=prior_positives)


def test_offsets_of_all_kinds_are_those_of_least_loss() -> None:
    rng = np.random.default_rng(1)
    p_N, age_N, user_N = chances(1, 600), rng.integers(-1, 3, 600), rng.integers(0, 2, 600)
    weight_N = rng.integers(0, 4, 600).astype(float)
    given = examples(p_N, rng.random(600) < 2 * p_N, weight_N=weight_N)
    parts = {"age": Segments(("a", "b", "c"), age_N), "user": Segments(("a", "b"), user_N)}
    given = replace(given, segments=parts)
    logit_N = logit(p_N)

    found = segments.fit(given, logit_N, SegmentsConfig(ridge=2.0), prior_positives=5.0)

    centre = np.average(logit_N, weights=weight_N)

    def loss(w: np.ndarray) -> float:
        slope, shift, age, user = w[0], w[1], np.r_[w[2:5], 0.0], w[5:]
        z = slope * (logit_N - centre) + centre + shift + age[age_N] + user[user_N]
        away = np.r_[slope - 1, shift]
        ridge = away @ away + 2.5 * w[2:] @ w[2:]
        return weight_N @ (np.logaddexp(0, z) - given.label_N * z) + ridge

    best = minimize(loss, np.r_[1.0, np.zeros(6)], method="L-BFGS-B", tol=1e-14).x
    offsets = [*found.offsets["age"].values(), *found.offsets["user"].values()]
    assert [found.slope, *offsets] == pytest.approx([best[0], *best[2:]], abs=1e-4)
    assert found.constant == pytest.approx(best[1] + (1 - best[0]) * centre, abs=1e-4)


def test_a_part_goes_half_its_way_at_as_many_positives_as_the_prior_weighs() -> None:
    # Of the part 220 come instead of 200; of the others as many as predicted.
    given = examples(
        np.full(2, 0.001),
        np.array([0.0011, 0.001]),
        weight_N=np.array([200_000.0, 800_000.0]),
        age=np.array([0, -1]),
    )
    whole_way = np.log(220 / 200)

    way = [
        fitted(given, prior_positives=prior).offsets["age"]["a"] / whole_way
        for prior in (1, 210, 100_000)
    ]

    assert way == pytest.approx([1, 0.5, 0], abs=0.07)


@pytest.mark.parametrize("prior", [4.0, 400.0])
def test_whatever_the_prior_as_much_is_expected_in_all_as_was_observed(prior: float) -> None:
    rng = np.random.default_rng(1)
    p_N, age_N = chances(1, 20_000), np.minimum(rng.integers(0, 20, 20_000), 2)
    given = examples(p_N, rng.random(20_000) < p_N * np.array([0.4, 0.4, 1.0])[age_N], age=age_N)

    found = fitted(given, prior_positives=prior)

    expected_N = chance(found.logits(logit(p_N), given.segments))
    assert expected_N.sum() == pytest.approx(given.label_N.sum(), rel=0.001)


@pytest.mark.parametrize("true_slope", [-0.5, 0.2])
def test_a_slope_below_the_least_one_stops_there(true_slope: float) -> None:
    rng = np.random.default_rng(1)
    p_N = chances(1, 5000)
    label_N = rng.random(5000) < chance(true_slope * logit(p_N))
    given = examples(p_N, label_N, age=rng.integers(0, 3, 5000))
    config = SegmentsConfig(min_slope=0.4)

    found = segments.fit(given, logit(p_N), config, prior_positives=16.0)

    expected_N = chance(found.logits(logit(p_N), given.segments))
    assert found.slope == 0.4
    assert expected_N.sum() == pytest.approx(given.label_N.sum(), rel=0.01)


def test_offsets_are_added_by_name_and_a_part_that_none_has_seen_adds_nothing() -> None:
    effects = Effects(2.0, 0.1, {"age": {"new": 0.5, "old": -0.1}, "user": {"heavy": 1.0}})
    parts = {
        "age": Segments(("old", "unheard of", "new"), np.array([0, 1, 2, -1])),
        "user": Segments(("heavy", "light"), np.array([0, 0, 1, 1])),
    }
    found = effects.logits(np.array([0.0, 0.0, 0.0, 3.0]), parts)
    assert found == pytest.approx([1.0, 1.1, 0.6, 6.1])


def test_a_kind_that_is_not_given_is_missed_by_name() -> None:
    with pytest.raises(UnknownSegmentsError, match=r"by \['age'\]; .*\['age'\] are not given"):
        Effects(1.0, 0.0, {"age": {"new": 0.5}}).logits(np.empty(0), {})


def test_a_part_without_examples_or_positives_stays_finite() -> None:
    p_N = chances(1, 300)
    given = examples(p_N, np.zeros(300, bool), age=np.zeros(300, int))

    found = fitted(given, prior_positives=16.0)

    expected_N = chance(found.logits(logit(p_N), given.segments))
    assert found.offsets["age"]["b"] == found.offsets["age"]["c"] == 0
    assert 0 < expected_N.sum() < 0.1 * p_N.sum()
