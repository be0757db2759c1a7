"""Measures of short lists against what users then did: recall, NDCG and hits at 20.

Everything works on flat arrays grouped by user. The words of reports (metrics, policies, who is
measured apart) stand here too, because reports and backtests share them.

Shapes: P places of all lists, T truths (a user and an item he then acted on), U users.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import is_in
from training.metrics import ideal_dcg

AT: Final = 20
"""Places that are looked at."""
METRICS: Final = (f"recall@{AT}", f"ndcg@{AT}", f"hit_rate@{AT}", "ceiling")
"""What is measured of each user."""
COVERAGE: Final = f"coverage@{AT}"
"""What is measured of all users together."""
POLICIES: Final = {
    "user": ("slates", "popularity_7d", "covisitation", "candidates"),
    "default": ("slates", "popularity_7d"),
}
"""For each audience the lists that are compared; without a slate there are no candidates either."""

_ITEM_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Truths:
    """What each of U users acted on, every pair once."""

    user_T: np.ndarray
    """int64, the user's place, 0 … U − 1."""
    item_T: np.ndarray
    """int64."""
    is_known_T: np.ndarray
    """bool: the item had been heard of when the list was made."""
    num_users: int

    @property
    def num_U(self) -> np.ndarray:
        """Truths of each user: int64, >= 1."""
        return np.bincount(self.user_T, minlength=self.num_users)


@dataclass(frozen=True, slots=True)
class Shown:
    """The first places of U lists."""

    user_P: np.ndarray
    """int64, ascending."""
    item_P: np.ndarray
    """int64."""
    place_P: np.ndarray
    """int64, 0 for the first, below ``AT``."""


def measure(shown: Shown, truths: Truths) -> np.ndarray:
    """Measure each user's list.

    Recall counts all truths, unknown items too: the ceiling is the share that could be found. NDCG
    has binary gains; the ideal list begins with all truths (Järvelin, Kekäläinen, TOIS 2002).

    Args:
        shown: The lists.
        truths: What the users acted on, at least one each.

    Returns:
        float64, U × ``METRICS``, each in [0, 1].
    """
    num_U = truths.num_U
    is_hit_P = is_in(_key(shown.user_P, shown.item_P), np.sort(_key(truths.user_T, truths.item_T)))
    hits_U = np.bincount(shown.user_P[is_hit_P], minlength=truths.num_users)
    gain_P = np.where(is_hit_P, 1 / np.log2(shown.place_P + 2.0), 0.0)
    gain_U = np.bincount(shown.user_P, gain_P, truths.num_users)
    known_U = np.bincount(truths.user_T, truths.is_known_T, truths.num_users)
    ndcg_U = gain_U / ideal_dcg(np.minimum(num_U, AT))
    return np.column_stack([hits_U / num_U, ndcg_U, hits_U > 0, known_U / num_U])


def _key(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    return user << _ITEM_BITS | item
