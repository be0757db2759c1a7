from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given as drawn
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from etl.days import Days
from etl.features.examination import ANYWHERE, Examination
from tests.training.rankers import conformance
from tests.training.rankers.conformance import SPLIT, days, unseen
from training.encode import EncoderConfig
from training.inputs import Inputs, Layout
from training.metrics import auc
from training.rankers import evenings, lambda_spark, lambdamart, lambdas
from training.rankers.evenings import Evenings
from training.rankers.lambdamart import Lambdamart, LambdamartConfig
from training.rankers.ranker import Batch, UnknownModelError
from training.split import Split, TooLittleToLearnError

CONFIG = LambdamartConfig(
    num_rounds=60, learning_rate=0.15, max_depth=3, max_bin=32, encoder=EncoderConfig(min_count=10)
)


@pytest.fixture(scope="module")
def fitted() -> Lambdamart:
    return lambdamart.fit(days, SPLIT, CONFIG, 7)


def lists_of(gain: list[float], *, inverse: list[float] | None = None, num: int = 1) -> Evenings:
    """So many lists of equal length."""
    gain_N, ones_N = np.array(gain), np.ones(len(gain))
    inverse_N = np.array(inverse) if inverse else ones_N
    first_G = np.linspace(0, len(gain), num + 1).astype(np.int64)
    return Evenings(gain_N, inverse_N, ones_N, ones_N, first_G)


def loss_of_pairs(margin: list[float], at: list[float], lists: Evenings, k: int) -> float:
    """Sum over pairs of the change of NDCG@k, as margins ``at`` order, times the logistic loss."""
    total = 0.0
    for first, last in zip(lists.first_G[:-1], lists.first_G[1:], strict=True):
        rows = range(first, last)
        ranked = sorted(rows, key=lambda row: -at[row])
        worth = {row: 1 / np.log2(n + 2) if n < k else 0.0 for n, row in enumerate(ranked)}
        gains = sorted((lists.gain_N[row] for row in rows), reverse=True)[:k]
        ideal = sum(gain / np.log2(n + 2) for n, gain in enumerate(gains))
        for one in rows:
            for other in rows:
                gained = lists.gain_N[one] - lists.gain_N[other]
                if gained > 0:
                    change = gained * abs(worth[one] - worth[other]) / ideal
                    counts = lists.inverse_N[one] * lists.weight_N[one] * lists.weight_N[other]
                    total += counts * change * np.log1p(np.exp(margin[other] - margin[one]))
    return total


_LISTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 1.0, 3.0]),
        st.floats(1, 20),
        st.integers(1, 4),
        st.integers(-300, 300),
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda row: row[3],
)


@drawn(rows=_LISTS, k=st.integers(1, 10), num=st.integers(1, 2))
def test_lambdas_are_the_slope_of_the_loss_of_pairs(
    rows: list[tuple[float, float, int, int]], k: int, num: int
) -> None:
    gain, inverse, weight, margin = (list(map(float, column)) for column in zip(*rows, strict=True))
    margin = [value / 100 for value in margin]
    lists = replace(lists_of(gain, inverse=inverse, num=num), weight_N=np.array(weight))

    slope_N, curvature_N = lambdas.gradients(np.array(margin), lists, k)

    expected = loss_of_pairs(margin, margin, lists, k)
    assert lambdas.loss(np.array(margin), lists, k) == pytest.approx(expected)
    step = 1e-4
    for row in range(len(rows)):
        up, down = ([*margin[:row], margin[row] + s, *margin[row + 1 :]] for s in (step, -step))
        above, here, below = (loss_of_pairs(m, margin, lists, k) for m in (up, margin, down))
        assert slope_N[row] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-5)
        curved = (above - 2 * here + below) / step**2
        assert curvature_N[row] == pytest.approx(curved, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("gain", [[0.0, 0, 0], [1.0, 1, 1], [3.0, 3, 3], [1.0]])
def test_a_list_of_one_kind_has_no_gradient(gain: list[float]) -> None:
    lists = lists_of(gain)

    slope_N, curvature_N = lambdas.gradients(np.arange(len(gain)), lists, 10)

    assert not slope_N.any()
    assert not curvature_N.any()
    assert not lists.is_told_N.any()


def test_an_order_is_pulled_up_further_than_a_click() -> None:
    slope_N, _ = lambdas.gradients(np.zeros(4), lists_of([0.0, 1, 3, 0]), 10)
    assert slope_N[2] < slope_N[1] < 0 < slope_N[0]


def test_lists_are_of_a_user_and_an_evening_and_what_is_not_known_is_no_order() -> None:
    batch = replace(
        placed(date(2026, 1, 1)),
        user_N=np.array([0, 0, 0, 1]),
        evening_N=np.array([2, 1, 2, 2]),
        weight_N=np.array([1.0, 2.0, 1.0, 1.0]),
        given=placed(date(2026, 1, 1)).given.taken(np.arange(4)),
        label={
            "click": np.array([1, 0, 1, np.nan], np.float32),
            "order": np.array([1, 1, np.nan, 1], np.float32),
        },
    )

    found = evenings.of_batch(batch, ANYWHERE, 20)

    assert evenings.rows_of(batch).tolist() == [1, 0, 2]
    assert found.gain_N.tolist() == [0, 3, 1]
    assert found.list_N.tolist() == [0, 1, 1]
    assert found.weight_N.tolist() == [2, 1, 1]


def test_a_click_counts_by_the_inverse_of_how_often_its_place_is_looked_at() -> None:
    batch, curve = placed(date(2026, 1, 1)), Examination(scale=1.0, power=1.0)

    found = evenings.of_batch(batch, curve, 5)

    np.testing.assert_allclose(found.inverse_N, np.minimum(1 + batch.given.position_N, 5))


_USERS, _PLACES = 150, 12
_HIDDEN = Split(Days(date(2026, 1, 1), date(2026, 1, 4)), Days(date(2026, 1, 5), date(2026, 1, 6)))
_JUDGED = date(2026, 1, 9)
_BLIND = replace(CONFIG, factors=None, log_loss_share=0.0)


@cache
def placed(day: date) -> Batch:
    """Lists whose first places go to what old numbers praise, while clicks follow new ones.

    A place is looked at half as often as the one four above it: so old numbers look good.
    """
    rng = np.random.default_rng(day.toordinal())
    old_UP, new_UP = rng.normal(size=(2, _USERS, _PLACES))
    place_UP = np.argsort(np.argsort(-old_UP, axis=1), axis=1)
    seen_UP = (1 + place_UP) ** -1.5
    click_UP = rng.random(old_UP.shape) < seen_UP * truth(new_UP)
    order_UP = click_UP & (rng.random(old_UP.shape) < 0.2)
    columns = (old_UP.ravel(), new_UP.ravel(), place_UP.ravel())
    given = Inputs(
        np.stack(columns, axis=1).astype(np.float32),
        {},
        np.arange(_USERS * _PLACES) % _PLACES,
        Layout(("old", "new", "position"), ()),
    )
    label = {"click": click_UP.ravel(), "order": order_UP.ravel()}
    user_N = np.repeat(np.arange(_USERS), _PLACES)
    propensity_N = np.full(len(user_N), np.nan)
    ones_N = np.ones(len(user_N))
    return Batch(given, label, ones_N, user_N, user_N * 0, ones_N > 0, propensity_N)


def truth(new: np.ndarray) -> np.ndarray:
    return np.asarray(0.6 / (1 + np.exp(-1.5 * new)))


def found_of_the_truth(config: LambdamartConfig) -> float:
    """How well a fit orders what is liked, wherever it stands: mean correlation of a user."""
    given = placed(_JUDGED).given.at_scored_position()
    margin_N = lambdamart.fit(placed, _HIDDEN, config, 7).margins(given)
    likings_N = truth(given.number("new").astype(np.float64))
    shape = (_USERS, _PLACES)
    pairs = zip(margin_N.reshape(shape), likings_N.reshape(shape), strict=True)
    return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]))


