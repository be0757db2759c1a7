import numpy as np

from simulator.day import Day
from simulator.seeds import generator
from simulator.serving.slates import Slates
from simulator.shop import Shop
from simulator.truth.oracle import showable
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator.shops import SMALL

SHARE = 0.6


def slates_of(shop: Shop, surface: int, users: np.ndarray) -> Slates:
    """Any items for some users, with propensities that tell users and places apart."""
    item = showable(shop.world, shop.state, surface)
    k = shop.world.dials.policy.slate_sizes[surface]
    rng = np.random.default_rng(surface)
    item_SK = np.stack([rng.permutation(item)[:k] for _ in users]).astype(np.int32)
    row_U = np.full(len(shop.world.users), -1)
    row_U[users] = np.arange(len(users))
    propensity_SK = (np.arange(item_SK.size).reshape(item_SK.shape) + 1) / (item_SK.size + 1)
    return Slates(row_U, item_SK, propensity_SK)


def served(users: np.ndarray) -> tuple[Shop, dict[int, Slates], Day]:
    shop = Shop(SMALL)
    shop.next_day()
    slates = {surface: slates_of(shop, surface, users) for surface in (PRODUCT, SLOT, VIDEO)}
    return shop, slates, shop.next_day(slates, SHARE)


def test_a_share_of_those_who_have_a_slate_is_served_from_the_publication() -> None:
    users = np.arange(0, SMALL.users, 2)
    _, slates, day = served(users)
    requests = day.requests
    user_R = day.user_E[requests.event_R]

    lot_U = generator(SMALL.seed, "served").random(SMALL.users)
    is_chosen_R = (lot_U[user_R] < SHARE) & (slates[PRODUCT].row_U[user_R] != -1)

    np.testing.assert_array_equal(requests.is_published_R, is_chosen_R)
    assert abs((lot_U < SHARE).mean() - SHARE) < 0.06


def test_published_pages_show_the_slate_in_its_order_with_its_propensities() -> None:
    shop, slates, day = served(np.arange(SMALL.users))
    requests = day.requests
    user_R = day.user_E[requests.event_R]
    num = dict.fromkeys(slates, 0)

    for request in np.flatnonzero(requests.is_published_R):
        surface = int(requests.surface_R[request])
        part = slice(*requests.start_R[request : request + 2])
        row = slates[surface].row_U[user_R[request]]
        items = requests.item_I[part].tolist()
        if surface == SLOT:
            at_us = day.at_us_E[requests.event_R[request]]
            rooms = shop.world.rooms
            is_live = (rooms.started_us_M <= at_us) & (at_us < rooms.ended_us_M)
            places = np.flatnonzero(np.isin(slates[SLOT].item_SK[row], rooms.item_M[is_live]))
        else:
            places = requests.first_position_R[request] + np.arange(len(items))
        assert items == slates[surface].item_SK[row, places].tolist()
        expected = slates[surface].propensity_SK[row, places]
        np.testing.assert_array_equal(requests.propensity_I[part], expected)
        num[surface] += 1

    assert all(count > 10 for count in num.values())


def test_nobody_is_served_from_it_at_a_share_of_nought() -> None:
    shop = Shop(SMALL)
    shop.next_day()

    day = shop.next_day({PRODUCT: slates_of(shop, PRODUCT, np.arange(SMALL.users))}, 0.0)

    assert not day.requests.is_published_R.any()
