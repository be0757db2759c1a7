import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from tests.training.calibrators.distorted import chances, examples, happened
from training.calibrators.calibrator import chance, logit
from training.calibrators.isotonic import IsotonicConfig, isotonic, rising_blocks


def pooled(value_M: np.ndarray, weight_M: np.ndarray) -> np.ndarray:
    """The step function that blocks stand for."""
    starts = rising_blocks(value_M * weight_M, weight_M)
    lengths = np.diff(np.r_[starts, len(value_M)])
    total_B = np.add.reduceat(value_M * weight_M, starts)
    return np.repeat(total_B / np.add.reduceat(weight_M, starts), lengths)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(1, 5)),
        min_size=1,
        max_size=60,
    )
)
def test_pooled_blocks_are_scikit_learns(rows: list[tuple[float, int]]) -> None:
    value_M, weight_M = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    expected = IsotonicRegression().fit_transform(
        np.arange(len(rows)), value_M, sample_weight=weight_M
    )
    np.testing.assert_allclose(pooled(value_M, weight_M), expected, atol=1e-9)


@pytest.mark.parametrize("shape", ["chances", "one drop at the end", "falling", "saw"])
def test_long_columns_are_pooled_as_scikit_learn_does(shape: str) -> None:
    value_M = {
        "chances": np.random.default_rng(1).random(5000) < np.linspace(0, 1, 5000),
        "one drop at the end": np.r_[np.arange(5000), 0],
        "falling": -np.arange(5000),
        "saw": np.arange(5000) + 40 * (np.arange(5000) % 7),
    }[shape].astype(np.float64)
    ones = np.ones(len(value_M))

    found = pooled(value_M, ones)

    expected = IsotonicRegression().fit_transform(np.arange(len(value_M)), value_M)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (np.diff(found[rising_blocks(value_M, ones)]) > 0).all()


def test_a_bend_that_no_line_has_is_found() -> None:
    x_N = np.random.default_rng(1).normal(-2, 1.2, 200_000)
    true_N = chance(x_N + 0.8 * np.tanh(3 * (x_N + 2)))

    found = isotonic(happened(2, true_N, chance(x_N)), IsotonicConfig())

    inner = np.abs(x_N + 2) < 2
    wrong_N = found.logits(chance(x_N)) - logit(true_N)
    assert np.sqrt((wrong_N[inner] ** 2).mean()) < 0.08


def test_each_step_holds_enough_of_both_kinds() -> None:
    true_N = chances(1, 10_000)
    given_ = happened(2, true_N, true_N)

    finely, coarsely = (isotonic(given_, IsotonicConfig(min_each=least)) for least in (5, 200))

    num_positives = given_.label_N.sum()
    assert len(coarsely.true_K) <= num_positives / 200
    assert len(coarsely.true_K) < len(finely.true_K) <= num_positives / 5


def test_too_few_for_two_steps_shift_the_prediction_and_no_more() -> None:
    p_N = chances(1, 400)
    found = isotonic(examples(p_N, np.arange(400) < 30), IsotonicConfig())
    moved_N = found.logits(p_N) - logit(p_N)
    assert len(found.true_K) == 1
    assert moved_N == pytest.approx(moved_N[0])


@pytest.mark.parametrize("least", [0.02, 0.3])
def test_a_curve_never_rises_less_than_its_least_slope(least: float) -> None:
    p_N = np.linspace(0.01, 0.6, 20_000)
    hardly_rises = happened(2, 0.2 + 0.02 * p_N, p_N)

    found = isotonic(hardly_rises, IsotonicConfig(min_slope=least, min_each=5))

    rising = np.linspace(0.01, 0.6, 500)
    slope = np.diff(found.logits(rising)) / np.diff(logit(rising))
    assert len(found.true_K) > 3
    assert slope.min() == pytest.approx(least, rel=0.01)
