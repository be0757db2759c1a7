"""The old policy, which fills slates until somebody does better.

Popular items of noisily known interests, a fifth of the places given to chance. It knows neither
latent interests (whose topics it never lists), nor intents, tastes or prices. Live slots are listed
among the rooms that are live at the moment of the request (``simulator.live``).

Shapes: S users served, B of them at a time, K places, C items considered, L interests, T topics,
P items of a pool, N items.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.day import NONE
from simulator.ledger import items_of, users_of
from simulator.popularity import num_users
from simulator.seeds import generator
from simulator.slates import Slates, toss
from simulator.state import State
from simulator.world import World

_BLOCK: Final = 1024
_SPARE: Final = 8
"""Items listed beyond K, for those that the user bought or hid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What the old policy knows of one surface's items this morning."""

    surface: int
    score_N: np.ndarray
    """float32: log of popularity."""
    best_TC: np.ndarray
    """int32: each topic's most popular items; ``NONE`` behind the last."""
    best_C: np.ndarray
    """int32: the most popular of all."""
    mixed: np.ndarray
    """int32: all showable items in an order drawn for the day."""
    place_N: np.ndarray
    """int32: where each item stands among them; ``NONE`` of those that are not there."""
    done: np.ndarray
    """int64, ascending: pairs that no slate may hold."""


def shelf_of(world: World, state: State, surface: int) -> Shelf:
    """Look at the shelves of a surface at the end of the day before.

    Args:
        world: The shop.
        state: At the end of the day before.
        surface: Place in ``etl.surfaces.ALL``.
    """
    dials, items = world.dials.policy, world.items
    prior = generator(world.config.seed, "prior popularity")
    prior_N = dials.prior_users * np.exp(0.5 * prior.standard_normal(len(items)))
    count_N = num_users(world, state) + prior_N
    item = np.flatnonzero((items.type_N == surface) & state.is_showable_N(world))
    ranked = item[np.argsort(-count_N[item], kind="stable")]
    rng = generator(world.config.seed, f"shelf {surface}", state.day + 1)
    mixed = rng.permutation(item).astype(np.int32)
    place_N = np.full(len(items), NONE, np.int32)
    place_N[mixed] = np.arange(len(mixed))
    return Shelf(
        surface=surface,
        score_N=np.log(count_N).astype(np.float32),
        best_TC=_best_by_topic(ranked, world, dials.num_of_topic[surface]),
        best_C=ranked[: dials.num_of_all[surface]].astype(np.int32),
        mixed=mixed,
        place_N=place_N,
        done=state.ledger.done(),
    )


def _best_by_topic(ranked: np.ndarray, world: World, num: int) -> np.ndarray:
    topic = world.items.topic_N[ranked]
    order = np.argsort(topic, kind="stable")
    first_T = np.searchsorted(topic[order], np.arange(len(world.topics) + 1))
    place = first_T[:-1, None] + np.arange(num)
    is_there = place < first_T[1:, None]
    safe = np.minimum(place, max(len(ranked) - 1, 0))
    return np.where(is_there, ranked[order][safe], NONE).astype(np.int32)


def fill(world: World, state: State, surface: int, users: np.ndarray) -> Slates:
    """Fill the slates of a surface for some users, from what the evening before knew.

    Args:
        world: The shop.
        state: At the end of the day before.
        surface: Products or videos.
        users: int64, S distinct users, ascending.
    """
    shelf, dials = shelf_of(world, state, surface), world.dials.policy
    rng = generator(world.config.seed, f"slates {surface}", state.day + 1)
    k = dials.slate_sizes[surface]
    item_SK = np.full((len(users), k), NONE, np.int32)
    propensity_SK = np.ones((len(users), k))
    for start in range(0, len(users), _BLOCK):
        part = slice(start, start + _BLOCK)
        list_BK, pool_BP = entries(world, state, shelf, (users[part], rng))
        item_SK[part], propensity_SK[part] = toss(list_BK, pool_BP, rate=dials.rate, rng=rng)
    row_U = np.full(len(world.users), NONE, np.int64)
    row_U[users] = np.arange(len(users))
    return Slates(row_U, item_SK, propensity_SK)


def entries(
    world: World, state: State, shelf: Shelf, asked: tuple[np.ndarray, np.random.Generator]
) -> tuple[np.ndarray, np.ndarray]:
    """List the entries and the pool of a block of users.

    Args:
        world: The shop.
        state: At the end of the day before.
        shelf: What the old policy knows of the surface's items.
        asked: int64, B users, ascending; and what moves their lists and pools.

    Returns:
        list_BK: int32; ``NONE`` behind the last.
        pool_BP: int32; ``NONE`` anywhere. Nothing of it is in the list.
    """
    users, rng = asked
    dials = world.dials.policy
    item_BC, score_BC = considered(world, state, shelf, users)
    score_BC += np.float32(dials.rotation) * rng.standard_normal(item_BC.shape, np.float32)
    row_E, done_E = _done_of(shelf.done, users)
    at, column = np.nonzero(item_BC[row_E] == done_E[:, None])
    score_BC[row_E[at], column] = -np.inf
    score_BC[item_BC == NONE] = -np.inf
    list_BK = best_first(item_BC, score_BC, dials.slate_sizes[shelf.surface])
    return list_BK, _pools(shelf, list_BK, (row_E, done_E), (dials.pool_size, rng))


def _pools(
    shelf: Shelf,
    list_BK: np.ndarray,
    done: tuple[np.ndarray, np.ndarray],
    drawing: tuple[int, np.random.Generator],
) -> np.ndarray:
    """Take for each user a run of the items mixed for the day, without what may not be drawn.

    What stands in the list, or is done, is found by its place among the mixed: int32, B × P.
    """
    size, rng = min(drawing[0], len(shelf.mixed)), drawing[1]
    num_mixed = max(len(shelf.mixed), 1)
    start_B = rng.integers(num_mixed, size=len(list_BK)).astype(np.int32)
    pool_BP = shelf.mixed[(start_B[:, None] + np.arange(size, dtype=np.int32)) % num_mixed]
    row, column = np.nonzero(list_BK != NONE)
    row, item = np.r_[row, done[0]], np.r_[list_BK[row, column], done[1]]
    place = (shelf.place_N[item] - start_B[row]) % num_mixed
    is_out = (place < size) & (shelf.place_N[item] != NONE)
    pool_BP[row[is_out], place[is_out]] = NONE
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
