"""What every ranker promises, and the planted examples on which it is held to it.

A ranker is run through these by ``test_rankers.py``: to add one, add a line to its ``RANKERS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from etl.days import Days
from training.inputs import NUMERIC, WORDS, Inputs, Layout, MissingColumnError
from training.rankers.ranker import Batch, Ranker, UnknownModelError
from training.split import Split

NIGHT: Final = date(2026, 1, 20)
SPLIT: Final = Split(Days(date(2026, 1, 15), date(2026, 1, 18)), Days(date(2026, 1, 19), NIGHT))
_USERS, _ITEMS_EACH = 100, 20
_SIGNAL: Final = NUMERIC.index("item_click_rate_28d")
_WORD: Final = "item_category"
TASKS: Final = ("click", "order", "watch")
"""What the planted examples are labelled with: two chances and a share."""
NEGATIVES_KEPT: Final = 0.25
"""Share of the negatives that a sample keeps: each stands for four."""

Fit = Callable[[Callable[[date], Batch], Split, int], Ranker]
Load = Callable[[Mapping[str, bytes]], Ranker]


@dataclass(frozen=True, slots=True)
class Implementation:
    """One ranker, as its module gives it, with a config small enough for a test."""

    fit: Fit
    load: Load
    tolerance: float = 0.0
    """How far scores of a row may lie apart by what stands beside it: sums of matrix products are
    made in an order that their shapes decide."""
    least_found: float = 0.85
    """Share of what the truth's order is worth that is found of the planted pattern, though a
    hundred numbers beside it tell nothing."""
    learned: float = 0.1
    """Share by which sums over half of a day may be beside what was observed: what learns from so
    few examples is held back, and a half then looks too much like the other."""
    is_level_of_stop: bool = False
    """Whether its chances are as high as what came of the stopping days, whatever came before."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One day of examples whose truth is known."""

    batch: Batch
    p_click_N: np.ndarray


@lru_cache(maxsize=16)
def planted(day: date) -> Planted:
    """Draw one day: clicks follow one number and one word, one click in three is an order."""
    rng = np.random.default_rng(day.toordinal())
    num_rows = _USERS * _ITEMS_EACH
    numeric_NF = rng.random((num_rows, len(NUMERIC))).astype(np.float32)
    numeric_NF[rng.random(numeric_NF.shape) < 0.1] = np.nan
    word = rng.choice(["shoes", "hats", "rare"], num_rows, p=[0.5, 0.45, 0.05])
    signal = np.nan_to_num(numeric_NF[:, _SIGNAL], nan=0.5)
    p_click = 1 / (1 + np.exp(-(4 * signal - 3.5 + 1.5 * (word == "shoes"))))
    click = rng.random(num_rows) < p_click
    share = np.where(click, rng.random(num_rows), 0).astype(np.float32)
    share[rng.random(num_rows) < 0.1] = np.nan
    label = {"click": click, "order": click & (rng.random(num_rows) < 1 / 3), "watch": share}
    nothing = pa.array([None] * num_rows, pa.string()).dictionary_encode()
    words = dict.fromkeys(WORDS, nothing) | {_WORD: pa.array(word).dictionary_encode()}
    user = np.repeat(np.arange(_USERS), _ITEMS_EACH)
    given = Inputs(numeric_NF, words, np.arange(num_rows) % _ITEMS_EACH)
    batch = batch_of(given, label, np.ones(num_rows), user)
    return Planted(batch, p_click)


def batch_of(
    given: Inputs, label: Mapping[str, np.ndarray], weight_N: np.ndarray, user_N: np.ndarray
) -> Batch:
    """Examples of candidates of ours, all of one evening."""
    is_own_N, propensity_N = np.ones(len(weight_N), bool), np.full(len(weight_N), np.nan)
    return Batch(given, label, weight_N, user_N, user_N * 0, is_own_N, propensity_N)


def days(day: date) -> Batch:
    """Read one planted day, whole."""
    return planted(day).batch


