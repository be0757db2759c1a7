"""The truth of an evening: what the best slates would be worth, and what others lose.

Exact, from attraction and not from sampled clicks, under the rules that slates keep to: items of
the surface, heard of in 90 days, not sold out, neither bought (orders less cancels > 0) nor hidden
by the user; of live slots those of tomorrow's weekday that were heard of in 14 days, bought from or
not.

Shapes: U users asked for, B of them at a time, C items that may be shown, P popular items, K
places, N items.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.day import NONE
from simulator.ledger import items_of, users_of
from simulator.state import State
from simulator.truth.worth import best, value, worth_of
from simulator.world.items import SLOT
from simulator.world.world import World

LEAST_EXAMINED: Final = 5
"""Examined impressions by which an interest in a topic can be seen in the logs …"""
LEAST_CLICKED: Final = 1
"""… if so many of them were clicked."""
ACTIVE_DAYS: Final = 90
"""Users with an event in so many days are active, and items are alive."""
SLOT_ALIVE_DAYS: Final = 14
"""Who reads the log takes a slot for ended that was not heard of in so many days."""
_PAIRS_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Slated:
    """Slates of one surface for U users: int32, U × K; ``NONE`` behind the last."""

    foresight_UK: np.ndarray
    """The best by the true state at the end of the evening."""
    observable_UK: np.ndarray
    """The best out of the topics in which the user's interest can be seen in the logs; places left
    over are filled in the order of popularity."""
    popularity_UK: np.ndarray
    """The popularity list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What became of the best value on its way into a slate: float64, U each.

    best − value of what is shown = retrieval + ranking + rules + exploration.
    """

    best_U: np.ndarray
    """The value lost from."""
    retrieval_U: np.ndarray
    """That less the best slate out of the candidates."""
    ranking_U: np.ndarray
    """Best slate out of the candidates, less the ranker's order."""
    rules_U: np.ndarray
    """The ranker's order less what the rules made of it."""
    exploration_U: np.ndarray
    """What the rules made of it less what is shown."""


def active_users(world: World, state: State) -> np.ndarray:
    """List who has a truth: active, neither bots nor switched off: int64, ascending."""
    is_active_U = (state.seen_U != NONE) & (state.seen_U > state.day - ACTIVE_DAYS)
    return np.flatnonzero(is_active_U & ~world.users.is_bot_U & ~state.is_off_U)


def showable(world: World, state: State, surface: int) -> np.ndarray:
    """List what tomorrow's slates of a surface may hold, whoever the user is: int64, ascending."""
    heard_days = SLOT_ALIVE_DAYS if surface == SLOT else ACTIVE_DAYS
    may_N = (world.items.type_N == surface) & state.is_showable_N(world)
    may_N &= state.heard_N > state.day - heard_days
    if surface == SLOT:
        may_N &= world.items.weekday_N == world.weekday(state.day + 1)
    return np.flatnonzero(may_N)


def slated(
    world: World, state: State, surface: int, users: np.ndarray, popular: np.ndarray
) -> Slated:
    """Make the three slates that others are measured by.

    Args:
        world: The shop.
        state: At the end of the evening.
        surface: Place in ``etl.surfaces.ALL``.
        users: int64, U, ascending.
        popular: int, items, the most popular first; those that may not be shown are passed over.

    Returns:
        The slates; ``simulator.truth.worth.value`` says what they are worth.
    """
    blocks = [
        _slated_block(world, state, block, popular)
        for block in _blocks(world, state, surface, users)
    ]
    names = ("foresight_UK", "observable_UK", "popularity_UK")
    return Slated(**dict(zip(names, map(np.concatenate, zip(*blocks, strict=True)), strict=True)))


