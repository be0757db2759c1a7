"""What propensities are for: clicks under chance say what slates without chance are worth."""

import numpy as np
import pytest

from simulator.behaviour.attraction import attraction
from simulator.behaviour.examination import examination
from simulator.behaviour.morning import wake
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.serving.policy import entries
from simulator.serving.shelf import shelf_of
from simulator.world.items import PRODUCT, VIDEO
from tests.simulator.behaviour.test_whole_day import BUSY
from tests.simulator.shops import simulated

NUM_DAYS = 11


def listed(day: int, surface: int) -> np.ndarray:
    """What the old policy would show everybody if its coin never showed heads: int32, U × K."""
    shop = simulated(BUSY, NUM_DAYS)
    evening = shop.states[day]
    users = np.arange(len(shop.world.users))
    return entries(shop.world, evening, shelf_of(shop.world, evening, surface), users)[0]


def is_clicked_I(day: Day) -> np.ndarray:
    """Which of a day's impressions were clicked, by the clicks' requests and places."""
    shown = day.requests
    click = np.flatnonzero((day.type_E == EVENT_TYPES.index("click")) & (day.request_E != NONE))
    request = day.request_E[click]
    at = shown.start_R[request] + day.position_E[click] - shown.first_position_R[request]
    clicked = np.zeros(len(shown.item_I), bool)
    clicked[at] = True
    return clicked


def of_day(day: int, surface: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """User, true p(click) of the listed item, click, and its weight, of each place shown."""
    shop = simulated(BUSY, NUM_DAYS)
    world, made = shop.world, shop.days[day]
    shown = made.requests
    lengths = np.diff(shown.start_R)
    kept = np.repeat(shown.surface_R == surface, lengths)
    user_I = np.repeat(made.user_E[shown.event_R], lengths)
    kept &= ~world.users.is_bot_U[user_I]
    place_I = np.arange(len(kept)) + np.repeat(shown.first_position_R - shown.start_R[:-1], lengths)
    user, place, item = user_I[kept], place_I[kept], shown.item_I[kept]
    target = listed(day, surface)[user, place]
    now = wake(world, shop.states[day])
    p_click = examination(surface, 200)[place] * attraction(world, now, user, target, day)
    weight = (item == target) / shown.propensity_I[kept]
    return user, p_click, is_clicked_I(made)[kept], weight


@pytest.mark.parametrize("surface", [PRODUCT, VIDEO])
def test_reweighted_clicks_recover_what_slates_without_chance_are_worth(surface: int) -> None:
    columns = zip(*(of_day(day, surface) for day in range(NUM_DAYS)), strict=True)
    user, p_click, clicked, weight = (np.concatenate(column) for column in columns)

    too_much_U = np.bincount(user, clicked * weight - p_click)

    deviation = np.sqrt((too_much_U**2).sum())  # users are independent, what one does is not
    assert abs(too_much_U.sum()) < 2.5 * deviation
    assert deviation < 0.05 * p_click.sum()
    assert (clicked.sum() - p_click.sum()) < -4 * deviation  # what chance costs if not re-weighted


@pytest.mark.parametrize("surface", [PRODUCT, VIDEO])
def test_weights_of_what_is_kept_are_one_on_average(surface: int) -> None:
    weight = np.concatenate([of_day(day, surface)[3] for day in range(NUM_DAYS)])

    assert abs(weight.mean() - 1) < 5 * weight.std() / np.sqrt(len(weight))
