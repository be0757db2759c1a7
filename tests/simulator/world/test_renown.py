import numpy as np

from simulator.world.items import PRODUCT
from simulator.world.world import World
from tests.simulator.shops import simulated


def _world() -> World:
    return simulated().world


def test_people_of_one_country_platform_and_language_are_alike_and_others_are_not() -> None:
    users, people_UD = _world().users, _world().renown.people_UD
    of_places = np.stack([users.country_U, users.platform_U, users.language_U])

    _, group_U = np.unique(of_places, axis=1, return_inverse=True)
    _, heart_U = np.unique(people_UD.round(5), axis=0, return_inverse=True)

    assert len(set(zip(group_U.tolist(), heart_U.tolist(), strict=True))) == group_U.max() + 1
    assert heart_U.max() == group_U.max()


def test_products_of_one_brand_and_seller_are_one_makers_and_all_that_a_host_shows_is_his() -> None:
    items, name_ND = _world().items, _world().renown.name_ND
    maker = np.stack([items.brand_N, items.seller_N, items.host_N])

    _, maker_N = np.unique(maker, axis=1, return_inverse=True)

    assert maker_N.max() > 50
    for one in range(maker_N.max() + 1):
        assert np.ptp(name_ND[maker_N == one], axis=0).max() == 0


def test_a_maker_is_nothing_to_people_on_average_and_as_much_to_some_as_the_dial_says() -> None:
    world = _world()
    name_ND = world.renown.name_ND[world.items.type_N == PRODUCT]

    renown_UN = world.renown.people_UD @ name_ND.T

    np.testing.assert_allclose(renown_UN.mean(axis=0), 0, atol=1e-5)
    assert 0.7 < renown_UN.std() / world.dials.taste.renown_spread < 1.3
