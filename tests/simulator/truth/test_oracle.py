import numpy as np
import pytest

from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE
from simulator.ledger import pairs
from simulator.serving.popularity import popular
from simulator.truth import oracle
from simulator.truth.worth import value, worth_of
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator.shops import Days, simulated

SURFACES = [PRODUCT, SLOT, VIDEO]
TRADING = ShopConfig(users=400, items=120, days=10, seed=5)


def days() -> Days:
    return simulated(TRADING, 9)


def may_be_shown(surface: int) -> np.ndarray:
    """Whether each user may be shown each item: bool, U × N, from the days' events alone."""
    shop = days()
    world, state = shop.world, shop.states[-1]
    code = {name: EVENT_TYPES.index(name) for name in ("order", "cancel", "hide", "item")}
    net = np.zeros((len(world.users), len(world.items)), int)
    hidden = np.zeros(net.shape, bool)
    stock = np.full(len(world.items), NONE)
    is_known = np.zeros(len(world.items), bool)
    for day in shop.days:
        for name, change in (("order", 1), ("cancel", -1)):
            of = day.type_E == code[name]
            np.add.at(net, (day.user_E[of], day.item_E[of]), change)
        of = day.type_E == code["hide"]
        hidden[day.user_E[of], day.item_E[of]] = True
        for event in np.flatnonzero(day.type_E == code["item"]):
            stock[day.item_E[event]] = day.stock_E[event]
            is_known[day.item_E[event]] = True
    right = world.items.type_N == surface
    if surface == SLOT:
        right &= world.items.weekday_N == world.weekday(state.day + 1)
        net[:] = 0  # Who bought something in a slot may see it again.
    return (is_known & right & (stock != 0))[None, :] & ~hidden & (net <= 0)


@pytest.mark.parametrize("surface", SURFACES)
def test_foresight_is_the_best_of_all_that_may_be_shown(surface: int) -> None:
    world, state = days().world, days().states[-1]
    users = oracle.active_users(world, state)

    found = oracle.slated(world, state, surface, users, popular(world, state, surface))

    may_UN = may_be_shown(surface)[users]
    shown = found.foresight_UK != NONE
    row, _ = np.nonzero(shown)
    assert may_UN[row, found.foresight_UK[shown]].all()
    assert (shown.sum(axis=1) == np.minimum(may_UN.sum(axis=1), shown.shape[1])).all()
    if surface != SLOT:
        for place, user in enumerate(users[:20]):
            item = np.flatnonzero(may_UN[place])
            worth = worth_of(world, state, np.full(len(item), user), item)
            best = item[np.argsort(-worth, kind="stable")][: shown.shape[1]]
            assert found.foresight_UK[place, : len(best)].tolist() == best.tolist()


@pytest.mark.parametrize("surface", SURFACES)
def test_observable_keeps_to_topics_seen_in_the_logs_and_fills_up_by_popularity(
    surface: int,
) -> None:
    shop = days()
    world, state = shop.world, shop.states[-1]
    users = oracle.active_users(world, state)
    listed = popular(world, state, surface)

    found = oracle.slated(world, state, surface, users, listed).observable_UK

    topic_N, may_UN = world.items.topic_N, may_be_shown(surface)
    seen_UT = seen_topics(shop)
    for user, slate in zip(users[:60], found[:60], strict=True):
        kept = slate[slate != NONE]
        is_seen = seen_UT[user, topic_N[kept]]
        num_seen = int((seen_UT[user, topic_N] & may_UN[user]).sum())
        assert is_seen.sum() == min(num_seen, len(slate))
        assert is_seen[: is_seen.sum()].all()
        filler = [i for i in listed if may_UN[user, i] and not seen_UT[user, topic_N[i]]]
        assert kept[is_seen.sum() :].tolist() == filler[: len(slate) - is_seen.sum()]


