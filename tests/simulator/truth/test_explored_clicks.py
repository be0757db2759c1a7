"""Clicks on our own slates, weighted by our own propensities, recover the shop's true values.

A user's slates are arranged by the product with 20,000 seeds; what he clicks is drawn by the shop's
probabilities. What is estimated is exact in the shop; estimates are held to it by 3.9 standard
errors, which one in 10,000 right ones would miss. Seeds are fixed.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pytest

from etl.surfaces import NAMES
from scoring.explore import ExplorationConfig
from scoring.rank import Ranked
from scoring.slate_rows import Chosen
from scoring.slates import SlateConfig, arrange
from simulator.behaviour.attraction import attraction, worth_of_click
from simulator.behaviour.examination import examination
from simulator.truth.oracle import active_users, showable
from simulator.truth.worth import places_in_hours, presence, value
from simulator.world.items import PRODUCT, SLOT, VIDEO
from simulator.world.world import World
from tests.simulator.shops import simulated
from tests.training.known_evening import EVENING, side_of
from training.assemble import Rows
from training.inputs import SCORED_POSITION
from training.seeds import streams

NUM_SEEDS: Final = 20_000
SURE: Final = 3.9
K: Final = 10
CAUTIOUS: Final = ExplorationConfig()
BOLD: Final = ExplorationConfig(rate=0.5, pool_size=8)
CASES: Final = [(PRODUCT, CAUTIOUS), (PRODUCT, BOLD), (VIDEO, CAUTIOUS), (VIDEO, BOLD)]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one user saw with each seed, and what his clicks were worth."""

    config: SlateConfig
    item_C: np.ndarray
    """His candidates, best first: the shop's items."""
    gain_C: np.ndarray
    """float64: what a look at each is worth in the shop's truth."""
    true_value: float
    """Of the exploited slate, by the shop."""
    column_UK: np.ndarray
    propensity_UK: np.ndarray
    is_drawn_UK: np.ndarray
    got_UK: np.ndarray
    """float64: worth of the click at each place, 0 without one."""


@cache
def looked(surface: int, exploration: ExplorationConfig) -> Looked:
    """Let the first active user look at all of his slates on the shop's last evening."""
    shop, config = simulated(), SlateConfig(k=K, exploration=exploration)
    world, state = shop.world, shop.states[-1]
    user = active_users(world, state)[:1]
    item_C = candidates(surface, config)
    p_click_C = attraction(world, state, user, item_C, state.day + 1).astype(np.float64)
    worth_C = worth_of_click(world, state, user, item_C)
    explored = arranged(world, item_C, surface, config).explored
    column_UK = explored.column_UK
    draw = np.random.default_rng(surface).random(column_UK.shape)
    p_look_UK = looks(world, surface, user, item_C[column_UK])
    is_click_UK = draw < p_look_UK * p_click_C[column_UK]
    return Looked(
        config=config,
        item_C=item_C,
        gain_C=p_click_C * worth_C,
        true_value=float(value(world, state, user, item_C[None, :K])[0]),
        column_UK=column_UK,
        propensity_UK=explored.propensity_UK,
        is_drawn_UK=explored.is_drawn_UK,
        got_UK=is_click_UK * worth_C[column_UK],
    )


def looks(world: World, surface: int, user: np.ndarray, item_UK: np.ndarray) -> np.ndarray:
    """How probably the user looks at each place: of live slots, by their hours, if he comes."""
    if surface != SLOT:
        return np.broadcast_to(examination(surface, K), item_UK.shape)
    hour_UK = world.items.hour_N[item_UK]
    at_place_UK = examination(SLOT, K)[places_in_hours(hour_UK)]
    return at_place_UK * presence(world, user[:, None], hour_UK)


def candidates(surface: int, config: SlateConfig) -> np.ndarray:
    """List as many items as the pool can hold beside slate and reserve, the better ones first."""
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    user, item = active_users(world, state)[:1], showable(world, state, surface)
    liking = np.log(attraction(world, state, user, item, state.day + 1))
    noise = np.random.default_rng(1).normal(size=len(item))
    num = config.k + config.num_reserve + config.exploration.pool_size
    return item[np.argsort(-liking + noise, kind="stable")][:num]


