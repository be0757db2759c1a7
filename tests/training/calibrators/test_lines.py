import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from tests.training.calibrators.distorted import chances, examples, happened
from training.calibrators import logistic
from training.calibrators.calibrator import chance
from training.calibrators.lines import Line, LinesConfig, beta, platt
from training.calibrators.logistic import Ridge, Rows

FREE = LinesConfig(ridge=1e-9)


def logs(p_N: np.ndarray) -> np.ndarray:
    return np.stack([np.log(p_N), -np.log1p(-p_N)], axis=1)


def test_without_a_ridge_lines_are_those_of_scikit_learn() -> None:
    true_N = chances(1, 4000)
    given = happened(2, true_N, true_N**1.3)
    both_N2 = logs(given.p_N)
    free = {"C": np.inf, "tol": 1e-8, "max_iter": 1000}
    of_beta = LogisticRegression(**free).fit(both_N2, given.label_N)
    of_platt = LogisticRegression(**free).fit(both_N2.sum(axis=1)[:, None], given.label_N)

    found_beta, found_platt = beta(given, FREE), platt(given, FREE)

    expected = [*of_beta.coef_[0], of_beta.intercept_[0]]
    assert [found_beta.on_p, found_beta.on_rest, found_beta.constant] == pytest.approx(
        expected, abs=1e-3
    )
    assert [found_platt.on_p, found_platt.constant] == pytest.approx(
        [of_platt.coef_[0, 0], of_platt.intercept_[0]], abs=1e-4
    )
    assert found_platt.on_rest == found_platt.on_p


def test_the_line_that_made_the_labels_is_found() -> None:
    truth = Line("beta", 0.7, 2.0, -0.4)
    p_N = np.random.default_rng(1).random(60_000)
    given = happened(2, chance(truth.logits(p_N)), p_N)

    found = beta(given, LinesConfig())

    assert found.on_p == pytest.approx(0.7, abs=0.04)
    assert found.on_rest == pytest.approx(2.0, abs=0.08)
    assert found.constant == pytest.approx(-0.4, abs=0.06)


def test_a_ranker_that_is_the_wrong_way_round_keeps_its_order_at_the_least_slope() -> None:
    true_N = chances(1, 5000)
    given = happened(2, true_N, 1 - true_N)
    config = LinesConfig(min_slope=0.05)

    found = platt(given, config)

    assert found.on_p == found.on_rest == 0.05
    assert chance(found.logits(given.p_N)).mean() == pytest.approx(given.label_N.mean(), rel=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_bounded_slopes_are_those_of_a_public_minimiser(seed: int) -> None:
    rng = np.random.default_rng(seed)
    feature_N3 = np.c_[rng.normal(size=(300, 2)) @ [[1.0, 0.8], [0.0, 0.6]], np.ones(300)]
    slopes = rng.normal(0, 0.7, 3)
    label_N = (rng.random(300) < chance(feature_N3 @ slopes)).astype(float)
    weight_N = rng.integers(0, 4, 300).astype(float)
    ridge = Ridge(
        mean_F=np.array([1.0, 1.0, 0.0]),
        precision_F=np.array([1.0, 2.0, 0.5]),
        least_F=np.array([0.1, 0.2, -np.inf]),
    )

    def loss(w: np.ndarray) -> float:
        z = feature_N3 @ w
        away = w - ridge.mean_F
        return weight_N @ (np.logaddexp(0, z) - label_N * z) + ridge.precision_F @ away**2 / 2

    found = logistic.fit(Rows(feature_N3, label_N, weight_N, np.zeros(300)), ridge)

    bounds = [(0.1, None), (0.2, None), (None, None)]
    best = minimize(loss, ridge.mean_F, method="L-BFGS-B", bounds=bounds, tol=1e-14)
    assert found == pytest.approx(best.x, abs=1e-4)
    assert loss(found) <= best.fun + 1e-9


def test_a_ridge_holds_few_positives_near_the_prediction() -> None:
    p_N = np.full(40, 0.05)
    few = examples(p_N, np.arange(40) < 6)

    loose, tight = (
        chance(platt(few, LinesConfig(ridge=ridge)).logits(p_N))[0] for ridge in (1e-6, 20.0)
    )

    assert loose == pytest.approx(0.15, abs=1e-4)
    assert 0.05 < tight < 0.08
