from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.behaviour.attraction import attraction, conversion, watch_share
from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.state import State
from simulator.truth.worth import best, value, worth_of
from simulator.world.items import PRODUCT, SLOT, VIDEO
from simulator.world.world import World
from tests.simulator.shops import simulated

TINY = ShopConfig(users=60, items=30, days=4, seed=3)


def shop() -> tuple[World, State]:
    days = simulated(TINY, 3)
    return days.world, days.states[-1]


def items_of(surface: int) -> np.ndarray:
    return np.flatnonzero(shop()[0].items.type_N == surface)


def logistic(logit: float) -> float:
    return 1 / (1 + np.exp(-logit))


def attraction_by_hand(user: int, item: int) -> float:
    """The formula of the module's head, number by number."""
    world, state = shop()
    taste, items, users = world.dials.taste, world.items, world.users
    kind = items.type_N[item]
    age = max(state.day + 1 - items.born_N[item], 0)
    logit = taste.base[kind] + taste.quality_weight[kind] * items.quality_N[item]
    logit += taste.freshness[kind] * 0.5 ** (age / taste.freshness_days)
    topic = items.topic_N[item]
    feeling = sum(
        s
        for t, s in zip(users.interest_UL[user], users.strength_UL[user], strict=True)
        if t == topic
    )
    latent = zip(users.latent_UA[user], users.latent_strength_UA[user], strict=True)
    feeling += sum(strength for t, strength in latent if t == topic)
    feeling += taste.intent_strength * (topic in state.intent_UM[user])
    logit += taste.affinity_weight[kind] * feeling
    logit += taste.style_weight * float(state.taste_UD[user] @ items.style_ND[item])
    distance = (state.price_z_N[item] - users.price_U[user]) ** 2
    appeal = taste.discount_weight * state.discount_N[item] - taste.price_weight * distance
    logit += users.sensitivity_U[user] * appeal
    logit += world.cross_GP[world.group_U[user], items.department_N[item]]
    if items.language_N[item] != 0:
        is_own = items.language_N[item] == users.language_U[user]
        logit += taste.language_own if is_own else taste.language_foreign
    host = items.host_N[item]
    logit += taste.follow_weight * (host != NONE and state.follows_UH[user, host])
    if state.last_U[user] != NONE:
        logit += world.topics.succession_TT[state.last_U[user], topic]
    logit += float(world.renown.people_UD[user] @ world.renown.name_ND[item])
    return logistic(logit)


def value_by_hand(user: int, slate: list[int]) -> float:
    world, state = shop()
    scale, power = {PRODUCT: (12, 0.9), SLOT: (4, 0.8), VIDEO: (16, 0.9)}[
        int(world.items.type_N[slate[0]])
    ]
    total = 0.0
    for place, item in enumerate(slate):
        one, other = np.array([user]), np.array([item])
        p_cart, p_order = (float(p[0]) for p in conversion(world, state, one, other))
        after = 5 * p_order
        if world.items.type_N[item] == VIDEO:
            after = float(watch_share(world, state, one, other)[0]) + 5 * p_cart
        weight, counted = 1.0, place
        if world.items.type_N[item] == SLOT:
            hour = world.items.hour_N[item]
            counted = sum(world.items.hour_N[before] == hour for before in slate[:place])
            weight = world.users.hours_GH[world.users.rhythm_U[user], hour]
        examined = (1 + counted / scale) ** -power
        total += weight * examined * attraction_by_hand(user, item) * (1 + after)
    return total


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
def test_attraction_is_the_formula_for_every_user_and_item(surface: int) -> None:
    world, state = shop()
    users, items = np.arange(0, 60, 7), items_of(surface)[:12]

    found = attraction(world, state, users[:, None], items[None, :], state.day + 1)

    by_hand = [[attraction_by_hand(user, item) for item in items] for user in users]
    np.testing.assert_allclose(found, by_hand, rtol=1e-4)


def test_pairs_and_tables_of_pairs_have_the_same_attraction() -> None:
    world, state = shop()
    users, items = np.arange(60), items_of(PRODUCT)[:20]

    table = attraction(world, state, users[:, None], items[None, :], 4)

    user, item = np.nonzero(np.ones(table.shape))
    pairs = attraction(world, state, users[user], items[item], 4)
    np.testing.assert_allclose(table.ravel(), pairs, rtol=1e-6)


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_value_of_any_slate_is_the_sum_by_hand(surface: int, data: st.DataObject) -> None:
    world, state = shop()
    user = data.draw(st.integers(0, 59))
    slate = data.draw(st.lists(st.sampled_from(items_of(surface).tolist()), min_size=1, max_size=7))

    padded = np.array([[*slate, NONE, NONE]])
    found = value(world, state, np.array([user]), padded)

    assert found[0] == pytest.approx(value_by_hand(user, slate), rel=1e-4)


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_no_slate_of_any_items_in_any_order_beats_the_best(
    surface: int, data: st.DataObject
) -> None:
    world, state = shop()
    user = np.array([data.draw(st.integers(0, 59))])
    of_type = items_of(surface)
    chosen = data.draw(
        st.lists(st.sampled_from(of_type.tolist()), min_size=4, max_size=5, unique=True)
    )
    item_C = np.sort(chosen)

    worth_BC = worth_of(world, state, user[:, None], item_C[None, :])
    slate = best(world, surface, worth_BC, item_C, 3)

    others = np.array(list(permutations(item_C.tolist(), 3)))
    values = value(world, state, np.repeat(user, len(others)), others)
    assert value(world, state, user, slate)[0] >= values.max() * (1 - 1e-6)


def test_equal_worth_is_ordered_by_item() -> None:
    world, _ = shop()
    worth_BC = np.array([[0.5, 0.5, 0.7, 0.5, -np.inf]], np.float32)

    slate = best(world, PRODUCT, worth_BC, np.array([3, 5, 8, 9, 11]), 6)

    assert slate.tolist() == [[8, 3, 5, 9, NONE, NONE]]


def test_a_live_slot_counts_as_often_as_its_hour_is_visited() -> None:
    world, state = shop()
    slot = items_of(SLOT)[:1]
    users = np.arange(60)

    found = value(world, state, users, np.repeat(slot[None, :], 60, axis=0))

    share = world.users.hours_GH[world.users.rhythm_U, world.items.hour_N[slot[0]]]
    alone = replace(world, users=replace(world.users, hours_GH=np.ones_like(world.users.hours_GH)))
    np.testing.assert_allclose(
        found, share * value(alone, state, users, np.repeat(slot[None, :], 60, axis=0)), rtol=1e-5
    )
