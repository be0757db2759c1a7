"""What a slate is worth: one sum over its places, in units of one click.

V(slate) = Σ examination(place) × attraction × worth of a click (``simulator.behaviour.attraction``)

On product feed and short videos an item's place is its place in the slate. The app shows a live
slate's slots only while they are live, so there a slot's place is its place among the slate's slots
of the same hour, and it counts as often as the user comes in that hour: × presence(user, hour), the
share of his sessions.

Shapes: B users, C items considered, K places.
"""

from typing import Final

import numpy as np

from simulator.behaviour.attraction import attraction, worth_of_click
from simulator.behaviour.examination import examination
from simulator.day import NONE
from simulator.state import State
from simulator.world.items import SLOT
from simulator.world.world import World

_BITS: Final = 32
_INFINITY_BITS: Final = 0x7F800000
"""Of float32: no finite number's bits are higher."""
_LAST: Final = 0x7FFFFFFF
"""The rank of what may not be chosen."""


def worth_of(world: World, state: State, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Say what it is worth that users look at items, the evening's state being what they feel.

    Args:
        world: The shop.
        state: At the end of an evening; the items are shown on the next day.
        users: int, users.
        items: int, items of one type; broadcast against the users.

    Returns:
        float32, the common shape; live slots times presence.
    """
    clicks = attraction(world, state, users, items, state.day + 1)
    worth = clicks * worth_of_click(world, state, users, items)
    hour = world.items.hour_N[items]
    if (hour == NONE).all():
        return worth
    return worth * presence(world, users, hour)


def presence(world: World, users: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """Give the share of users' sessions that begin in UTC hours: float32, the common shape."""
    return world.users.hours_GH[world.users.rhythm_U[users], hour].astype(np.float32)


def value(world: World, state: State, users: np.ndarray, slate_BK: np.ndarray) -> np.ndarray:
    """Give the exact value of any slates.

    Args:
        world: The shop.
        state: At the end of an evening.
        users: int, B.
        slate_BK: int, items of one type by place; ``NONE`` where a place is empty.

    Returns:
        float64, B.
    """
    items_BK = np.where(slate_BK == NONE, 0, slate_BK)
    is_there_BK = slate_BK != NONE
    if not is_there_BK.any():
        return np.zeros(len(slate_BK))
    items_BK[~is_there_BK] = slate_BK[is_there_BK][0]
    worth_BK = worth_of(world, state, users[:, None], items_BK).astype(np.float64)
    surface = int(world.items.type_N[items_BK[0, 0]])
    curve = examination(surface, slate_BK.shape[1])
    place_BK = np.broadcast_to(np.arange(slate_BK.shape[1]), slate_BK.shape)
    if surface == SLOT:
        hour_BK = np.where(is_there_BK, world.items.hour_N[items_BK], NONE)
        place_BK = places_in_hours(hour_BK)
    return (worth_BK * curve[place_BK] * is_there_BK).sum(axis=1)


def best(
    world: World, surface: int, worth_BC: np.ndarray, item_C: np.ndarray, k: int
) -> np.ndarray:
    """Choose the best slates: a sort by worth, ties by item.

    Of live slots what is sorted is worth × examination at the place within the hour, which falls
    within each hour: so the first K are still the best K, in the best order.

    Args:
        world: The shop.
        surface: Place in ``etl.surfaces.ALL``.
        worth_BC: float32, >= 0; −inf of what may not be chosen.
        item_C: int, C items ascending, or B × C.
        k: Places.

    Returns:
        int32, B × K; ``NONE`` behind the last.
    """
    gain_BC = worth_BC
    if surface == SLOT:
        gain_BC = _gains_in_hours(world.items.hour_N[item_C], worth_BC)
    key_BC = _keys(gain_BC)
    k_there = min(k, key_BC.shape[1])
    key_BK = np.sort(np.partition(key_BC, k_there - 1, axis=1)[:, :k_there], axis=1)
    column_BK = key_BK & ((1 << _BITS) - 1)
    item_BC = np.broadcast_to(item_C, worth_BC.shape)
    best_BK = np.full((len(worth_BC), k), NONE, np.int32)
    best_BK[:, :k_there] = np.take_along_axis(item_BC, column_BK, 1)
    best_BK[:, :k_there][np.take_along_axis(gain_BC, column_BK, 1) == -np.inf] = NONE
    return best_BK


def places_in_hours(hour_BK: np.ndarray) -> np.ndarray:
    """Count for each place the earlier ones of the same hour: int64, same shape."""
    is_same = hour_BK[:, :, None] == hour_BK[:, None, :]
    return np.tril(is_same, k=-1).sum(axis=2)


def _gains_in_hours(hour: np.ndarray, worth_BC: np.ndarray) -> np.ndarray:
    """Weigh worth by examination at the place that it has among its hour's: same shape."""
    hour_BC = np.broadcast_to(hour, worth_BC.shape)
    order_BC = np.lexsort((-worth_BC, hour_BC), axis=1)
    sorted_BC = np.take_along_axis(hour_BC, order_BC, 1)
    is_first = np.ones(sorted_BC.shape, bool)
    is_first[:, 1:] = sorted_BC[:, 1:] != sorted_BC[:, :-1]
    column = np.arange(sorted_BC.shape[1])
    place_BC = column - np.maximum.accumulate(np.where(is_first, column, 0), axis=1)
    gain_BC = np.empty_like(worth_BC)
    curve = examination(SLOT, sorted_BC.shape[1]).astype(np.float32)
    gains = np.take_along_axis(worth_BC, order_BC, 1) * curve[place_BC]
    np.put_along_axis(gain_BC, order_BC, gains, 1)
    return gain_BC


def _keys(gain_BC: np.ndarray) -> np.ndarray:
    """Write gains as numbers that ascend from the best on, ties by column: int64.

    The bits of floats >= 0 order as the floats do.
    """
    bits_BC = np.maximum(gain_BC, 0).astype(np.float32).view(np.int32).astype(np.int64)
    rank_BC = np.where(gain_BC == -np.inf, _LAST, _INFINITY_BITS - bits_BC)
    return rank_BC << _BITS | np.arange(gain_BC.shape[1])
