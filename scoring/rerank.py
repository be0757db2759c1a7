"""Chooses the exploited slate: the best candidates in order, as far as the caps let them in.

No randomness here; exploration comes after (``scoring.explore``). The caps are counted over slate
and reserve together, so that whoever steps in for a dropped item breaks no rule either.

Shapes: U users, C columns, K places, R places of the reserve.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scoring.grid import ABSENT, Grid


@dataclass(frozen=True, slots=True)
class Counts:
    """How many places each of a user's groups holds: for each capped group int64, U × C."""

    used: Mapping[str, np.ndarray]
    caps: Mapping[str, int]

    @classmethod
    def none(cls, grid: Grid, caps: Mapping[str, int]) -> "Counts":
        """Begin with no place given."""
        return cls({name: np.zeros(grid.row_UC.shape, np.int64) for name in caps}, caps)

    def fits(self, grid: Grid, user_Q: np.ndarray, column_Q: np.ndarray) -> np.ndarray:
        """Tell which candidates break no cap if one more place is given: bool, Q."""
        found = np.ones(len(user_Q), bool)
        for name, cap in self.caps.items():
            group_Q = grid.groups[name][user_Q, column_Q]
            found &= (group_Q == ABSENT) | (self.used[name][user_Q, group_Q] < cap)
        return found

    def add(self, grid: Grid, user_Q: np.ndarray, column_Q: np.ndarray, change: int) -> None:
        """Count places given (or taken back) to one candidate of each of Q distinct users."""
        for name in self.caps:
            group_Q = grid.groups[name][user_Q, column_Q]
            known = group_Q != ABSENT
            self.used[name][user_Q[known], group_Q[known]] += change


@dataclass(frozen=True, slots=True)
class Exploited:
    """The slates before exploration."""

    column_UL: np.ndarray
    """int64, U × (K + R): the grid's column at each place, −1 where nothing is left."""
    counts: Counts
    """Places that each group holds in slate and reserve together."""
    passed_UL: np.ndarray
    """bool: better candidates were passed over, because a cap was full."""


def choose(grid: Grid, *, num_places: int, caps: Mapping[str, int]) -> Exploited:
    """Give the places of slate and reserve in descending value.

    Args:
        grid: The candidates.
        num_places: K + R.
        caps: For each capped group the places it may hold.
    """
    counts = Counts.none(grid, caps)
    column_UL = np.full((grid.num_users, num_places), ABSENT, np.int64)
    passed_UL = np.zeros((grid.num_users, num_places), bool)
    num_taken = np.zeros(grid.num_users, np.int64)
    has_passed = np.zeros(grid.num_users, bool)
    for column in range(grid.row_UC.shape[1]):
        wants_U = num_taken < num_places
        if not wants_U.any():
            break
        asks = np.flatnonzero((grid.row_UC[:, column] != ABSENT) & wants_U)
        at = np.full(len(asks), column)
        fits = counts.fits(grid, asks, at)
        has_passed[asks[~fits]] = True
        user = asks[fits]
        column_UL[user, num_taken[user]] = column
        passed_UL[user, num_taken[user]] = has_passed[user]
        counts.add(grid, user, at[fits], 1)
        num_taken[user] += 1
    return Exploited(column_UL, counts, passed_UL)
