from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.training.retrieval.source_conformance import CIRCLE, NUM_ITEMS, planted, unseen
from training.retrieval.interactions import Interactions
from training.retrieval.source import lists

if find_spec("torch") is None:
    pytest.skip("torch is not installed (NETWORKS=0)", allow_module_level=True)

import torch
from torch.nn import functional as F

from training.retrieval import two_tower
from training.retrieval.two_tower import TwoTower, TwoTowerConfig
from training.retrieval.two_tower_network import NetworkConfig

SMALL = TwoTowerConfig(
    network=NetworkConfig(width=8, max_length=4),
    num_content=4,
    num_epochs=30,
    batch_size=64,
    num_uniform=8,
    learning_rate=0.01,
)
UNTOUCHED = [NUM_ITEMS - 3, NUM_ITEMS - 2, NUM_ITEMS - 1]
"""Items that nobody of the planted histories touched; here one in each circle."""
WALKERS = [[c * CIRCLE + s, c * CIRCLE + s + 1] for c in range(3) for s in range(CIRCLE - 1)]


def circles_with_a_new_item() -> Interactions:
    circle_I = np.r_[np.repeat([0, 1, 2], CIRCLE), 0, 1, 2]
    return replace(planted(), attribute_IA=csr_array(np.eye(3, dtype=np.float32)[circle_I]))


def fitted(interactions: Interactions) -> TwoTower:
    return two_tower.fit(interactions, config=SMALL, seed=3)


@torch.inference_mode()
def by_network(source: TwoTower, histories: list[list[int]]) -> np.ndarray:
    """Score users as a step does, one by one: U × I."""
    network, rows = source.network, []
    items_ID = F.normalize(network.items(torch.arange(NUM_ITEMS)), dim=1)
    for items in histories:
        newest = torch.tensor(items[-SMALL.network.max_length :])
        asking, loud = network.asking(network.items(newest))
        loud = loud + network.places[: len(newest)].flip(0)
        rows.append(network.users(asking, loud, torch.zeros_like(newest)) @ items_ID.T)
    return torch.cat(rows).numpy()


def test_an_item_that_nobody_touched_is_listed_to_those_of_its_circle() -> None:
    source = fitted(circles_with_a_new_item())

    listed = lists(source, unseen(WALKERS), num_items=CIRCLE - 1).item_UK

    for own, items in zip(WALKERS, listed, strict=True):
        assert UNTOUCHED[own[0] // CIRCLE] in items
        assert len(set(UNTOUCHED) & set(items)) == 1


def test_without_attributes_an_item_that_nobody_touched_is_not_known() -> None:
    source = fitted(replace(planted(), attribute_IA=None))

    scores = source.score_users(unseen(WALKERS))

    assert (scores[:, UNTOUCHED] == -np.inf).all()
    assert np.isfinite(scores[:, : 3 * CIRCLE]).all()


def test_the_order_within_a_circle_is_learned() -> None:
    source = fitted(replace(planted(), attribute_IA=None))

    first = lists(source, unseen(WALKERS), num_items=1).item_UK[:, 0]

    after = [last // CIRCLE * CIRCLE + (last + 1) % CIRCLE for _, last in WALKERS]
    assert np.mean(first == after) > 0.8


def test_users_are_joined_as_while_learning() -> None:
    source = fitted(planted())
    histories = [[0, 1, 2, 3, 4, 5], [8], [7, 7, 9]]

    answered = source.score_users(unseen(histories))

    np.testing.assert_allclose(answered, by_network(source, histories), atol=1e-5)


def test_scores_are_the_same_bits_alone_and_in_a_block() -> None:
    source, histories = fitted(planted()), planted()

    whole = lists(source, histories, num_items=10).score_UK

    alone = [lists(source, one, num_items=10).score_UK for one in histories.blocks(1)]
    np.testing.assert_array_equal(whole, np.vstack(alone))