def seen_topics(shop: Days) -> np.ndarray:
    """Where a user clicked once in at least five examined impressions: bool, U × T."""
    counts = np.zeros((2, len(shop.world.users), len(shop.world.topics)), int)
    for day in shop.days:
        shown = day.requests
        user_I = np.repeat(day.user_E[shown.event_R], np.diff(shown.start_R))
        topic_I = shop.world.items.topic_N[shown.item_I]
        looked = shown.is_examined_I
        np.add.at(counts[0], (user_I[looked], topic_I[looked]), 1)
        of = (day.type_E == EVENT_TYPES.index("click")) & (day.request_E != NONE)
        np.add.at(counts[1], (day.user_E[of], shop.world.items.topic_N[day.item_E[of]]), 1)
    return (counts[0] >= 5) & (counts[1] >= 1)


@pytest.mark.parametrize("surface", SURFACES)
def test_the_popular_slate_is_the_list_less_what_may_not_be_shown(surface: int) -> None:
    world, state = days().world, days().states[-1]
    users = oracle.active_users(world, state)
    listed = np.random.default_rng(1).permutation(len(world.items))

    found = oracle.slated(world, state, surface, users, listed).popularity_UK

    may_UN = may_be_shown(surface)
    for user, slate in zip(users[:60], found[:60], strict=True):
        left = [item for item in listed if may_UN[user, item]][: len(slate)]
        assert slate[slate != NONE].tolist() == left


def test_popularity_counts_distinct_users_of_seven_days() -> None:
    shop = days()
    world, state = shop.world, shop.states[-1]
    kinds = [EVENT_TYPES.index(name) for name in ("click", "cart", "order")]
    acted: set[tuple[int, int]] = set()
    for day in shop.days[-7:]:
        of = np.isin(day.type_E, kinds)
        acted |= set(zip(day.user_E[of].tolist(), day.item_E[of].tolist(), strict=True))
    count = np.bincount([item for _, item in acted], minlength=len(world.items))

    found = popular(world, state, PRODUCT)

    names = world.names.item_id.to_pylist()
    may = np.flatnonzero(
        (world.items.type_N == PRODUCT) & (count > 0) & (state.stock_N != 0)
    ).tolist()
    assert found.tolist() == sorted(may, key=lambda item: (-count[item], names[item]))


def test_losses_add_up_to_what_the_shown_slate_lacks() -> None:
    world, state = days().world, days().states[-1]
    users = oracle.active_users(world, state)[:40]
    rng = np.random.default_rng(2)
    product = np.flatnonzero(world.items.type_N == PRODUCT)
    best = oracle.slated(world, state, PRODUCT, users, product).foresight_UK[:, :10]
    candidates = np.stack([rng.choice(product, 40, replace=False) for _ in users])
    ordered, ruled, final = candidates[:, :10], candidates[:, 5:15], candidates[:, 7:17]

    lost = oracle.losses(world, state, users, (best, candidates, ordered, ruled, final))

    parts = lost.retrieval_U + lost.ranking_U + lost.rules_U + lost.exploration_U
    np.testing.assert_allclose(lost.best_U - parts, value(world, state, users, final))
    assert (lost.retrieval_U > -1e-6).all()
    assert (lost.ranking_U > -1e-6).all()


def test_nobody_has_a_truth_who_never_came_is_a_bot_or_switched_personalisation_off() -> None:
    shop = days()
    came = {int(user) for day in shop.days for user in day.user_E[day.user_E != NONE]}
    off = EVENT_TYPES.index("personalisation_off")
    left = {int(user) for day in shop.days for user in day.user_E[day.type_E == off]}
    bots = set(np.flatnonzero(shop.world.users.is_bot_U).tolist())

    found = oracle.active_users(shop.world, shop.states[-1])

    assert found.tolist() == sorted(came - left - bots)


def test_what_was_bought_and_kept_is_done_and_what_was_cancelled_is_not() -> None:
    shop = days()
    net: dict[int, int] = {}
    for day in shop.days:
        for name, change in (("order", 1), ("cancel", -1)):
            of = day.type_E == EVENT_TYPES.index(name)
            for pair in pairs(day.user_E[of], day.item_E[of]).tolist():
                net[pair] = net.get(pair, 0) + change

    ledger = shop.states[-1].ledger

    assert 0 in net.values()
    assert 1 in net.values()
    assert dict(zip(ledger.bought_B.tolist(), ledger.num_bought_B.tolist(), strict=True)) == net
