import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from training.metrics import auc
from training.pair_order import xauc, xauc_by_user


@st.composite
def watched_rows(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    """Users ascending without gaps, amounts and scores with many ties, weights with zeros."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    user = np.repeat(np.arange(len(lengths)), lengths)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    amount = rng.integers(0, 5, len(user)) / 4
    score = rng.integers(0, 5, len(user)).astype(np.float32) / 4
    return user, amount, score, rng.integers(0, 9, len(user)).astype(np.float64)


def slow_xauc(amount: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    won = pairs = 0.0
    for more in range(len(amount)):
        for less in np.flatnonzero(amount < amount[more]):
            both = weight[more] * weight[less]
            pairs += both
            won += both * (0.5 + 0.5 * np.sign(score[more] - score[less]))
    return won / pairs if pairs else float("nan")


@given(watched_rows())
def test_xauc_counts_weighted_pairs_and_halves_ties(rows: tuple[np.ndarray, ...]) -> None:
    _, amount, score, weight = rows
    found = xauc(amount, score, weight)
    assert found == pytest.approx(slow_xauc(amount, score, weight), nan_ok=True)


@given(watched_rows())
def test_each_users_xauc_is_that_of_his_own_rows(rows: tuple[np.ndarray, ...]) -> None:
    user, amount, score, weight = rows
    own = [user == u for u in range(user[-1] + 1)]
    expected = [slow_xauc(amount[rows], score[rows], weight[rows]) for rows in own]
    np.testing.assert_allclose(xauc_by_user(user, amount, score, weight), expected)


def test_of_two_amounts_it_is_the_auc() -> None:
    rng = np.random.default_rng(1)
    label, score, weight = rng.random(500) < 0.3, rng.integers(0, 50, 500), rng.random(500)
    assert xauc(label, score, weight) == pytest.approx(auc(label, score, weight))


def test_of_many_different_amounts_it_is_kendalls_tau() -> None:
    rng = np.random.default_rng(1)
    amount = rng.random(20_000)
    score = amount + rng.normal(0, 0.5, 20_000)
    found = xauc(amount, score, np.ones(20_000))
    assert 2 * found - 1 == pytest.approx(kendalltau(amount, score).statistic)


def test_where_no_two_amounts_differ_nothing_is_known() -> None:
    assert np.isnan(xauc(np.empty(0), np.empty(0), np.empty(0)))
    assert np.isnan(xauc(np.ones(1), np.ones(1), np.ones(1)))
    assert np.isnan(xauc(np.full(3, 0.1), np.arange(3), np.array([0.1, 0.2, 0.7])))
