import numpy as np
import pytest

from simulator.day import NONE
from simulator.ledger import pairs
from simulator.serving.policy import entries, fill
from simulator.serving.shelf import shelf_of
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator.shops import Days, simulated


def impressions(shop: Days, day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, item and propensity of each of a day's impressions."""
    shown = shop.days[day].requests
    user_I = np.repeat(shop.days[day].user_E[shown.event_R], np.diff(shown.start_R))
    return user_I, shown.item_I, shown.propensity_I


def test_nothing_sold_out_or_unborn_is_shown() -> None:
    shop = simulated()

    for day in range(1, len(shop.days)):
        _, item_I, _ = impressions(shop, day)
        assert (shop.states[day].stock_N[item_I] != 0).all()
        assert (shop.world.items.born_N[item_I] < day).all()


def test_nothing_bought_or_hidden_by_the_evening_before_is_shown() -> None:
    shop = simulated()

    for day in range(1, len(shop.days)):
        user_I, item_I, _ = impressions(shop, day)
        assert not np.isin(pairs(user_I, item_I), shop.states[day].done(shop.world)).any()


@pytest.mark.parametrize("surface", [PRODUCT, VIDEO])
def test_latent_topics_are_never_listed_but_sometimes_drawn(surface: int) -> None:
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    users = np.arange(len(world.users))

    list_BK, pool_BP = entries(world, state, shelf_of(world, state, surface), users)

    def num_latent(item: np.ndarray) -> int:
        topic = np.where(item == NONE, NONE - 1, world.items.topic_N[item])
        return int((topic[:, :, None] == world.users.latent_UA[:, None, :]).sum())

    assert num_latent(list_BK) == 0
    assert num_latent(pool_BP) > 0


def test_latent_topics_reach_users_only_by_the_coin() -> None:
    shop = simulated()
    for day in range(len(shop.days)):
        user_I, item_I, propensity_I = impressions(shop, day)
        topic = shop.world.items.topic_N[item_I]
        is_latent = (topic[:, None] == shop.world.users.latent_UA[user_I]).any(axis=1)
        is_drawn = propensity_I < 1 - shop.world.dials.policy.rate

        assert is_drawn[is_latent].all()
        assert is_latent.any()


@pytest.mark.parametrize("surface", [PRODUCT, VIDEO])
def test_a_users_list_and_pool_do_not_depend_on_who_else_is_served(surface: int) -> None:
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    shelf = shelf_of(world, state, surface)

    everybody = entries(world, state, shelf, np.arange(len(world.users)))
    some = entries(world, state, shelf, np.arange(0, len(world.users), 7))

    for all_of_them, few in zip(everybody, some, strict=True):
        np.testing.assert_array_equal(all_of_them[::7], few)


@pytest.mark.parametrize("surface", [PRODUCT, VIDEO])
def test_list_and_pool_share_nothing_and_hold_only_what_may_be_shown(surface: int) -> None:
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    users = np.arange(len(world.users))

    list_BK, pool_BP = entries(world, state, shelf_of(world, state, surface), users)

    done = set(state.done(world).tolist())
    may_N = (world.items.type_N == surface) & state.is_showable_N(world)
    for user in users[:200]:
        listed = list_BK[user][list_BK[user] != NONE].tolist()
        pool = pool_BP[user][pool_BP[user] != NONE].tolist()
        both = listed + pool
        assert len(set(both)) == len(both)
        assert may_N[both].all()
        assert not done & {int(user) << 32 | item for item in both}


def test_who_switched_personalisation_off_is_listed_what_is_popular() -> None:
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    off = np.flatnonzero(state.is_off_U)
    shelf = shelf_of(world, state, PRODUCT)

    list_BK, _ = entries(world, state, shelf, off)

    assert len(off)
    assert np.isin(list_BK, [*shelf.best_C, NONE]).all()


def test_slates_are_filled_as_deep_as_they_are_looked_at() -> None:
    shop = simulated()
    users = np.array([3, 5, 9])

    slates = fill(shop.world, shop.states[-1], PRODUCT, users, np.array([50, 12, 90]))

    assert (slates.item_SK != NONE).sum(axis=1).tolist() == [50, 12, 50]
    assert slates.has(np.array([3, 4, 5])).tolist() == [True, False, True]


def test_live_shows_only_rooms_that_are_live_at_that_moment() -> None:
    shop = simulated()
    rooms = shop.world.rooms
    num = 0

    for day in shop.days:
        shown = day.requests
        at_I = np.repeat(day.at_us_E[shown.event_R], np.diff(shown.start_R))
        is_live = np.repeat(shown.surface_R == SLOT, np.diff(shown.start_R))
        room = shown.room_I[is_live]
        assert (shown.room_I[~is_live] == NONE).all()
        assert (rooms.item_M[room] == shown.item_I[is_live]).all()
        assert (rooms.started_us_M[room] <= at_I[is_live]).all()
        assert (at_I[is_live] < rooms.ended_us_M[room]).all()
        num += len(room)

    assert num > 0
