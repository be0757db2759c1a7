from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import ndcg_score, roc_auc_score

from training.metrics import (
    auc,
    auc_by_user,
    bootstrap,
    bootstrap_by_group,
    bootstrap_ratio,
    ideal_dcg,
    log_loss,
    ndcg_by_user,
    normalised_entropy,
)


@st.composite
def judged_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Users ascending without gaps, labels, scores with many ties, weights."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    user = np.repeat(np.arange(len(lengths)), lengths)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    label = rng.random(len(user)) < 0.4
    score = rng.integers(0, 4, len(user)).astype(np.float32) / 4
    return user, label, score, rng.integers(1, 9, len(user)).astype(np.float64)


def slow_auc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    won = pairs = 0.0
    for p in np.flatnonzero(label):
        for n in np.flatnonzero(~label):
            both = weight[p] * weight[n]
            pairs += both
            won += both * (1.0 if score[p] > score[n] else 0.5 if score[p] == score[n] else 0.0)
    return won / pairs if pairs else float("nan")


def slow_ndcg(label: np.ndarray, score: np.ndarray, k: int) -> float:
    ranked = sorted(range(len(score)), key=lambda row: (-score[row], row))
    gained = sum(1 / log2(place + 2) for place, row in enumerate(ranked[:k]) if label[row])
    ideal = sum(1 / log2(place + 2) for place in range(min(k, int(label.sum()))))
    return gained / ideal if ideal else float("nan")


@given(judged_rows())
def test_auc_counts_weighted_pairs_and_halves_ties(rows: tuple[np.ndarray, ...]) -> None:
    _, label, score, weight = rows
    assert auc(label, score, weight) == pytest.approx(slow_auc(label, score, weight), nan_ok=True)


@given(judged_rows())
def test_each_users_auc_is_that_of_his_own_rows(rows: tuple[np.ndarray, ...]) -> None:
    user, label, score, weight = rows
    own = [user == u for u in range(user[-1] + 1)]
    expected = [slow_auc(label[rows], score[rows], weight[rows]) for rows in own]
    np.testing.assert_allclose(auc_by_user(user, label, score, weight), expected)


@given(judged_rows(), st.integers(1, 7))
def test_each_users_ndcg_is_that_of_his_own_rows(rows: tuple[np.ndarray, ...], k: int) -> None:
    user, label, score, _ = rows
    own = [user == u for u in range(user[-1] + 1)]
    expected = [slow_ndcg(label[rows], score[rows], k) for rows in own]
    np.testing.assert_allclose(ndcg_by_user(user, label, score, k=k), expected)


@pytest.mark.parametrize("seed", range(3))
def test_measures_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.random(200) < 0.3
    p, weight = rng.random(200), rng.integers(1, 9, 200).astype(float)

    expected = ndcg_score([label], [p], k=10)

    assert auc(label, p, weight) == pytest.approx(roc_auc_score(label, p, sample_weight=weight))
    assert log_loss(label, p, weight) == pytest.approx(
        sklearn_log_loss(label, p, sample_weight=weight)
    )
    assert ndcg_by_user(np.zeros(200, int), label, p, k=10) == pytest.approx(expected)


def test_a_certain_mistake_costs_much_but_not_infinitely() -> None:
    assert 10 < log_loss(np.array([True]), np.array([0.0]), np.ones(1)) < 20


def test_entropy_is_normalised_by_that_of_the_mean_label() -> None:
    rng = np.random.default_rng(1)
    p, weight = rng.random(300), rng.integers(1, 9, 300).astype(float)
    label = rng.random(300) < p
    mean = np.average(label, weights=weight)
    entropy = -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))

    expected = sklearn_log_loss(label, p, sample_weight=weight) / entropy

    assert normalised_entropy(label, p, weight) == pytest.approx(expected)
    assert normalised_entropy(label, np.full(300, mean), weight) == pytest.approx(1)
    assert np.isnan(normalised_entropy(np.ones(3, bool), p[:3], weight[:3]))


def test_the_ideal_list_begins_with_all_positives() -> None:
    assert ideal_dcg(np.array([0, 1, 3])) == pytest.approx([0, 1, 1 + 1 / log2(3) + 1 / 2])


def test_an_interval_is_as_wide_as_the_normal_law_says() -> None:
    value = np.random.default_rng(7).normal(3.0, 2.0, 400)

    found = bootstrap(value, seed=1)

    half = 1.96 * value.std() / 20
    assert found.mean == pytest.approx(value.mean())
    assert (found.low, found.high) == pytest.approx(
        (found.mean - half, found.mean + half), abs=0.04
    )


def test_users_who_do_not_count_change_nothing() -> None:
    value = np.random.default_rng(7).random(30)
    with_others = np.insert(value, [0, 10, 30], np.nan)
    assert bootstrap(with_others, seed=1) == bootstrap(value, seed=1)


def test_without_users_nothing_is_known() -> None:
    found = bootstrap(np.full(3, np.nan), seed=1)
    assert found.num_users == 0
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_a_users_rows_are_drawn_together() -> None:
    rng = np.random.default_rng(3)
    user = np.sort(rng.integers(0, 40, 300))
    value = rng.normal(user / 10, 0.1)

    found = bootstrap_by_group(value, user, seed=5)

    own = [value[user == u] for u in np.unique(user)]
    means = [
        np.concatenate([own[n] for n in rng.integers(0, len(own), len(own))]).mean()
        for _ in range(2000)
    ]
    expected = np.percentile(means, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx(expected, abs=0.06)
    assert found.high - found.low > 2 * (1.96 * 2 * value.std() / np.sqrt(300))


def test_a_ratio_of_sums_is_resampled_by_user() -> None:
    rng = np.random.default_rng(3)
    lower = rng.random(400) + 0.5
    upper = 0.3 * lower + rng.normal(0, 0.2, 400)

    found = bootstrap_ratio(upper, lower, seed=1)

    # The delta method's interval for a ratio of means.
    ratio = upper.sum() / lower.sum()
    error = np.std(upper - ratio * lower) / lower.mean() / np.sqrt(400)
    assert found.mean == pytest.approx(ratio)
    assert found.low == pytest.approx(ratio - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(ratio + 1.96 * error, abs=0.2 * error)
    assert found.num_users == 400