def few(day: date) -> Batch:
    """Read the first quarter of a planted day: enough where it does not matter what is found."""
    batch = days(day)
    rows = np.arange(len(batch) // 4)
    label = {task: found[rows] for task, found in batch.label.items()}
    return batch_of(batch.given.taken(rows), label, batch.weight_N[rows], batch.user_N[rows])


def sampled_days(day: date) -> Batch:
    """Read one planted day with a seeded sample of its negatives and the weights of the sample."""
    batch = planted(day).batch
    drawn = np.random.default_rng(day.toordinal() + 1).random(len(batch)) < NEGATIVES_KEPT
    rows = np.flatnonzero(batch.label["click"] | drawn)
    weight = np.where(batch.label["click"], 1.0, 1 / NEGATIVES_KEPT)
    label = {task: found[rows] for task, found in batch.label.items()}
    return batch_of(batch.given.taken(rows), label, weight[rows], batch.user_N[rows])


def unseen() -> Planted:
    """A day that no fit has read."""
    return planted(NIGHT + timedelta(days=1))


def scores_are_probabilities(ranker: Ranker) -> None:
    """Every task has one float32 in [0, 1] a row."""
    given = unseen().batch.given
    scores = ranker.score(given)
    assert sorted(scores) == sorted(TASKS)
    for score in scores.values():
        assert score.dtype == np.float32
        assert score.shape == (len(given),)
        assert ((score >= 0) & (score <= 1)).all()


def same_seed_same_scores(fit: Fit) -> None:
    """Two fits of one seed score alike, bit for bit."""
    given = unseen().batch.given
    same_scores(fit(few, SPLIT, 7).score(given), fit(few, SPLIT, 7).score(given))


def a_loaded_model_scores_as_the_saved_one(ranker: Ranker, load: Load) -> None:
    """What ``save`` wrote makes the same ranker again, and the same files."""
    given = unseen().batch.given
    loaded = load(ranker.save())
    assert loaded.name == ranker.name
    assert loaded.save() == ranker.save()
    same_scores(loaded.score(given), ranker.score(given))


def row_order_does_not_matter(ranker: Ranker, tolerance: float) -> None:
    """A row scores the same wherever it stands, and alone as in a batch."""
    given = unseen().batch.given
    order = np.random.default_rng(1).permutation(len(given))
    whole = ranker.score(given)
    for rows in (order, order[:1]):
        expected = {task: score[rows] for task, score in whole.items()}
        near_scores(ranker.score(given.taken(rows)), expected, tolerance)


def nothing_to_score_gives_no_scores(ranker: Ranker) -> None:
    """An empty batch has an empty answer for each task."""
    scores = ranker.score(unseen().batch.given.taken(np.empty(0, np.int64)))
    assert {task: len(score) for task, score in scores.items()} == dict.fromkeys(TASKS, 0)


def an_unseen_word_scores_as_a_missing_one(ranker: Ranker) -> None:
    """A category that no fit knew is no error and no invention."""
    given = unseen().batch.given
    new = pa.array(["never seen"] * len(given)).dictionary_encode()
    missing = pa.array([None] * len(given), pa.string()).dictionary_encode()
    same_scores(
        ranker.score(replace(given, words={**given.words, _WORD: new})),
        ranker.score(replace(given, words={**given.words, _WORD: missing})),
    )


def a_missing_column_is_refused_by_name(ranker: Ranker) -> None:
    """Rows without a number, or a word, that is read are no rows for it."""
    given = unseen().batch.given
    name = NUMERIC[_SIGNAL]
    others = tuple(one for one in NUMERIC if one != name)
    numeric_NF = given.numeric_NF[:, [NUMERIC.index(one) for one in others]]
    words = {one: column for one, column in given.words.items() if one != _WORD}
    with pytest.raises(MissingColumnError, match=name):
        ranker.score(replace(given, numeric_NF=numeric_NF, layout=Layout(others, WORDS)))
    wordless = replace(given, words=words, layout=Layout(NUMERIC, tuple(words)))
    with pytest.raises(MissingColumnError, match=_WORD):
        ranker.score(wordless)


def an_infinite_number_scores_as_a_missing_one(ranker: Ranker) -> None:
    """Features that are no numbers neither stop it nor tell it anything."""
    given = unseen().batch.given
    scores = []
    for odd in (np.nan, np.inf, -np.inf):
        numeric_NF = given.numeric_NF.copy()
        numeric_NF[::3] = odd
        numeric_NF[:, _SIGNAL] = odd
        scores.append(ranker.score(replace(given, numeric_NF=numeric_NF)))
    for one in scores[1:]:
        same_scores(one, scores[0])
    assert all(np.isfinite(score).all() for score in scores[0].values())


def days_of_nothing_and_of_one_class_are_learned_from(fit: Fit) -> None:
    """Empty days, a day of clicks alone and one without any leave probabilities."""
    nothing = np.empty(0, np.int64)

    def odd_days(day: date) -> Batch:
        batch = few(day)
        if day == SPLIT.fit.first:
            label = {task: found[nothing] for task, found in batch.label.items()}
            return batch_of(batch.given.taken(nothing), label, np.empty(0), nothing)
        if day == SPLIT.fit.last:
            return replace(batch, label={**batch.label, "click": np.ones(len(batch), bool)})
        if day == SPLIT.stop.first:
            never = {t: np.zeros_like(found) for t, found in batch.label.items()}
            return replace(batch, label=never)
        return batch

    scores = fit(odd_days, SPLIT, 7).score(unseen().batch.given)
    assert all(((score >= 0) & (score <= 1)).all() for score in scores.values())


def days_without_a_click_make_a_ranker_that_expects_next_to_none(fit: Fit) -> None:
    """A label that never varies is no error here; whether to fit at all is the caller's."""

    def idle_days(day: date) -> Batch:
        batch = few(day)
        never = {task: np.zeros_like(found) for task, found in batch.label.items()}
        return replace(batch, label=never)

    scores = fit(idle_days, SPLIT, 7).score(unseen().batch.given)
    assert all((score < 0.05).all() for score in scores.values())


def files_that_are_cut_off_are_refused(ranker: Ranker, load: Load) -> None:
    """Half of any file, or none of it, is no model."""
    files = ranker.save()
    for name, content in files.items():
        with pytest.raises(UnknownModelError):
            load({**files, name: content[: len(content) // 2]})
    for name in sorted(files)[:1]:
        with pytest.raises(UnknownModelError):
            load({one: content for one, content in files.items() if one != name})


def a_planted_pattern_is_found(ranker: Ranker, least: float) -> None:
    """It orders a new day nearly as well as the truth would."""
    day = unseen()
    scores = ranker.score(day.batch.given)
    for task in TASKS:
        label = day.batch.label[task] > 0
        best = roc_auc_score(label, day.p_click_N)
        assert roc_auc_score(label, scores[task]) - 0.5 > least * (best - 0.5)


def probabilities_are_of_the_whole_though_negatives_were_sampled(fit: Fit, learned: float) -> None:
    """Predicted sums meet observed ones over all rows, high and low, for every task."""
    day = unseen().batch
    scores = fit(sampled_days, SPLIT, 7).score(day.given)
    for task in TASKS:
        score = scores[task].astype(np.float64)
        is_high = score > np.median(score)
        label = day.label[task].astype(np.float64)
        is_known = ~np.isnan(label)
        for rows in (is_known & is_high, is_known & ~is_high, is_known):
            predicted, observed = score[rows].sum(), label[rows].sum()
            # Four standard deviations of a sum of coins, and a share for what is learned.
            near = 0.1 if rows is is_known else learned
            assert abs(predicted - observed) < 4 * np.sqrt(observed) + near * observed


def near_scores(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], tolerance: float
) -> None:
    """Two answers are the same, but for so much."""
    assert one.keys() == other.keys()
    for task in one:
        np.testing.assert_allclose(one[task], other[task], rtol=0, atol=tolerance)


def same_scores(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    """Two answers are the same, bit for bit."""
    assert one.keys() == other.keys()
    for task in one:
        np.testing.assert_array_equal(one[task], other[task])
