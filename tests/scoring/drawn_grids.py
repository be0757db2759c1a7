"""Candidates of a few users drawn by a seed, with groups that caps count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from hypothesis import strategies as st

from scoring.grid import Grid, layout

CAPS: Final = {"seller_cap": 2, "category_cap": 3}


@dataclass(frozen=True, slots=True)
class Drawn:
    """R candidates: user, item, value and groups, as flat arrays."""

    num_users: int
    user_R: np.ndarray
    item_R: np.ndarray
    value_R: np.ndarray
    groups: Mapping[str, np.ndarray]

    def grid(self) -> Grid:
        """Lay them out."""
        return layout(
            self.user_R, self.item_R, self.value_R, groups=self.groups, num_users=self.num_users
        )

    def of(self, *users: int) -> "Drawn":
        """The same candidates for a batch of some of the users, in the order asked for."""
        rows = [np.flatnonzero(self.user_R == user) for user in users]
        taken = np.concatenate(rows) if rows else np.empty(0, np.int64)
        place = np.repeat(np.arange(len(users)), [len(own) for own in rows])
        groups = {name: code_R[taken] for name, code_R in self.groups.items()}
        return Drawn(len(users), place, self.item_R[taken], self.value_R[taken], groups)

    def best_first(self, user: int) -> list[int]:
        """One user's rows by value, ties by item_no."""
        own = np.flatnonzero(self.user_R == user).tolist()
        return sorted(own, key=lambda row: (-self.value_R[row], self.item_R[row]))

    def within_caps(self, rows: list[int], caps: Mapping[str, int]) -> bool:
        """Tell whether no group holds more rows than its cap."""
        for name, cap in caps.items():
            codes = [code for code in self.groups[name][rows].tolist() if code >= 0]
            if any(codes.count(code) > cap for code in codes):
                return False
        return True


def drawn(seed: int, *, num_users: int = 4, most: int = 20) -> Drawn:
    """Up to ``most`` candidates a user, with ties of value and rows of no known group."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, most + 1, num_users)
    num_rows = int(lengths.sum())
    items = [rng.permutation(3 * most)[:n] for n in lengths]
    return Drawn(
        num_users,
        np.repeat(np.arange(num_users), lengths),
        np.concatenate(items).astype(np.int64),
        rng.integers(0, 12, num_rows) / 4,
        {
            "seller_cap": rng.integers(-1, 5, num_rows),
            "category_cap": rng.choice([-1, 7, 1000, 2000], num_rows),
        },
    )


grids = st.integers(0, 2**32).map(drawn)
"""Any of them."""
