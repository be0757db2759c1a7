from collections import Counter

import numpy as np
import pyarrow.compute as pc
import pytest

from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.serving.popularity import popular
from simulator.truth import oracle
from simulator.truth.worth import value
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator.shops import simulated

MARKET = ShopConfig(users=3000, items=3000, days=15, seed=1)


def test_ids_say_what_they_name() -> None:
    names = simulated().world.names
    pattern = {PRODUCT: r"^p\d{7}$", SLOT: r"^h\d{4}@(mon|tue|wed|thu|fri|sat|sun)-\d\d$"}
    pattern[VIDEO] = r"^v\d{7}$"

    for kind, expected in pattern.items():
        ids = names.item_id.filter(names.item_type_N == kind)
        assert pc.all(pc.match_substring_regex(ids, expected)).as_py()
        assert len(ids.unique()) == len(ids) > 0
    assert names.user_id[17].as_py() == "u0000017"


def test_titles_carry_the_words_of_their_topic_and_their_style() -> None:
    world = simulated().world
    noun = [category.rpartition(".")[2] for category in world.names.category.to_pylist()]
    titles = world.names.title.to_pylist()

    assert all(word in title for word, title in zip(noun, titles, strict=True))
    of_style = Counter(
        "minimal" in title.lower() for title in np.array(titles)[_leans(world.items.style_ND)]
    )
    assert of_style[False] == 0


def _leans(style_ND: np.ndarray) -> np.ndarray:
    """Items that stand out most at the low end of the first dimension, called minimal."""
    strongest = np.abs(style_ND).argmax(axis=1)
    return np.flatnonzero((strongest == 0) & (style_ND[:, 0] < 0))


def test_slots_lie_in_their_hosts_week_and_rooms_in_their_slots_hour() -> None:
    world = simulated().world
    items, rooms = world.items, world.rooms
    slot = rooms.item_M

    started_s, ended_s = rooms.started_us_M // 10**6, rooms.ended_us_M // 10**6

    assert (items.type_N[slot] == SLOT).all()
    assert ((started_s // 3600) % 24 == items.hour_N[slot]).all()
    assert ((started_s // 86_400 + 3) % 7 == items.weekday_N[slot]).all()
    assert (started_s // 3600 == (ended_s - 1) // 3600).all()
    assert (ended_s > started_s).all()
    assert (rooms.started_us_M % 10**6 == 0).all()
    key = np.stack([items.host_N, items.weekday_N, items.hour_N])[:, items.type_N == SLOT]
    assert len(np.unique(key, axis=1).T) == len(key.T)


def test_attached_products_are_products_of_the_start_and_none_twice() -> None:
    world = simulated().world
    for item, attached in enumerate(world.names.products.to_pylist()):
        assert len(set(attached)) == len(attached)
        assert (world.items.type_N[attached] == PRODUCT).all()
        assert (world.items.born_N[attached] < 0).all()
        assert bool(attached) == (world.items.type_N[item] != PRODUCT)


def test_foreign_items_are_written_in_other_alphabets() -> None:
    world = simulated().world
    is_ascii = np.array(pc.string_is_ascii(world.names.title))

    foreign = world.items.language_N != 0

    assert foreign.mean() == pytest.approx(world.dials.world.foreign_share, abs=0.05)
    assert (~is_ascii)[foreign & (world.items.type_N == PRODUCT)].mean() > 0.9


def test_new_items_come_every_day_and_all_but_products_have_a_host() -> None:
    world = simulated().world
    born = world.items.born_N

    assert (np.diff(np.maximum(born, 0)) >= 0).all()
    assert set(born[born >= 0].tolist()) == set(range(1, world.config.days))
    assert ((world.items.host_N == NONE) == (world.items.type_N == PRODUCT)).all()


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
def test_popularity_leaves_much_to_win_and_most_of_it_can_be_seen(surface: int) -> None:
    shop = simulated(MARKET, 14)
    world, state = shop.world, shop.states[-1]
    users = oracle.active_users(world, state)

    slates = oracle.slated(world, state, surface, users, popular(world, state, surface))

    pop, seen, best = (
        value(world, state, users, slate_UK).mean()
        for slate_UK in (slates.popularity_UK, slates.observable_UK, slates.foresight_UK)
    )
    if surface == SLOT:
        assert 0.2 < pop / best < 0.7
    else:
        assert 0.2 < pop / best < 0.45
    assert pop < seen < best
