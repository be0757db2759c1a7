"""What a request for live streams shows: the rooms that are live at that moment.

From a published slate the slots that are live, in its order; otherwise the better half of the live
rooms by the old policy's taste, with the others to draw from.

Shapes: R requests, M rooms of the day, X rooms live at a time, K places.
"""

from typing import Final

import numpy as np

from etl.arrow import is_in
from simulator.day import NONE
from simulator.ledger import pairs
from simulator.seeds import generator
from simulator.serving.policy import best_first
from simulator.serving.shelf import Shelf, shelf_of
from simulator.serving.slates import Slates, toss
from simulator.state import State
from simulator.world.items import SLOT
from simulator.world.world import World

_BLOCK: Final = 4096
_NEVER_LISTED: Final = np.float32(-1e6)
"""The liking of what may be drawn but never listed."""


def open_now(world: World, day: int, at_us_R: np.ndarray) -> np.ndarray:
    """Tell which of the day's rooms are live: bool, R × M."""
    rooms, (first, end) = world.rooms, world.rooms.first_of_day[day : day + 2]
    started, ended = rooms.started_us_M[first:end], rooms.ended_us_M[first:end]
    return (started <= at_us_R[:, None]) & (at_us_R[:, None] < ended)


def old_live(
    world: World, state: State, users_R: np.ndarray, at_us_R: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fill live requests by the old policy.

    Args:
        world: The shop.
        state: At the end of the day before.
        users_R: int64, who asks.
        at_us_R: int64, when.

    Returns:
        room_RK: int32, rooms by place; ``NONE`` behind the last.
        propensity_RK: float64.
    """
    shelf, dials = shelf_of(world, state, SLOT), world.dials.policy
    rng = generator(world.config.seed, "live", state.day + 1)
    k = dials.slate_sizes[SLOT]
    room_RK = np.full((len(users_R), k), NONE, np.int32)
    propensity_RK = np.ones((len(users_R), k))
    for start in range(0, len(users_R), _BLOCK):
        part = slice(start, start + _BLOCK)
        list_RK, pool_RP = _entries(world, state, shelf, (users_R[part], at_us_R[part]))
        room_RK[part], propensity_RK[part] = toss(list_RK, pool_RP, rate=dials.rate, rng=rng)
    return room_RK, propensity_RK


def _entries(
    world: World,
    state: State,
    shelf: Shelf,
    asked: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """List the better half of the live rooms, at most K of them; the next ones are the pool."""
    users, at_us = asked
    dials = world.dials.policy
    room_RX = _open_rooms(world, state.day + 1, at_us)
    item_RX = world.rooms.item_M[room_RX]
    score_RX = shelf.score_N[item_RX] + _liking(world, state, users, item_RX)
    score_RX += np.float32(dials.rotation) * shelf.rotation(users, item_RX)
    score_RX[(room_RX == NONE) | is_in(pairs(users[:, None], item_RX), shelf.done)] = -np.inf
    most = dials.slate_sizes[SLOT] + dials.pool_size
    ranked = best_first(room_RX, score_RX, most)
    half = ((ranked != NONE).sum(axis=1) + 1) // 2
    num_listable = (score_RX > _NEVER_LISTED / 2).sum(axis=1)
    num_listed = np.minimum(np.minimum(half, dials.slate_sizes[SLOT]), num_listable)
    is_listed = np.arange(most) < num_listed[:, None]
    listed = np.where(is_listed, ranked, NONE)[:, : dials.slate_sizes[SLOT]]
    return listed, np.where(is_listed, NONE, ranked)


def _open_rooms(world: World, day: int, at_us_R: np.ndarray) -> np.ndarray:
    """List the rooms that are live at each moment: int32, R × X; ``NONE`` behind the last."""
    row, room = np.nonzero(open_now(world, day, at_us_R))
    num_R = np.bincount(row, minlength=len(at_us_R))
    room_RX = np.full((len(at_us_R), max(num_R.max(initial=0), 1)), NONE, np.int32)
    place = np.arange(len(row)) - np.repeat(np.cumsum(num_R) - num_R, num_R)
    room_RX[row, place] = world.rooms.first_of_day[day] + room
    return room_RX


def _liking(world: World, state: State, users: np.ndarray, item_RX: np.ndarray) -> np.ndarray:
    """What the old policy thinks that users feel for the items' topics: float32, R × X."""
    topic_RX = world.items.topic_N[item_RX][:, None, :]
    known_RLX = world.users.known_UL[users][:, :, None] == topic_RX
    strength = world.users.known_strength_UL[users] * ~state.is_off_U[users, None]
    weight = np.float32(world.dials.policy.interest_weight)
    liking_RX = weight * np.einsum("rlx,rl->rx", known_RLX, strength)
    is_latent_RX = (world.users.latent_UA[users][:, :, None] == topic_RX).any(axis=1)
    return np.where(is_latent_RX, _NEVER_LISTED, liking_RX)


def published_live(
    world: World, day: int, slates: Slates, asked: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Fill live requests from published slates: what of them is live, in their order.

    Args:
        world: The shop.
        day: The shop's day.
        slates: Published slots; each of the users has one.
        asked: int64, R, who asks; int64, R, when.

    Returns:
        As ``old_live``.
    """
    users_R, at_us_R = asked
    row_R = slates.row_U[users_R]
    room_RK = np.full((len(users_R), slates.item_SK.shape[1]), NONE, np.int32)
    propensity_RK = np.ones(room_RK.shape)
    for start in range(0, len(users_R), _BLOCK):
        part = slice(start, start + _BLOCK)
        room = _rooms_of(world, day, slates.item_SK[row_R[part]], at_us_R[part])
        order = np.argsort(room == NONE, axis=1, kind="stable")
        room_RK[part] = np.take_along_axis(room, order, 1)
        kept = np.take_along_axis(slates.propensity_SK[row_R[part]], order, 1)
        propensity_RK[part] = np.where(room_RK[part] == NONE, 1.0, kept)
    return room_RK, propensity_RK


def _rooms_of(world: World, day: int, slot_RK: np.ndarray, at_us_R: np.ndarray) -> np.ndarray:
    """Find the room of each slot that is live: int32, R × K; ``NONE`` where there is none."""
    first, end = world.rooms.first_of_day[day : day + 2]
    is_open = open_now(world, day, at_us_R)
    row, room = np.nonzero(is_open)
    slot = world.rooms.item_M[first:end][room]
    place = np.searchsorted(pairs(row, slot), pairs(np.arange(len(slot_RK))[:, None], slot_RK))
    place = np.minimum(place, max(len(slot) - 1, 0))
    is_live_RK = (slot[place] == slot_RK) & (row[place] == np.arange(len(slot_RK))[:, None])
    return np.where(is_live_RK, first + room[place], NONE).astype(np.int32)
