from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from tests.training.retrieval.source_conformance import NUM_ITEMS, planted, unseen
from tests.training.retrieval.test_learned_sources import config_of
from training.retrieval.interactions import Interactions
from training.retrieval.learned import NIGHTLY
from training.retrieval.source import Parent, lists

WARM = [name for name, learned in NIGHTLY.items() if learned.is_warm]


def renumbered(given: Interactions, number_I: np.ndarray, num_items: int) -> Interactions:
    return replace(given, item_N=number_I[given.item_N], num_items=num_items, attribute_IA=None)


@pytest.mark.parametrize("name", WARM)
def test_a_fit_that_goes_on_knows_what_its_parent_knew(name: str) -> None:
    needs = NIGHTLY[name].needs
    if needs is not None and find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed (NETWORKS=0)")
    module = import_module(f"training.retrieval.{NIGHTLY[name].module}")
    config = replace(config_of(name), num_warm_epochs=0)
    before = replace(planted(), attribute_IA=None)
    parent = module.fit(before, config=config, seed=7)
    # Tonight's catalogue: two items are new, all have other numbers, and one is gone.
    place_I = np.r_[-1, np.random.default_rng(5).permutation(NUM_ITEMS)[1:], -1]
    number_I = np.full(NUM_ITEMS, 0)
    number_I[place_I[place_I >= 0]] = np.flatnonzero(place_I >= 0)
    asked = [[0, 1], [8], [15, 16, 17], [3, 4]]
    gone = int(np.setdiff1d(np.arange(NUM_ITEMS), place_I)[0])
    asked = [[item for item in own if item != gone] for own in asked]

    again = module.fit(
        renumbered(before.where(before.item_N != gone), number_I, len(place_I)),
        config=config,
        seed=8,
        parent=Parent(parent, place_I),
    )

    is_known_I = place_I >= 0
    histories = unseen([[int(number_I[item]) for item in own] for own in asked])
    histories = replace(histories, num_items=len(place_I))
    listed = lists(again, histories, num_items=5, is_allowed_I=is_known_I).item_UK
    kept = np.arange(NUM_ITEMS) != gone
    wanted = lists(parent, unseen(asked), num_items=5, is_allowed_I=kept).item_UK
    np.testing.assert_array_equal(place_I[listed], wanted)
