from dataclasses import dataclass

import numpy as np
import pytest

from simulator.serving.popularity import popular
from simulator.state import State
from simulator.truth.measures import Ways, measure
from simulator.truth.oracle import active_users, slated
from simulator.world.world import World
from tests.simulator.shops import simulated


@dataclass(frozen=True)
class Shop:
    world: World
    state: State


@pytest.fixture(scope="module")
def shop() -> Shop:
    days = simulated()
    return Shop(days.world, days.states[-1])


def test_the_best_policies_reach_what_they_are_measured_by_and_nothing_is_lost(shop: Shop) -> None:
    users = active_users(shop.world, shop.state)
    truth = slated(shop.world, shop.state, 0, users, popular(shop.world, shop.state, 0))
    best = truth.foresight_UK
    others = {"popular": truth.popularity_UK}
    everybody = np.ones(len(users), bool)

    found = measure(
        shop.world,
        shop.state,
        users,
        truth=truth,
        ways=Ways(best, best, best, truth.observable_UK, others, everybody),
        seed=1,
    )

    assert found.lift_share == pytest.approx(1)
    assert found.value == pytest.approx(found.observable)
    assert found.others["popular"]["lift_share"] == pytest.approx(0)
    assert found.popularity < found.observable < found.foresight
    lost = {name: found.loss[name] for name in ("retrieval", "ranking", "rules")}
    assert lost == pytest.approx(dict.fromkeys(lost, 0.0))
    assert found.loss["exploration"] == pytest.approx(found.foresight - found.observable)


def test_users_without_candidates_have_no_part_in_the_split_of_the_loss(shop: Shop) -> None:
    users = active_users(shop.world, shop.state)
    truth = slated(shop.world, shop.state, 0, users, popular(shop.world, shop.state, 0))
    shown = truth.popularity_UK
    has_own = np.arange(len(users)) < 7

    found = measure(
        shop.world,
        shop.state,
        users,
        truth=truth,
        ways=Ways(shown, shown, shown, shown, {}, has_own),
        seed=1,
    )

    assert found.num_users == len(users)
    assert found.loss["num_users"] == 7
