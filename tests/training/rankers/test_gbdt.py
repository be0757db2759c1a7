from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from tests.training.rankers import conformance
from tests.training.rankers.conformance import SPLIT, days, unseen
from training.encode import Encoder, EncoderConfig
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.ranker import Batch, UnknownModelError

CONFIG = GbdtConfig(
    num_rounds=20,
    learning_rate=0.3,
    max_depth=3,
    max_bin=32,
    encoder=EncoderConfig(min_count=10),
    factors=None,
)
"""Trees alone; what they begin from otherwise has its own file."""


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    return gbdt.fit(days, SPLIT, CONFIG, 7)


def few_orders(day: date) -> Batch:
    """A planted day of which only the first three orders are known."""
    batch = days(day)
    order = batch.label["order"] & (np.cumsum(batch.label["order"]) <= 3)
    return replace(batch, label={**batch.label, "order": order})


def test_with_few_orders_p_order_follows_p_click_by_their_ratio() -> None:
    fitted = gbdt.fit(few_orders, SPLIT, CONFIG, 7)

    scores = fitted.score(unseen().batch.given)

    num_clicks = sum(days(day).label["click"].sum() for day in SPLIT.fit)
    ratio = 3 * len(SPLIT.fit) / num_clicks
    assert sorted(fitted.heads) == ["click", "watch"]
    np.testing.assert_allclose(scores["order"], scores["click"] * ratio, rtol=1e-6)
    conformance.a_loaded_model_scores_as_the_saved_one(fitted, gbdt.load)


def test_enough_orders_grow_a_head_of_their_own(fitted: Gbdt) -> None:
    assert sorted(fitted.heads) == ["click", "order", "watch"]
    assert not fitted.ratio


def test_a_model_fitted_on_other_features_is_refused(fitted: Gbdt) -> None:
    click = fitted.heads["click"].copy()
    click.feature_names = ["a_feature_of_old", *fitted.columns.names[1:]]
    files = replace(fitted, heads={**fitted.heads, "click": click}).save()
    with pytest.raises(UnknownModelError, match="other features; fit it again"):
        gbdt.load(files)


@pytest.mark.parametrize("missing", ["rules.json", "click.ubj", "item_effects.arrow"])
def test_a_model_that_lacks_a_file_is_refused(fitted: Gbdt, missing: str) -> None:
    files = {name: content for name, content in fitted.save().items() if name != missing}
    with pytest.raises(UnknownModelError, match="a gbdt needs"):
        gbdt.load(files)


def test_the_planted_features_matter_most(fitted: Gbdt) -> None:
    importance = fitted.importance()
    assert list(importance)[:2] == ["item_click_rate_28d", "item_category"]
    assert sum(importance.values()) == pytest.approx(1)


def test_early_stopping_leaves_the_trees_up_to_the_best_round(fitted: Gbdt) -> None:
    patient = gbdt.fit(days, SPLIT, replace(CONFIG, num_rounds=200, stop_after=5), 7)
    assert fitted.num_trees <= 20
    assert 5 < patient.num_trees < 195


def test_a_day_without_examples_changes_nothing(fitted: Gbdt) -> None:
    def with_a_gap(day: date) -> Batch:
        batch = days(SPLIT.fit.first if day == SPLIT.fit.last else day)
        rows = np.arange(0 if day == SPLIT.fit.last else len(batch))
        label = {task: found[rows] for task, found in batch.label.items()}
        given = batch.given.taken(rows)
        return conformance.batch_of(given, label, batch.weight_N[rows], batch.user_N[rows])

    shorter = replace(SPLIT, fit=type(SPLIT.fit)(SPLIT.fit.first, date(2026, 1, 17)))
    given = unseen().batch.given
    conformance.same_scores(
        gbdt.fit(with_a_gap, SPLIT, CONFIG, 7).score(given),
        gbdt.fit(days, shorter, CONFIG, 7).score(given),
    )


def test_scoring_reads_the_encoder_of_the_fit(fitted: Gbdt) -> None:
    known = fitted.columns.encoder
    knows_no_word = Encoder(dict.fromkeys(known.vocabularies, ()), known.numeric)
    other = replace(fitted, columns=replace(fitted.columns, encoder=knows_no_word))
    given = unseen().batch.given
    assert (other.score(given)["click"] != fitted.score(given)["click"]).any()


@pytest.mark.parametrize("direction", [1, -1])
def test_chances_only_rise_or_fall_with_a_feature_where_that_is_asked_for(direction: int) -> None:
    name = "item_click_rate_28d"
    fitted = gbdt.fit(days, SPLIT, replace(CONFIG, monotone={name: direction}), 7)
    given = unseen().batch.given
    column = given.layout.numeric.index(name)

    def at(value: float) -> np.ndarray:
        numeric_NF = given.numeric_NF.copy()
        numeric_NF[:, column] = value
        return fitted.score(replace(given, numeric_NF=numeric_NF))["click"]

    steps = [direction * (at(high) - at(low)) for low, high in pairwise(np.linspace(0, 1, 11))]
    assert min(step.min() for step in steps) >= 0
    # Clicks rise with it: who must not say so says nothing of it.
    assert (max(step.max() for step in steps) > 0) == (direction == 1)
