from dataclasses import replace

import numpy as np
import pytest

from etl.features.examination import ANYWHERE, Examination, ExaminationConfig
from tests.training.rankers.conformance import unseen
from training import examination
from training.inputs import NUMERIC
from training.rankers.ranker import Batch

TRUE = Examination(scale=8.0, power=1.0)
NUM_PLACES = 20


def shown(num_rows: int, *, is_by_chance: bool = True) -> Batch:
    """A day on which good items stand in front unless chance placed them."""
    rng = np.random.default_rng(3)
    batch = unseen().batch
    place_N = rng.integers(0, NUM_PLACES, num_rows)
    attraction_N = np.full(num_rows, 0.3) if is_by_chance else 0.4 - 0.015 * place_N
    rows = np.arange(num_rows) % len(batch)
    numeric_NF = batch.given.numeric_NF[rows]
    numeric_NF[:, NUMERIC.index("position")] = place_N
    return replace(
        batch,
        given=replace(batch.given, numeric_NF=numeric_NF),
        label={"click": rng.random(num_rows) < attraction_N * TRUE.at(place_N)},
        weight_N=np.ones(num_rows),
        propensity_N=np.full(num_rows, 0.01 if is_by_chance else 0.9),
    )


def test_the_curve_of_what_chance_placed_is_found() -> None:
    chosen = shown(20_000, is_by_chance=False)

    found = examination.fit([shown(20_000), chosen], ExaminationConfig())

    places = np.arange(NUM_PLACES)
    assert found.at(places) == pytest.approx(TRUE.at(places), abs=0.06)


def test_without_chance_all_impressions_are_read() -> None:
    found = examination.fit([shown(20_000, is_by_chance=False)], ExaminationConfig())

    assert found.at(np.array([10.0]))[0] < TRUE.at(np.array([10.0]))[0]


def test_a_sample_counts_as_what_it_stands_for() -> None:
    whole = shown(4_000)
    halved = replace(whole, weight_N=np.full(4_000, 2.0))

    config = ExaminationConfig(min_clicks=1)
    assert examination.fit([whole], config) == examination.fit([halved], config)


def test_few_clicks_say_nothing_of_places() -> None:
    assert examination.fit([shown(100)], ExaminationConfig()) == ANYWHERE
    assert examination.fit([], ExaminationConfig()) == ANYWHERE


def test_an_item_without_a_place_is_looked_at() -> None:
    assert TRUE.at(np.array([np.nan, 0.0, 8.0])) == pytest.approx([1.0, 1.0, 0.5])
