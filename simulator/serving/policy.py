"""The old policy, which fills slates until somebody does better.

Popular items of noisily known interests, a fifth of the places given to chance. It knows neither
latent interests (whose topics it never lists), nor intents, tastes or prices. Live slots are listed
among the rooms that are live at the moment of the request (``simulator.serving.live``).

Shapes: S users served, B of them at a time, K places, C items considered, L interests, T topics,
P items of a pool, N items.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from simulator.day import NONE
from simulator.ledger import items_of, users_of
from simulator.seeds import generator
from simulator.serving.shelf import Shelf, shelf_of
from simulator.serving.slates import Slates, toss
from simulator.state import State
from simulator.world.world import World

_BLOCK: Final = 1024
_SHALLOW: Final = 24
"""Places that most users do not go beyond."""


def fill(
    world: World, state: State, surface: int, users: np.ndarray, depth_S: np.ndarray
) -> Slates:
    """Fill the slates of a surface for some users, from what the evening before knew.

    Args:
        world: The shop.
        state: At the end of the day before.
        surface: Products or videos.
        users: int64, S distinct users, ascending.
        depth_S: int64, how many places of each slate will be asked for; chance need not be asked
            about the others, and they stay empty.
    """
    shelf, dials = shelf_of(world, state, surface), world.dials.policy
    rng = generator(world.config.seed, f"slates {surface}", state.day + 1)
    item_SK = np.full((len(users), dials.slate_sizes[surface]), NONE, np.int32)
    propensity_SK = np.ones(item_SK.shape)
    for rows in _blocks(depth_S):
        k = min(int(depth_S[rows].max()), item_SK.shape[1])
        list_BK, pool_BP = entries(world, state, shelf, users[rows])
        item_BK, propensity_BK = toss(list_BK[:, :k], pool_BP, rate=dials.rate, rng=rng)
        item_SK[rows, :k], propensity_SK[rows, :k] = item_BK, propensity_BK
    row_U = np.full(len(world.users), NONE, np.int64)
    row_U[users] = np.arange(len(users))
    return Slates(row_U, item_SK, propensity_SK)


def _blocks(depth_S: np.ndarray) -> Iterator[np.ndarray]:
    """Part those who look at few places from the others, and both into blocks, in their order."""
    for is_deep in (False, True):
        rows = np.flatnonzero((depth_S > _SHALLOW) == is_deep)
        yield from (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def entries(
    world: World, state: State, shelf: Shelf, users: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """List the entries and the pool of users: they depend on user, day and what the shelf knows.

    Args:
        world: The shop.
        state: At the end of the day before.
        shelf: What the old policy knows of the surface's items.
        users: int64, B, ascending.

    Returns:
        list_BK: int32; ``NONE`` behind the last.
        pool_BP: int32; ``NONE`` anywhere. Nothing of it is in the list.
    """
    dials = world.dials.policy
    item_BC, score_BC = considered(world, state, shelf, users)
    score_BC += np.float32(dials.rotation) * shelf.rotation(users, item_BC)
    row_E, done_E = _done_of(shelf.done, users)
    at, column = np.nonzero(item_BC[row_E] == done_E[:, None])
    score_BC[row_E[at], column] = -np.inf
    score_BC[item_BC == NONE] = -np.inf
    list_BK = best_first(item_BC, score_BC, dials.slate_sizes[shelf.surface])
    return list_BK, _pools(shelf, list_BK, users, (row_E, done_E), dials.pool_size)


def _pools(
    shelf: Shelf,
    list_BK: np.ndarray,
    users: np.ndarray,
    done: tuple[np.ndarray, np.ndarray],
    size: int,
) -> np.ndarray:
    """Take for each user a run of the items mixed for the day, without what may not be drawn.

    What stands in the list, or is done, is found by its place among the mixed: int32, B × P.
    """
    size = min(size, len(shelf.mixed))
    num_mixed = max(len(shelf.mixed), 1)
    start_B = shelf.start_U[users]
    pool_BP = shelf.mixed[(start_B[:, None] + np.arange(size, dtype=np.int32)) % num_mixed]
    row, item = done
    for row_X, item_X in ((np.arange(len(users))[:, None], list_BK), (row, item)):
        at_X = shelf.place_N[item_X]
        place_X = (at_X - start_B[row_X]) % num_mixed
        is_out_X = (place_X < size) & (at_X != NONE) & (item_X != NONE)
        pool_BP[np.broadcast_to(row_X, at_X.shape)[is_out_X], place_X[is_out_X]] = NONE
    return pool_BP


def considered(
    world: World, state: State, shelf: Shelf, users: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Say what may be listed for users, and how much the old policy likes it.

    Nobody's latent topic is among it. Whoever switched personalisation off has no known interest.

    Returns:
        item_BC: int32; ``NONE`` where there is none; no item twice in a row.
        score_BC: float32.
    """
    known_BL = np.where(state.is_off_U[users, None], NONE, world.users.known_UL[users])
    of_topic_BC = np.where(known_BL[:, :, None] != NONE, shelf.best_TC[known_BL], NONE)
    num_each = shelf.best_TC.shape[1]
    liked_BC = np.repeat(world.users.known_strength_UL[users], num_each, axis=1)
    topic_C = world.items.topic_N[shelf.best_C]
    is_out_BC = (known_BL[:, :, None] == topic_C).any(axis=1)
    is_out_BC |= (world.users.latent_UA[users][:, :, None] == topic_C).any(axis=1)
    item_BC = np.concatenate(
        [of_topic_BC.reshape(len(users), -1), np.where(is_out_BC, NONE, shelf.best_C)], axis=1
    )
    score_BC = shelf.score_N[item_BC]
    score_BC[:, : liked_BC.shape[1]] += np.float32(world.dials.policy.interest_weight) * liked_BC
    return item_BC, score_BC


def best_first(item_BC: np.ndarray, score_BC: np.ndarray, k: int) -> np.ndarray:
    """Put the best items first: int32, B × K; ``NONE`` where the score is −inf, and behind."""
    k_there = min(k, item_BC.shape[1])
    part_BC = np.argpartition(-score_BC, k_there - 1, axis=1)[:, :k_there]
    order = np.argsort(-np.take_along_axis(score_BC, part_BC, 1), axis=1, kind="stable")
    best_BK = np.take_along_axis(part_BC, order, 1)
    list_BK = np.full((len(item_BC), k), NONE, np.int32)
    is_there = np.take_along_axis(score_BC, best_BK, 1) > -np.inf
    list_BK[:, :k_there] = np.where(is_there, np.take_along_axis(item_BC, best_BK, 1), NONE)
    return list_BK


def _done_of(done: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the pairs of a block of ascending users: their rows in it, and the items."""
    first, end = np.searchsorted(users_of(done), [users[0], users[-1] + 1])
    row = np.searchsorted(users, users_of(done[first:end]))
    is_asked = users[np.minimum(row, len(users) - 1)] == users_of(done[first:end])
    return row[is_asked], items_of(done[first:end])[is_asked]