def test_where_places_hide_the_truth_inverse_weights_find_more_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curve = Examination(scale=1.0, power=1.5)
    monkeypatch.setattr("training.examination.fit", lambda batches, config: curve)

    weighed, plain = (found_of_the_truth(replace(_BLIND, max_inverse=most)) for most in (20.0, 1.0))

    assert weighed > plain + 0.05


def test_the_line_behind_the_margins_is_right_on_average(fitted: Lambdamart) -> None:
    day = unseen().batch
    p_N = fitted.score(day.given)["click"]
    assert fitted.level.slope > 0
    assert p_N.sum() == pytest.approx(day.label["click"].sum(), rel=0.1)


def test_tasks_follow_clicks_by_their_ratio(fitted: Lambdamart) -> None:
    scores = fitted.score(unseen().batch.given)
    assert set(fitted.ratio) == {"order", "watch"}
    np.testing.assert_allclose(scores["order"], scores["click"] * fitted.ratio["order"], rtol=1e-6)


@pytest.mark.parametrize("missing", ["rules.json", "click.ubj"])
def test_a_model_that_lacks_a_file_is_refused(fitted: Lambdamart, missing: str) -> None:
    files = {name: content for name, content in fitted.save().items() if name != missing}
    with pytest.raises(UnknownModelError, match="a lambdamart needs"):
        lambdamart.load(files)


def test_trees_that_order_keep_their_leaves_as_trees_of_chances() -> None:
    rng = np.random.default_rng(1)
    matrix_NF = rng.random((200, 3)).astype(np.float32)
    rows = xgb.DMatrix(matrix_NF, label=rng.integers(2, size=200), qid=np.arange(200) // 10)
    ranker = xgb.train({"objective": "rank:ndcg", "base_score": 0.0, "max_depth": 3}, rows, 10)

    found = lambda_spark.logistic(ranker, 0.2)

    start = np.log(0.2 / 0.8)
    margin_N = found.predict(xgb.DMatrix(matrix_NF), output_margin=True)
    np.testing.assert_allclose(margin_N, ranker.predict(rows) + start, atol=1e-5)


def test_tasks_of_spark_grow_trees_that_order_and_are_kept(spark: SparkSession) -> None:
    assert spark.version
    config = replace(CONFIG, num_workers=2, num_rounds=20, factors=None)

    fitted = lambdamart.fit(days, SPLIT, config, 7)

    day = unseen()
    score_N = fitted.score(day.batch.given)["click"]
    label_N, weight_N = day.batch.label["click"], day.batch.weight_N
    best = auc(label_N, day.p_click_N, weight_N)
    assert auc(label_N, score_N, weight_N) - 0.5 > 0.85 * (best - 0.5)
    conformance.a_loaded_model_scores_as_the_saved_one(fitted, lambdamart.load)


def test_tasks_of_spark_refuse_days_that_tell_of_no_order(spark: SparkSession) -> None:
    assert spark.version

    def idle(day: date) -> Batch:
        batch = conformance.few(day)
        return replace(batch, label={t: np.zeros_like(of) for t, of in batch.label.items()})

    with pytest.raises(TooLittleToLearnError, match="nothing can be ordered"):
        lambdamart.fit(idle, SPLIT, replace(CONFIG, num_workers=2, factors=None), 7)
