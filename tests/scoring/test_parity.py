"""What a night stored against the training path: alike if undisturbed, tripped by each fault."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from etl.features.examination import Examination
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED, Surface
from scoring import parity_examples, slates
from scoring.parity import Parity, ParityConfig, compare, drawn
from tests.scoring.scored_evenings import (
    SLATE,
    Night,
    changed,
    drawn_items,
    drawn_night,
    serving_of,
)
from tests.training.known_evening import EVENING
from tests.training.rankers import conformance
from training import assemble as assembling
from training import inputs
from training.encode import EncoderConfig
from training.example_rows import ExamplesConfig
from training.inputs import NUMERIC, Inputs
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig

RATE = NUMERIC.index("item_click_rate_28d")
Change = Callable[[Inputs], Inputs]


@pytest.fixture(scope="module")
def fitted() -> Gbdt:
    """Trees that read a number and a word, and a curve of places."""
    with xgb.config_context(nthread=1):
        config = GbdtConfig(
            num_rounds=40, learning_rate=0.3, max_depth=3, encoder=EncoderConfig(min_count=10)
        )
        found = gbdt.fit(conformance.days, conformance.SPLIT, config, 7)
    return replace(found, examination=Examination(scale=2.0, power=0.5))


@pytest.fixture(scope="module")
def night(fitted: Gbdt) -> Night:
    return drawn_night(fitted)


def compared(night: Night, stored: pa.Table) -> Parity:
    return compare(night.sample(stored), value=SLATE.value, config=ParityConfig())


def numbers_changed(given: Inputs, change: Callable[[np.ndarray], np.ndarray]) -> Inputs:
    numeric_NF = given.numeric_NF.copy()
    numeric_NF[:, RATE] = change(numeric_NF[:, RATE])
    return replace(given, numeric_NF=numeric_NF)


def other_default(given: Inputs) -> Inputs:
    """Zeros where nothing is known."""
    numeric_NF = np.nan_to_num(given.numeric_NF, nan=0.0)
    return replace(given, numeric_NF=numeric_NF)


def shuffled(given: Inputs) -> Inputs:
    """One column of another row."""
    return numbers_changed(given, lambda column_R: np.roll(column_R, 1))


def swapped(given: Inputs) -> Inputs:
    """Two columns in each other's place."""
    numeric_NF = given.numeric_NF.copy()
    other = NUMERIC.index("item_price_cents")
    numeric_NF[:, [RATE, other]] = numeric_NF[:, [other, RATE]]
    return replace(given, numeric_NF=numeric_NF)


def words_swapped(given: Inputs) -> Inputs:
    """Two words in each other's place, behind the same codes."""
    found = given.words["item_category"]
    words = [{"shoes": "hats", "hats": "shoes"}.get(w, w) for w in found.dictionary.to_pylist()]
    other = pa.DictionaryArray.from_arrays(found.indices, pa.array(words))
    return replace(given, words={**given.words, "item_category": other})


FAULTS = {
    "another default": (other_default, "item_click_rate_28d"),
    "a shuffled column": (shuffled, "item_click_rate_28d"),
    "two columns swapped": (swapped, "item_click_rate_28d"),
    "two words swapped": (words_swapped, "item_category"),
}
"""What may go wrong between the assembler and a ranker, and a feature that it changes."""