def losses(
    world: World,
    state: State,
    users: np.ndarray,
    ways: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> Loss:
    """Split what slates lose against the best ones.

    Args:
        world: The shop.
        state: At the end of the evening.
        users: int64, U.
        ways: Items of one surface, ``NONE`` where there is none: the best slates, U × K; the
            candidates in any order, U × C; the exploited order before rules, after rules, and the
            slates as they are shown, U × K each.
    """
    best_UK, candidate_UC, ordered_UK, ruled_UK, final_UK = ways
    retrieved_UK = best_of(world, state, users, candidate_UC, best_UK.shape[1])
    steps = (best_UK, retrieved_UK, ordered_UK, ruled_UK, final_UK)
    values = [value(world, state, users, slate_UK) for slate_UK in steps]
    lost = [before - after for before, after in itertools.pairwise(values)]
    return Loss(
        best_U=values[0],
        retrieval_U=lost[0],
        ranking_U=lost[1],
        rules_U=lost[2],
        exploration_U=lost[3],
    )


def best_of(
    world: World, state: State, users: np.ndarray, candidate_UC: np.ndarray, k: int
) -> np.ndarray:
    """Choose the best slates out of users' candidates.

    Args:
        world: The shop.
        state: At the end of the evening.
        users: int64, U.
        candidate_UC: int, items of one type in any order, none twice; ``NONE`` where there is none.
        k: Places.

    Returns:
        int32, U × K; ``NONE`` behind the last.
    """
    found_UK = np.full((len(users), k), NONE, np.int32)
    num = max(1, _PAIRS_AT_ONCE // candidate_UC.shape[1])
    for start in range(0, len(users), num):
        part = slice(start, start + num)
        item_BC = np.sort(candidate_UC[part], axis=1)
        worth_BC = worth_of(world, state, users[part, None], np.maximum(item_BC, 0))
        worth_BC = np.where(item_BC == NONE, -np.inf, worth_BC)
        surface = int(world.items.type_N[item_BC.max()])
        found_UK[part] = best(world, surface, worth_BC, item_BC, k)
    return found_UK


@dataclass(frozen=True, slots=True)
class _Block:
    """B users and the C items that they may be shown."""

    surface: int
    users: np.ndarray
    item_C: np.ndarray
    column_N: np.ndarray
    """int64: each item's column; ``NONE`` of those not among them."""
    is_done_BC: np.ndarray
    """bool: bought or hidden by the user."""


def _blocks(world: World, state: State, surface: int, users: np.ndarray) -> Iterator[_Block]:
    item_C = showable(world, state, surface)
    column_N = np.full(len(world.items), NONE, np.int64)
    column_N[item_C] = np.arange(len(item_C))
    done = state.done(world)
    done = done[column_N[items_of(done)] != NONE]
    num = max(1, _PAIRS_AT_ONCE // max(len(item_C), 1))
    for start in range(0, len(users), num):
        part = users[start : start + num]
        row = np.minimum(np.searchsorted(part, users_of(done)), len(part) - 1)
        is_here = part[row] == users_of(done)
        is_done_BC = np.zeros((len(part), len(item_C)), bool)
        is_done_BC[row[is_here], column_N[items_of(done[is_here])]] = True
        yield _Block(surface, part, item_C, column_N, is_done_BC)


def _slated_block(
    world: World, state: State, block: _Block, popular: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k = world.dials.policy.slate_sizes[block.surface]
    worth_BC = worth_of(world, state, block.users[:, None], block.item_C[None, :])
    worth_BC[block.is_done_BC] = -np.inf
    topic_C = world.items.topic_N[block.item_C]
    is_seen_BC = _is_seen(state, block.users)[:, topic_C]
    seen_BC = np.where(is_seen_BC, worth_BC, -np.inf)
    popular = popular[block.column_N[popular] != NONE]
    column_P = block.column_N[popular]
    popular_BP = np.where(block.is_done_BC[:, column_P], NONE, popular)
    observed_BK = best(world, block.surface, seen_BC, block.item_C, k)
    # Where places are left over, all that may be shown of the seen topics stands there already.
    filler_BP = np.where(is_seen_BC[:, column_P], NONE, popular_BP)
    return (
        best(world, block.surface, worth_BC, block.item_C, k),
        _first(np.concatenate([observed_BK, filler_BP], axis=1), k),
        _first(popular_BP, k),
    )


def _is_seen(state: State, users: np.ndarray) -> np.ndarray:
    """Tell in which topics an interest can be seen in the logs: bool, B × T."""
    is_clicked = state.clicked_UT[users] >= LEAST_CLICKED
    return is_clicked & (state.examined_UT[users] >= LEAST_EXAMINED)


def _first(item_BX: np.ndarray, k: int) -> np.ndarray:
    """Keep the first K of what is there: int32, B × K; ``NONE`` behind the last."""
    padded = np.pad(item_BX, ((0, 0), (0, k)), constant_values=NONE)
    order = np.argsort(padded == NONE, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(padded, order, 1).astype(np.int32)
