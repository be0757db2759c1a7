import numpy as np
import pytest

from scoring.value import ValueConfig, expected_value

P = {"click": np.float32([0.5, 0.1, 0.0]), "order": np.float32([0.2, 0.0, 0.0])}
PRICE = np.array([4000.0, 500.0, np.nan])


def test_a_slot_is_worth_its_clicks_and_its_orders() -> None:
    config = ValueConfig(click_value=2.0, order_value=10.0)
    assert expected_value(P, PRICE, config) == pytest.approx([2 * 0.5 + 10 * 0.2, 2 * 0.1, 0.0])


def test_dearer_orders_count_more_by_the_power_of_their_price() -> None:
    orders = {"click": np.zeros(3, np.float32), "order": np.float32([0.2, 0.2, 0.2])}
    config = ValueConfig(order_value=1.0, price_power=0.5, typical_price_cents=1000.0)
    assert expected_value(orders, PRICE, config) == pytest.approx([0.2 * 2.0, 0.2 * 0.5**0.5, 0.2])


def test_a_gift_is_an_order_like_any_other_where_prices_do_not_count() -> None:
    one = {"click": np.float32([0.0]), "order": np.float32([1.0])}
    assert expected_value(one, np.zeros(1), ValueConfig(order_value=5.0)) == [5.0]