def planted(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let scoring alone see other features."""

    def otherwise(*rows: Any, **known: Any) -> Inputs:  # noqa: ANN401
        return change(assembling.assemble(*rows, **known))

    monkeypatch.setattr(slates, "assemble", otherwise)


@pytest.mark.parametrize("surface", [PRODUCT_FEED, LIVE_STREAMS], ids=lambda s: s.name)
def test_an_undisturbed_night_scores_as_the_training_path_does(
    fitted: Gbdt, surface: Surface
) -> None:
    night = drawn_night(fitted, surface=surface)
    stored = night.slates()

    found = compared(night, stored)

    assert (found.features, found.scores) == ((), ())
    assert found.is_kept
    num_places = sum(len(row["items"]) + len(row["reserve"]) for row in stored.to_pylist())
    assert found.num_places == num_places > 30
    assert str(found).startswith(f"{num_places} places of 8 users score alike")


def test_live_slots_are_compared_at_their_places_of_the_hour(fitted: Gbdt) -> None:
    night = drawn_night(fitted, surface=LIVE_STREAMS)
    flat = replace(fitted, examination=Examination())

    found = compared(night, replace(night, serving=serving_of(flat)).slates())

    first = [d for d in found.scores if d.what == "p_click"]
    assert len(first) == 1
    assert 0 < first[0].num_rows < found.num_places


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_scoring_is_named_by_its_feature(
    night: Night, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    change, feature = FAULTS[fault]
    planted(monkeypatch, change)

    found = compared(night, night.slates())

    named = {difference.what for difference in found.features}
    assert f"feature {feature} (examples of impressions)" in named
    assert f"feature {feature} (examples of candidates)" in named
    assert {"p_click", "value"} <= {difference.what for difference in found.scores}


@pytest.mark.parametrize("fault", FAULTS)
def test_slates_made_with_a_fault_that_is_mended_differ_in_their_scores(
    night: Night, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with monkeypatch.context() as patched:
        planted(patched, FAULTS[fault][0])
        stored = night.slates()

    found = compared(night, stored)

    assert found.features == ()
    assert {"p_click", "value"} <= {difference.what for difference in found.scores}
    assert "Both paths read features alike now" in str(found)


def test_a_fault_of_the_training_path_is_named_as_well(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = night.slates()
    written = Inputs.columns

    def with_zeros(given: Inputs) -> dict[str, pa.Array]:
        return written(given) | {"item_click_rate_28d": pa.array(np.zeros(len(given)))}

    monkeypatch.setattr(Inputs, "columns", with_zeros)
    found = compared(night, stored)

    assert {d.what for d in found.features} == {
        "feature item_click_rate_28d (examples of impressions)",
        "feature item_click_rate_28d (examples of candidates)",
    }


def test_columns_read_in_another_order_than_they_were_written_are_named(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = night.slates()
    read = inputs.from_table
    monkeypatch.setattr(inputs, "from_table", lambda *asked: swapped(read(*asked)))

    found = compared(night, stored)

    assert any("feature item_click_rate_28d" in d.what for d in found.features)


def test_an_encoder_with_its_words_in_another_order_trips(night: Night, fitted: Gbdt) -> None:
    vocabularies = {
        name: words[::-1] for name, words in fitted.columns.encoder.vocabularies.items()
    }
    encoder = replace(fitted.columns.encoder, vocabularies=vocabularies)
    other = replace(fitted, columns=replace(fitted.columns, encoder=encoder))
    stored = replace(night, serving=serving_of(other)).slates()

    found = compared(night, stored)

    assert found.features == ()
    assert {"p_order", "value"} <= {difference.what for difference in found.scores}


@pytest.mark.parametrize("what", ["items", "pairs", "ages"])
def test_features_of_another_evening_trip(night: Night, fitted: Gbdt, what: str) -> None:
    if what == "items":
        items = drawn_items(np.random.default_rng(9), PRODUCT_FEED)
        stored = replace(night, items=items).slates()
    elif what == "pairs":
        stored = replace(night, pairs=night.pairs.slice(0, 0)).slates()
    else:
        early = pa.array([EVENING - timedelta(days=1)] * night.users.num_rows, pa.date32())
        place = night.users.column_names.index("feature_date")
        users = night.users.set_column(place, "feature_date", early)
        stored = replace(night, users=users).slates()

    found = compared(night, stored)

    assert found.features == ()
    assert "p_click" in {difference.what for difference in found.scores}


def test_another_nights_model_is_named(night: Night, fitted: Gbdt) -> None:
    older = serving_of(fitted, model_date=date(2026, 1, 1))

    found = compared(night, replace(night, serving=older).slates())

    [difference] = found.scores
    assert (difference.what, difference.of_night) == ("the ranker", "gbdt 2026-01-01")
    assert difference.of_training == "gbdt 2026-01-08"


@pytest.mark.parametrize(("by", "is_kept"), [(1e-5, False), (1e-8, True)])
def test_scores_may_differ_by_a_millionth(night: Night, by: float, is_kept: bool) -> None:  # noqa: FBT001
    assert compared(night, changed(night.slates(), "value", by)).is_kept is is_kept


def test_a_difference_says_what_of_whom_both_values_and_what_to_do(night: Night) -> None:
    stored = night.slates()
    first = next(row for row in stored.to_pylist() if row["items"])
    place = first["items"][0]

    said = str(compared(night, changed(stored, "value", 1.0)))

    assert said.startswith(
        f"value of item {place['item_id']} for user {first['audience_key']} is "
        f"{place['value'] + 1:.9g} as the night has it, {place['value']:.9g} by the training path. "
    )
    assert said.endswith(f"make the night again: nightmarket night --day {EVENING}")


def test_of_many_differences_a_sentence_names_a_few(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, other_default)

    found = compared(night, night.slates())

    assert len(found.differences) > 10
    assert f" (and {len(found.differences) - 4} more). Rankers learn these features" in str(found)


def test_an_item_that_is_no_candidate_is_a_difference(night: Night) -> None:
    found = compared(night, changed(night.slates(), "item_no", 1000))

    assert [difference.what for difference in found.scores] == ["the place"]


def test_users_without_a_candidate_are_no_difference(night: Night) -> None:
    nothing = pa.nulls(night.users.num_rows, night.users.column("candidates").type)
    place = night.users.column_names.index("candidates")
    idle = replace(night, users=night.users.set_column(place, "candidates", nothing))

    found = compared(idle, idle.slates())

    assert (found.num_candidates, found.num_places, found.is_kept) == (0, 0, True)


def test_a_candidate_that_becomes_no_example_is_a_difference(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = night.slates()
    monkeypatch.setattr(parity_examples, "_ALL", ExamplesConfig(max_impressions=2, num_negatives=2))

    found = compared(night, stored)

    assert [difference.what for difference in found.features] == [
        "the row (examples of impressions)",
        "the row (examples of candidates)",
    ]
    assert not found.is_kept


def test_the_same_users_are_drawn_whatever_their_order() -> None:
    users = pa.array([f"u{n}" for n in range(100)])
    config = ParityConfig(num_users=5)
    said = {"evening": EVENING, "surface": PRODUCT_FEED, "config": config}

    once, again = drawn(users, **said), drawn(users.take(pa.array(range(99, -1, -1))), **said)

    assert once.equals(again)
    assert len(once) == 5
    assert once.to_pylist() == sorted(once.to_pylist())
    assert not once.equals(drawn(users, **said | {"evening": EVENING - timedelta(days=1)}))