def arranged(world: World, item_C: np.ndarray, surface: int, config: SlateConfig) -> Chosen:
    """Let the product arrange the candidates with each seed, in the order given."""
    rows = [
        {
            "item_no": place,
            "seller_id": f"s{world.items.seller_N[item]}" if surface == PRODUCT else None,
            "category": f"c{world.items.topic_N[item]}",
        }
        for place, item in enumerate(item_C)
    ]
    value_R = -np.tile(np.arange(len(item_C)), NUM_SEEDS).astype(np.float64)
    nothing = np.zeros(0, np.int64)
    given = Rows(
        user_R=np.repeat(np.arange(NUM_SEEDS), len(item_C)),
        item_R=np.tile(np.arange(len(item_C)), NUM_SEEDS),
        fused_R=value_R,
        row_P=nothing,
        source_P=nothing.astype(np.int8),
        rank_P=nothing.astype(np.int16),
        score_P=nothing.astype(np.float32),
        position_R=np.full(len(value_R), SCORED_POSITION, np.float32),
    )
    users = pa.array([f"user {number}" for number in range(NUM_SEEDS)])
    purpose = config.exploration.salt
    stream_U = streams(users, day=EVENING, surface=NAMES[surface], purpose=purpose)
    items = side_of(*rows)
    return arrange(given, Ranked(value_R, None), items=items, stream_U=stream_U, config=config)


def is_within(estimate_U: np.ndarray, truth: float) -> bool:
    """Whether the mean of independent estimates is as near the truth as it should be."""
    error = estimate_U.std() / np.sqrt(len(estimate_U))
    return bool(abs(estimate_U.mean() - truth) < SURE * error)


@pytest.mark.parametrize(("surface", "exploration"), CASES)
def test_clicks_on_what_was_kept_recover_what_the_exploited_slate_is_worth(
    surface: int, exploration: ExplorationConfig
) -> None:
    seen = looked(surface, exploration)

    weight_UK = ~seen.is_drawn_UK / seen.propensity_UK
    estimate_U = (seen.got_UK * weight_UK).sum(axis=1)

    assert is_within(estimate_U, seen.true_value)
    assert estimate_U.std() / np.sqrt(NUM_SEEDS) < 0.03 * seen.true_value
    if exploration is BOLD:
        assert not is_within(seen.got_UK.sum(axis=1), seen.true_value)


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
def test_clicks_behind_a_kept_prefix_recover_it_where_places_depend_on_one_another(
    surface: int,
) -> None:
    seen = looked(surface, CAUTIOUS)

    # A live slot stands behind those of its hour: what was drawn before it moves it.
    weight_UK = np.cumprod(~seen.is_drawn_UK / seen.propensity_UK, axis=1)
    estimate_U = (seen.got_UK * weight_UK).sum(axis=1)

    assert is_within(estimate_U, seen.true_value)
    assert estimate_U.std() / np.sqrt(NUM_SEEDS) < 0.08 * seen.true_value


@pytest.mark.parametrize(("surface", "exploration"), CASES)
def test_clicks_on_what_was_drawn_recover_what_the_pool_is_worth(
    surface: int, exploration: ExplorationConfig
) -> None:
    seen = looked(surface, exploration)

    weight_U = seen.is_drawn_UK[:, 0] / seen.propensity_UK[:, 0]
    pool_C = seen.gain_C[K + seen.config.num_reserve :]

    assert is_within(seen.got_UK[:, 0] * weight_U, pool_C.sum())
    assert (seen.column_UK[seen.is_drawn_UK] >= K + seen.config.num_reserve).all()


@pytest.mark.parametrize(("surface", "exploration"), CASES)
def test_weights_of_what_is_kept_are_one_on_average_at_every_place(
    surface: int, exploration: ExplorationConfig
) -> None:
    seen = looked(surface, exploration)

    weight_UK = ~seen.is_drawn_UK / seen.propensity_UK

    assert all(is_within(weight_UK[:, place], 1.0) for place in range(K))
