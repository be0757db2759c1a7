from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pytest

from simulator.config import ShopConfig
from simulator.day import Day
from simulator.shop import EndOfShopError, Shop
from tests.simulator.shops import SMALL, simulated


def assert_same(one: Day, other: Day) -> None:
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if field.name == "requests":
            for column in fields(left):
                np.testing.assert_array_equal(
                    getattr(left, column.name), getattr(right, column.name), column.name
                )
        elif isinstance(left, pa.Array):
            assert left.equals(right), field.name
        else:
            np.testing.assert_array_equal(left, right, field.name)


def test_the_same_shop_has_the_same_days() -> None:
    again = Shop(SMALL)

    for day in simulated().days[:3]:
        assert_same(again.next_day(), day)


def test_a_shop_of_more_days_begins_with_the_shop_of_fewer() -> None:
    longer = Shop(replace(SMALL, days=15))

    for day in simulated().days[:3]:
        assert_same(longer.next_day(), day)


def test_another_seed_is_another_shop() -> None:
    other = Shop(replace(SMALL, seed=2)).next_day()

    assert len(other) != len(simulated().days[0])


def test_a_shop_ends_after_its_last_day() -> None:
    shop = Shop(ShopConfig(users=50, items=40, days=1))
    shop.next_day()

    with pytest.raises(EndOfShopError, match="made for 1 days"):
        shop.next_day()
