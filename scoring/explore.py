"""Exploration: the last step that chooses an item, with exact propensities.

At each place, from the first on, a seeded coin of rate r is thrown. Tails keeps the exploited item;
heads draws one item uniformly from a pool: the best 64 candidates outside slate and reserve that
break no rule at this place. Stored is P(item here | user, day, earlier places): 1 − r for the kept
item, r / |pool| for a drawn one, and 1 where the pool was empty. Nothing changes a slate after it.

Shapes: U users, C columns, K places of the slate, L = K and the reserve's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.grid import ABSENT, Grid
from scoring.rerank import Counts, Exploited
from training.seeds import uniforms

_NUMBERS_PER_PLACE: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplorationConfig:
    """How much of a slate is given to finding out."""

    rate: float = 0.05
    """Probability of the coin at each place, in [0, 1)."""
    pool_size: int = 64
    """Candidates outside the slate that may be drawn."""
    salt: str = "exploration"
    """Seeds the coins together with user, day and surface."""


@dataclass(frozen=True, slots=True)
class Explored:
    """The slates as they will be shown."""

    column_UK: np.ndarray
    """int64: the grid's column at each place, −1 where nothing is left."""
    propensity_UK: np.ndarray
    """float64, in (0, 1]."""
    is_drawn_UK: np.ndarray
    """bool: drawn from the pool."""


def explore(
    grid: Grid, exploited: Exploited, *, k: int, stream_U: np.ndarray, config: ExplorationConfig
) -> Explored:
    """Throw the coins place by place.

    Args:
        grid: The candidates.
        exploited: Slate and reserve as chosen; its counts are carried on.
        k: Places of the slate.
        stream_U: uint64, one stream of random numbers a user (``training.seeds``).
        config: How much is explored.
    """
    shown = unexplored(exploited, k=k)
    column_UK, propensity_UK = shown.column_UK, shown.propensity_UK
    is_free_UC = _outside(grid, exploited)
    has_any = config.rate > 0 and grid.is_there_UC.any()
    for place in range(k if has_any else 0):
        at = np.flatnonzero(column_UK[:, place] != ABSENT)
        may_QC = _may_be_drawn(grid, exploited.counts, is_free_UC, at, column_UK[at, place])
        pool = _Pool.of(may_QC, config.pool_size)
        can = at[pool.size_Q > 0]
        propensity_UK[can, place] = 1 - config.rate
        coin = uniforms(stream_U[at], np.array(_NUMBERS_PER_PLACE * place))
        heads = np.flatnonzero((coin < config.rate) & (pool.size_Q > 0))
        drawn = at[heads]
        draw = uniforms(stream_U[drawn], np.array(_NUMBERS_PER_PLACE * place + 1))
        column = pool.drawn(heads, draw)
        exploited.counts.add(grid, drawn, column_UK[drawn, place], -1)
        exploited.counts.add(grid, drawn, column, 1)
        column_UK[drawn, place] = column
        is_free_UC[drawn, column] = False
        shown.is_drawn_UK[drawn, place] = True
        propensity_UK[drawn, place] = config.rate / pool.size_Q[heads]
    return shown


def unexplored(exploited: Exploited, *, k: int) -> Explored:
    """Show the exploited slates as they are, with certainty."""
    column_UK = exploited.column_UL[:, :k].copy()
    return Explored(column_UK, np.ones(column_UK.shape), np.zeros(column_UK.shape, bool))


def _outside(grid: Grid, exploited: Exploited) -> np.ndarray:
    """Candidates that stand neither in the slate nor in the reserve: bool, U × C."""
    is_free_UC = grid.is_there_UC.copy()
    user, place = np.nonzero(exploited.column_UL != ABSENT)
    is_free_UC[user, exploited.column_UL[user, place]] = False
    return is_free_UC


@dataclass(frozen=True, slots=True)
class _Pool:
    """Who may be drawn at one place for each of Q users."""

    may_QC: np.ndarray
    size_Q: np.ndarray

    @classmethod
    def of(cls, may_QC: np.ndarray, pool_size: int) -> "_Pool":
        """Keep the best of those who may be drawn."""
        best_QC = may_QC & (np.cumsum(may_QC, axis=1) <= pool_size)
        return cls(best_QC, best_QC.sum(axis=1))

    def drawn(self, chosen: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Draw one column for each of the chosen users by a uniform number: int64."""
        number = np.minimum((draw * self.size_Q[chosen]).astype(np.int64), self.size_Q[chosen] - 1)
        order = np.cumsum(self.may_QC[chosen], axis=1) - 1
        return np.argmax(self.may_QC[chosen] & (order == number[:, None]), axis=1)


def _may_be_drawn(
    grid: Grid, counts: Counts, is_free_UC: np.ndarray, user_Q: np.ndarray, kept_Q: np.ndarray
) -> np.ndarray:
    """Who breaks no rule once the exploited item has left its place: bool, Q × C."""
    may_QC = is_free_UC[user_Q]
    for name, cap in counts.caps.items():
        group_QC = grid.groups[name][user_Q]
        used_QC = np.take_along_axis(counts.used[name][user_Q], np.maximum(group_QC, 0), 1)
        left_Q = grid.groups[name][user_Q, kept_Q]
        is_left_QC = group_QC == left_Q[:, None]
        may_QC &= (group_QC == ABSENT) | (used_QC - is_left_QC < cap)
    return may_QC
