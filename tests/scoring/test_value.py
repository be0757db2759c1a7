import numpy as np
import pytest

from etl import surfaces
from etl.surfaces import Surface
from scoring.value import ValueConfig, expected_value, formula, term

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


def test_a_video_is_worth_its_clicks_its_carts_and_the_time_it_holds() -> None:
    of_video = {
        "click": np.float32([0.5, 0.0]),
        "cart": np.float32([0.25, 0.0]),
        "watch": np.float32([0.75, 0.5]),
    }
    config = ValueConfig(cart_value=4.0, watch_value=2.0, price_power=1.0)
    found = expected_value(of_video, np.array([100.0, np.nan]), config)
    assert found == pytest.approx([0.5 + 4 * 0.25 + 2 * 0.75, 2 * 0.5])


@pytest.mark.parametrize("surface", surfaces.ALL, ids=surfaces.NAMES)
def test_a_value_is_the_sum_of_its_terms(surface: Surface) -> None:
    rng = np.random.default_rng(3)
    scores = {task: rng.random(3, np.float32) for task in surface.tasks}
    config = ValueConfig(price_power=0.5)
    parts = [term(task, score, PRICE, config) for task, score in scores.items()]
    assert expected_value(scores, PRICE, config) == pytest.approx(np.sum(parts, axis=0))


def test_each_surface_has_its_formula() -> None:
    said = {surface.name: formula(surface.tasks) for surface in surfaces.ALL}
    shop = "click_value · p(click) + order_value · p(order) · price_term"
    video = "click_value · p(click) + cart_value · p(cart) + watch_value · E[watched]"
    assert said == {"product_feed": shop, "live_streams": shop, "short_videos": video}
