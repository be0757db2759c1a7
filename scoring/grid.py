"""Candidates of a batch of users side by side, best first, with the groups that caps count.

Shapes: U users, C columns (the longest list), R rows (candidates one behind another).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import places_in_runs, run_starts

ABSENT: Final = -1


@dataclass(frozen=True, slots=True)
class Grid:
    """Users' candidates as a matrix in descending value, ties by item_no."""

    row_UC: np.ndarray
    """int64: the candidate's row, −1 behind a list's end."""
    groups: Mapping[str, np.ndarray]
    """For each capped group int64, U × C: which of the user's own groups, −1 if not known."""

    @property
    def is_there_UC(self) -> np.ndarray:
        """Where a list has a candidate: bool."""
        return self.row_UC != ABSENT

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.row_UC)


def layout(
    user_R: np.ndarray,
    item_R: np.ndarray,
    value_R: np.ndarray,
    *,
    groups: Mapping[str, np.ndarray],
    num_users: int,
) -> Grid:
    """Sort candidates by value within each user.

    Args:
        user_R: int64, the user's place in the batch.
        item_R: int64, item_no: breaks ties.
        value_R: float64.
        groups: For each capped group the item's code: int64, R, −1 where it is not known.
        num_users: U.
    """
    order = np.lexsort((item_R, -value_R, user_R))
    user = user_R[order]
    place = places_in_runs(run_starts(user))
    width = int(place.max(initial=-1)) + 1
    row_UC = np.full((num_users, width), ABSENT, np.int64)
    row_UC[user, place] = order
    return Grid(row_UC, {name: _own(code_R, row_UC) for name, code_R in groups.items()})


def _own(code_R: np.ndarray, row_UC: np.ndarray) -> np.ndarray:
    """Number the groups within each user, so that counting them needs a small table only."""
    if not row_UC.size:
        return np.full(row_UC.shape, ABSENT, np.int64)
    code_UC = np.where(row_UC == ABSENT, ABSENT, code_R[row_UC])
    order = np.argsort(code_UC, axis=1, kind="stable")
    ascending = np.take_along_axis(code_UC, order, axis=1)
    is_new = np.diff(ascending, axis=1, prepend=ascending[:, :1]) != 0
    own_UC = np.empty_like(code_UC)
    np.put_along_axis(own_UC, order, np.cumsum(is_new, axis=1), axis=1)
    return np.where(code_UC == ABSENT, ABSENT, own_UC)
