import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training.calibrators.distorted import beta_distorted, examples
from training import calibrate
from training.calibrate import (
    FAMILIES,
    UNCALIBRATED,
    CalibrateConfig,
    UnknownCalibrationError,
)
from training.calibrators import lines
from training.calibrators.calibrator import Predicted, chance, logit, together
from training.calibrators.segments import NOTHING, Effects, UnknownSegmentsError

CONFIG = CalibrateConfig()
NUM = 20_000


def bent(p_N: np.ndarray) -> np.ndarray:
    """Predict what no line makes true again."""
    return chance(logit(p_N) + 1.5 * np.tanh(4 * (logit(p_N) + 2.2)))


WORLDS = {
    "identity": lambda p_N: p_N,
    "platt": beta_distorted(1.5, 1.5, 0.8),
    "beta": beta_distorted(1.0, 0.1, 1.0),
    "isotonic": bent,
}


def world(seed: int, distorted: str = "identity") -> tuple[Predicted, np.ndarray]:
    """Examples with what is true of them; much is likely, so that the rest of p matters too."""
    rng = np.random.default_rng(seed)
    true_N = chance(rng.normal(-1.0 if distorted == "beta" else -2.2, 1.2, NUM))
    p_N = WORLDS[distorted](true_N)
    label_N = rng.random(NUM) < true_N
    return examples(p_N, label_N, age=np.arange(NUM) % 3), true_N


@pytest.mark.parametrize("family", FAMILIES)
def test_the_simplest_family_that_is_true_is_chosen(family: str) -> None:
    given, true_N = world(1, family)

    found = calibrate.fit(given, CONFIG)

    calibrated_N = found.apply(given.p_N, given.segments)
    assert found.calibrator.name == family
    assert list(found.losses)[:4] == list(FAMILIES)
    assert np.abs(calibrated_N - true_N).mean() < 0.05 * true_N.mean()


def test_later_examples_decide_where_there_are_any() -> None:
    early, _ = world(1, "platt")
    late, _ = world(2, "identity")

    by_folds, by_later = calibrate.fit(early, CONFIG), calibrate.fit(early, CONFIG, late)

    assert by_folds.calibrator.name == "platt"
    assert by_later.calibrator.name == "identity"
    assert by_later.losses["identity"] < by_later.losses["platt"]


def test_what_is_chosen_is_fitted_on_all_examples() -> None:
    early, _ = world(1, "platt")
    late, _ = world(2, "platt")

    found = calibrate.fit(early, CONFIG, late).calibrator

    assert found == lines.platt(together(early, late), CONFIG.lines)


def by_age(seed: int, offsets: tuple[float, float, float]) -> Predicted:
    """Predictions that are too low by so many log odds for parts a, b and c."""
    given, true_N = world(seed)
    age_N = np.random.default_rng(seed).choice(3, NUM, p=[0.5, 0.45, 0.05])
    p_N = chance(logit(true_N) - np.array(offsets)[age_N])
    return examples(p_N, given.label_N, age=age_N)


def test_segments_that_are_wrong_are_put_right() -> None:
    given = by_age(1, (0.4, -0.4, 0.0))
    fresh = by_age(2, (0.4, -0.4, 0.0))

    found = calibrate.fit(given, CONFIG)

    calibrated_N = found.apply(fresh.p_N, fresh.segments)
    for part in (0, 1):
        rows = fresh.segments["age"].code_N == part
        assert calibrated_N[rows].sum() == pytest.approx(fresh.label_N[rows].sum(), rel=0.08)
    assert found.effects.offsets["age"]["a"] - found.effects.offsets["age"]["b"] == pytest.approx(
        0.8, abs=0.12
    )
    best = min(found.losses, key=found.losses.__getitem__)
    assert best.startswith(f"{found.calibrator.name}+segments/")


def test_segments_that_tell_nothing_get_no_offsets() -> None:
    assert calibrate.fit(by_age(1, (0.0, 0.0, 0.0)), CONFIG).effects == NOTHING


def test_within_a_segment_the_order_stays() -> None:
    given = by_age(1, (0.4, -0.4, 0.0))
    found = calibrate.fit(given, CONFIG)
    calibrated_N = found.apply(given.p_N, given.segments)
    for part in range(3):
        rows = np.flatnonzero(given.segments["age"].code_N == part)
        order = rows[np.argsort(given.p_N[rows])]
        assert (np.diff(calibrated_N[order]) > 0).all()


@pytest.mark.parametrize("label", [True, False])
def test_a_single_example_is_not_enough_to_leave_the_identity(label: bool) -> None:  # noqa: FBT001
    one = examples(np.array([0.3]), np.array([label]), age=np.array([0]))
    found = calibrate.fit(one, CONFIG)
    assert found.apply(one.p_N, one.segments) == pytest.approx([0.3])
    assert found == UNCALIBRATED


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("score", [0.0, 0.2, 1.0])
def test_only_one_kind_and_one_score_still_give_chances(
    label: bool,  # noqa: FBT001
    score: float,
) -> None:
    given = examples(np.full(200, score), np.full(200, label), age=np.arange(200) % 3)
    asked = given.taken(np.arange(11))
    found = calibrate.fit(given, CONFIG).apply(np.linspace(0, 1, 11), asked.segments)
    assert ((found > 0) & (found < 1)).all()


def test_no_examples_leave_the_identity() -> None:
    nothing = examples(np.empty(0), np.empty(0, bool), age=np.empty(0, int))
    some, _ = world(1, "platt")
    assert calibrate.fit(nothing, CONFIG) == UNCALIBRATED
    assert calibrate.fit(some, CONFIG, some.taken(np.arange(0))).calibrator.name == "identity"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_calibration_comes_back_as_it_was_saved(family: str) -> None:
    given, _ = world(1, family)
    found = calibrate.fit(given.taken(np.arange(4000)), CONFIG, given)
    with_segments = replace(found, effects=Effects(0.9, 0.1, {"age": {"a": 0.1, "b": -1 / 3}}))

    for written in (found.save(), with_segments.save()):
        loaded = calibrate.load(written)
        assert loaded.save() == written
    again_N = loaded.apply(given.p_N, given.segments)

    assert again_N.tolist() == with_segments.apply(given.p_N, given.segments).tolist()
    assert loaded.losses == found.losses


def test_the_same_examples_give_the_same_bytes() -> None:
    one, other = (by_age(1, (0.4, -0.4, 0.0)).taken(np.arange(4000)) for _ in range(2))
    assert calibrate.fit(one, CONFIG).save() == calibrate.fit(other, CONFIG).save()


def test_bytes_that_are_cut_off_or_of_another_version_are_refused() -> None:
    written = UNCALIBRATED.save()
    known = json.loads(written)
    for end in (0, 1, len(written) // 2, len(written) - 1):
        with pytest.raises(UnknownCalibrationError, match="not whole"):
            calibrate.load(written[:end])
    for other in ([], known | {"version": 2}, {}):
        with pytest.raises(UnknownCalibrationError, match="only version 1"):
            calibrate.load(json.dumps(other).encode())
    for other in (known | {"family": "spline"}, known | {"parameters": {"slope": 1}}):
        with pytest.raises(UnknownCalibrationError, match=r"spline|slope"):
            calibrate.load(json.dumps(other).encode())


def test_a_calibration_by_segments_is_not_applied_without_them() -> None:
    found = replace(UNCALIBRATED, effects=Effects(1.0, 0.0, {"age": {"new": 0.5}}))
    with pytest.raises(UnknownSegmentsError):
        found.apply(np.array([0.5]), {})
