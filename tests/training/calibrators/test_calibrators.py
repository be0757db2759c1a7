"""What every calibrator promises."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.training.calibrators.distorted import beta_distorted, chances, examples, happened
from training.calibration_metrics import calibration_error, predicted_to_observed
from training.calibrators.calibrator import (
    Calibrator,
    Predicted,
    Segments,
    UnusableExamplesError,
    chance,
    logit,
    together,
)
from training.calibrators.isotonic import IsotonicConfig, isotonic
from training.calibrators.lines import IDENTITY, LinesConfig, beta, platt

Fit = Callable[[Predicted], Calibrator]

FITS: dict[str, Fit] = {
    "identity": lambda _: IDENTITY,
    "platt": lambda given: platt(given, LinesConfig()),
    "beta": lambda given: beta(given, LinesConfig()),
    "isotonic": lambda given: isotonic(given, IsotonicConfig()),
}
LEARNING = [name for name in FITS if name != "identity"]
EACH = pytest.mark.parametrize("name", FITS)
EACH_THAT_LEARNS = pytest.mark.parametrize("name", LEARNING)

DISTORTIONS = {
    "true": lambda p_N: p_N,
    "too high": beta_distorted(1.0, 1.0, 0.6),
    "too sure": beta_distorted(1.5, 1.5, 1.0),
    "too dull": beta_distorted(0.6, 0.6, 0.8),
    "askew": beta_distorted(1.4, 0.5, 0.8),
}


@st.composite
def any_examples(draw: st.DrawFn) -> Predicted:
    num = draw(st.integers(1, 40))
    p_N = draw(arrays(np.float64, num, elements=st.floats(0, 1)))
    label_N = draw(arrays(np.float64, num, elements=st.sampled_from([0.0, 0.0, 0.4, 1.0])))
    weight_N = draw(arrays(np.float64, num, elements=st.sampled_from([0.0, 1.0, 3.0, 500.0])))
    return examples(p_N, label_N, weight_N=weight_N)


@EACH
@settings(max_examples=40)
@given(any_examples(), arrays(np.float32, 30, elements=st.floats(2**-30, 0.984375, width=32)))
def test_no_order_changes_and_no_two_scores_begin_to_tie(
    name: str, learned: Predicted, score_N: np.ndarray
) -> None:
    rising = np.unique(score_N)

    logits = FITS[name](learned).logits(rising)

    assert (np.diff(logits) > 0).all()
    # Nearer to 1 than that float64 cannot tell chances apart.
    assert (np.diff(chance(logits[logits < 20])) > 0).all()


@EACH
@settings(max_examples=40)
@given(any_examples())
def test_chances_stay_within_0_and_1_whatever_is_learned(name: str, learned: Predicted) -> None:
    asked = np.r_[0.0, 1e-300, 1e-12, learned.p_N, 1 - 1e-16, 1.0]
    logits = FITS[name](learned).logits(asked)
    found = chance(logits)
    assert np.isfinite(logits).all()
    assert ((found >= 0) & (found <= 1)).all()


EDGES = {
    "nothing at all": examples(np.empty(0), np.empty(0, bool)),
    "one positive": examples(np.array([0.3]), np.array([True])),
    "one negative": examples(np.array([0.3]), np.array([False])),
    "no positives": examples(chances(1, 500), np.zeros(500, bool)),
    "all positives": examples(chances(1, 500), np.ones(500, bool)),
    "one score": examples(np.full(500, 0.1), np.arange(500) < 100),
    "scores of 0 and 1": examples(np.array([0.0, 1.0] * 50), np.arange(100) % 3 == 0),
    "no weights": examples(chances(1, 9), np.ones(9, bool), weight_N=np.zeros(9)),
}


@EACH
@pytest.mark.parametrize("edge", EDGES)
def test_little_to_learn_from_gives_finite_rising_curves(name: str, edge: str) -> None:
    logits = FITS[name](EDGES[edge]).logits(np.linspace(0, 1, 101))
    assert np.isfinite(logits).all()
    assert (np.diff(logits) > 0).all()


@EACH_THAT_LEARNS
def test_without_examples_the_prediction_stands(name: str) -> None:
    asked = np.array([0.001, 0.2, 0.9])
    for nothing in ("nothing at all", "no weights"):
        assert chance(FITS[name](EDGES[nothing]).logits(asked)) == pytest.approx(asked)


@EACH_THAT_LEARNS
def test_a_single_example_moves_predictions_a_little_its_way(name: str) -> None:
    up, down = (
        chance(FITS[name](EDGES[edge]).logits(np.array([0.3])))[0]
        for edge in ("one positive", "one negative")
    )
    assert 0.15 < down < 0.3 < up < 0.65


@EACH_THAT_LEARNS
def test_without_a_positive_less_is_expected_but_not_nothing(name: str) -> None:
    none = EDGES["no positives"]
    found = chance(FITS[name](none).logits(none.p_N))
    assert 0 < found.sum() < 0.1 * none.p_N.sum()


@EACH_THAT_LEARNS
def test_of_one_score_the_rate_is_learned(name: str) -> None:
    found = chance(FITS[name](EDGES["one score"]).logits(np.array([0.1])))[0]
    assert found == pytest.approx(0.2, abs=0.005)


@EACH_THAT_LEARNS
def test_as_much_is_expected_as_was_observed(name: str) -> None:
    true_N = chances(1, 20_000)
    learned = happened(2, true_N, DISTORTIONS["askew"](true_N))

    found = chance(FITS[name](learned).logits(learned.p_N))

    assert found.sum() == pytest.approx(learned.label_N.sum(), rel=0.001)


@pytest.mark.parametrize("distortion", DISTORTIONS)
@pytest.mark.parametrize("name", ["beta", "isotonic"])
def test_distorted_chances_are_true_again_on_fresh_examples(name: str, distortion: str) -> None:
    distorted = DISTORTIONS[distortion]
    true_N, fresh_N = chances(1, 40_000), chances(3, 40_000)
    user_N = np.arange(40_000) // 100
    calibrator = FITS[name](happened(2, true_N, distorted(true_N)))

    found = chance(calibrator.logits(distorted(fresh_N)))

    fresh = happened(4, fresh_N, found)
    arrays_N = (user_N, fresh.label_N, found, fresh.weight_N)
    ratio = predicted_to_observed(*arrays_N, seed=5)
    error = calibration_error(*arrays_N, seed=5)
    # Of 6,000 positives each, both what is learned and what is judged are off by 1.3 % by chance.
    assert ratio.value == pytest.approx(1, abs=0.06)
    assert error.debiased < 0.05 * error.base_rate
    assert np.abs(found - fresh_N).mean() < 0.06 * fresh_N.mean()


@EACH_THAT_LEARNS
def test_an_example_counts_as_often_as_it_stands_for(name: str) -> None:
    true_N = chances(1, 3000)
    once = happened(2, true_N, DISTORTIONS["too sure"](true_N))
    weight_N = np.random.default_rng(3).integers(0, 4, 3000)
    weighted = examples(once.p_N, once.label_N, weight_N=weight_N.astype(np.float64))
    repeated = once.taken(np.repeat(np.arange(3000), weight_N))

    asked = np.linspace(0.01, 0.9, 50)

    assert FITS[name](weighted).logits(asked) == pytest.approx(FITS[name](repeated).logits(asked))


@EACH_THAT_LEARNS
def test_a_share_is_so_much_of_a_positive_and_the_rest_a_negative(name: str) -> None:
    p_N = chances(1, 3000)
    share_N = np.random.default_rng(2).beta(1, 5, 3000)
    apart = examples(
        np.tile(p_N, 2),
        np.repeat([True, False], 3000),
        weight_N=np.concatenate([share_N, 1 - share_N]),
    )

    found = FITS[name](examples(p_N, share_N)).logits(p_N)

    assert found == pytest.approx(FITS[name](apart).logits(p_N), abs=1e-6)


def test_log_odds_and_chances_are_each_others_way_back() -> None:
    p_N = np.array([1e-11, 1e-6, 0.3, 0.5, 0.999])
    assert chance(logit(p_N)) == pytest.approx(p_N, rel=1e-9)
    assert chance(np.array([-800.0, 800.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("column", "value"),
    [("p_N", np.nan), ("p_N", 1.1), ("label_N", np.nan), ("label_N", 2.0), ("weight_N", -1.0)],
)
def test_what_nobody_can_learn_from_is_refused_by_name(column: str, value: float) -> None:
    good = {name: np.array([0.5, 0.5]) for name in ("p_N", "label_N", "weight_N")}
    bad = good | {column: np.array([0.5, value])}
    with pytest.raises(UnusableExamplesError, match=rf"{column} .* found {value} in 1 of 2"):
        Predicted(**bad, user_N=np.arange(2), segments={})


def test_examples_of_other_segments_are_not_put_together() -> None:
    one = examples(np.ones(1), np.ones(1), age=np.zeros(1, int))
    other = Predicted(
        p_N=one.p_N,
        label_N=one.label_N,
        weight_N=one.weight_N,
        user_N=one.user_N,
        segments={"age": Segments(("b", "a"), np.zeros(1, int))},
    )
    assert len(together(one, one).segments["age"].code_N) == 2
    with pytest.raises(UnusableExamplesError, match="same segments"):
        together(one, other)
