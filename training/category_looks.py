"""How eagerly a user clicks in each category, from what he was shown of it and looked at.

Shapes: U users, Q pairs of a user and a category, C categories.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.features.positions import PARTS
from training.item_side import ItemSide
from training.lookup import find, key, taken
from training.user_side import Lists, codes_in

_FEW: Final = 1.5
"""Clicks added to a user's own and to what was expected (``AppealConfig.taste_clicks``)."""


@dataclass(frozen=True, slots=True)
class CategoryLooks:
    """Q categories of which users were shown items, by user and code."""

    user_Q: np.ndarray
    """int64: the user's row in the batch."""
    code_Q: np.ndarray
    """int64: the category's place in the item side's words."""
    looks_Q: np.ndarray
    """float64: items of it that he looked at."""
    expected_Q: np.ndarray
    """float64: clicks that a usual user's looks at them would have brought, by their appeal."""
    lift_Q: np.ndarray
    """float64, > 0: his clicks there to those; a click and a half on both sides draw categories
    that he hardly saw towards 1."""
    rate_C: np.ndarray
    """float64: clicks per look of each category's items; NaN where the log has no impressions."""

    @classmethod
    def of(cls, categories: Lists, items: ItemSide) -> "CategoryLooks":
        """Read them off users' features/user_pairs.categories and the evening's items."""
        rate_C = items.category_click_rate_C
        code_N = codes_in(categories.words("category"), items.words("category"))
        known = np.flatnonzero(code_N >= 0)
        known = known[~np.isnan(rate_C[code_N[known]])]
        user, code = categories.row_N[known], code_N[known]
        looks = categories.numbers("examined")[known] / PARTS
        expected = categories.numbers("expected")[known] / PARTS
        clicks = categories.numbers("num_clicks")[known].astype(np.float64)
        lift = (clicks + _FEW) / (expected + _FEW)
        order = np.argsort(key(user, code))
        user, code, looks = user[order], code[order], looks[order]
        return cls(user, code, looks, expected[order], lift[order], rate_C)

    def at(self, user_R: np.ndarray, code_R: np.ndarray) -> dict[str, np.ndarray]:
        """Look users' categories up.

        Args:
            user_R: int64, R.
            code_R: int64, R; −1 where an item has no category.

        Returns:
            looks, expected and lift: float64, R; 0, 0 and 1 of what he was never shown, NaN where
            there is no category, or the log has no impressions.
        """
        is_told = (code_R >= 0) & ~np.isnan(np.r_[self.rate_C, np.nan][code_R])
        own = find(key(self.user_Q, self.code_Q), key(user_R, np.maximum(code_R, 0)))
        found = {
            "looks": taken(self.looks_Q, own, otherwise=0),
            "expected": taken(self.expected_Q, own, otherwise=0),
            "lift": taken(self.lift_Q, own, otherwise=1),
        }
        return {name: np.where(is_told, values, np.nan) for name, values in found.items()}
