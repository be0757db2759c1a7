from dataclasses import replace
from itertools import pairwise

import numpy as np

from simulator.behaviour.morning import next_intents, wake
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE
from simulator.state import first_state
from simulator.world.items import PRODUCT
from simulator.world.world import make_world
from tests.simulator.shops import simulated

WORLD = make_world(ShopConfig(users=30_000, items=900, days=30, seed=4))
DIALS = WORLD.dials.change


def intents(num_days: int) -> list[np.ndarray]:
    days = [first_state(WORLD).intent_UM]
    for day in range(num_days):
        days.append(next_intents(WORLD, days[-1], day))
    return days


def test_an_intent_ends_as_often_as_its_dial_says() -> None:
    before, after = intents(12)[-2:]
    had = before != NONE

    kept = (before == after)[had].mean()

    assert abs(1 - kept - DIALS.intent_end) < 0.02


def test_what_follows_an_intent_is_one_of_its_two_followers() -> None:
    before, after = intents(12)[-2:]
    ended = (before != NONE) & (after != before)

    followers = WORLD.topics.follower_TF[before[ended]]
    is_follower = (after[ended][:, None] == followers).any(axis=1)

    assert abs(is_follower.mean() - DIALS.intent_followed) < 0.05
    assert (after[ended][~is_follower] == NONE).all()


def test_half_of_new_intents_lie_in_long_term_interests() -> None:
    first = intents(1)[-1][:, 0]
    begun = first != NONE

    is_own = (first[:, None] == WORLD.users.interest_UL).any(axis=1)[begun].mean()

    by_chance = (1 - DIALS.intent_of_interest) * 5 / len(WORLD.topics)
    assert DIALS.intent_of_interest < is_own < DIALS.intent_of_interest + 2 * by_chance
    assert abs(begun.mean() - DIALS.intent_start) < 0.01


def test_no_user_has_one_intent_twice() -> None:
    for intent_UM in intents(12):
        assert not ((intent_UM[:, 0] == intent_UM[:, 1]) & (intent_UM[:, 0] != NONE)).any()


def test_affinity_is_interests_latent_interests_and_intents_by_topic() -> None:
    evening = replace(first_state(WORLD), intent_UM=intents(5)[-1])

    state = wake(WORLD, evening)

    users = WORLD.users
    for user in range(50):
        by_hand = np.zeros(len(WORLD.topics))
        for topic, strength in zip(users.interest_UL[user], users.strength_UL[user], strict=True):
            by_hand[topic] += strength if topic != NONE else 0
        latent = zip(users.latent_UA[user], users.latent_strength_UA[user], strict=True)
        for topic, strength in latent:
            by_hand[topic] += strength if topic != NONE else 0
        for topic in state.intent_UM[user]:
            by_hand[topic] += WORLD.dials.taste.intent_strength if topic != NONE else 0
        np.testing.assert_allclose(state.affinity_UT[user], by_hand, rtol=1e-5)


def test_latent_topics_are_no_long_term_interests_and_half_of_them_sisters() -> None:
    users = WORLD.users
    latent, own = users.latent_UA[:, 0], users.interest_UL

    assert not (latent[:, None] == own).any()
    is_sister = (latent == WORLD.topics.sister_T[own[:, 0]]).mean()
    assert abs(is_sister - WORLD.dials.world.sister_share) < 0.1


def test_a_sale_cuts_prices_for_one_day_and_says_so_in_the_catalogue() -> None:
    shop = simulated(replace(ShopConfig(users=200, items=300, seed=6), days=16), 15)
    world, states = shop.world, shop.states
    sale = world.dials.change.sale_every_days - 1

    cut = states[sale + 1].discount_N == 1

    share = cut[world.items.type_N == PRODUCT].mean()
    assert abs(share - world.dials.change.sale_share) < 0.06
    ratio = states[sale + 1].price_cents_N[cut] / states[sale].price_cents_N[cut]
    assert abs(np.median(ratio) - (1 - world.dials.change.sale_discount)) < 0.01
    back = states[sale + 2].price_cents_N[cut] / states[sale].price_cents_N[cut]
    assert abs(np.median(back) - 1) < 0.01
    said = shop.days[sale].item_E[shop.days[sale].type_E == EVENT_TYPES.index("item")]
    assert np.isin(np.flatnonzero(cut), said).all()
    assert not states[sale + 2].discount_N.any()


def test_stock_sells_out_and_comes_back() -> None:
    few = ShopConfig(users=2500, items=300, days=12, seed=4)
    states = simulated(few).states

    out = [state.stock_N == 0 for state in states]

    assert any(now.any() for now in out)
    assert any((before & ~now).any() for before, now in pairwise(out))
    assert all((state.stock_N >= NONE).all() for state in states)
