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

_FEW: Final = 3.0
"""Clicks added to a user's own and to what is usual before he counts as eager or shy."""


@dataclass(frozen=True, slots=True)
class CategoryLooks:
    """Q categories of which users were shown items, by user and code."""

    user_Q: np.ndarray
    """int64: the user's row in the batch."""
    code_Q: np.ndarray
    """int64: the category's place in the item side's words."""
    looks_Q: np.ndarray
    """float64: items of it that he looked at."""
    lift_Q: np.ndarray
    """float64, > 0: his clicks there to those that his looks would bring.

    That is the category's click rate, times how much more than usual he clicks anywhere; a click
    on both sides draws categories that he hardly saw towards 1.
    """
    rate_C: np.ndarray
    """float64: clicks per look of each category's items; NaN where the log has no impressions."""

    @classmethod
    def of(cls, categories: Lists, items: ItemSide, num_users: int) -> "CategoryLooks":
        """Read them off users' features/user_pairs.categories and the evening's items."""
        rate_C = items.category_click_rate_C
        code_N = codes_in(categories.words("category"), items.words("category"))
        known = np.flatnonzero(code_N >= 0)
        known = known[~np.isnan(rate_C[code_N[known]])]
        user, code = categories.row_N[known], code_N[known]
        looks = categories.numbers("examined")[known] / PARTS
        clicks = categories.numbers("num_clicks")[known].astype(np.float64)
        usual = looks * rate_C[code]
        clicks_U, usual_U = (np.bincount(user, part, num_users) for part in (clicks, usual))
        eager_U = (clicks_U + _FEW) / (usual_U + _FEW)
        lift = (clicks + 1) / (usual * eager_U[user] + 1)
        order = np.argsort(key(user, code))
        return cls(user[order], code[order], looks[order], lift[order], rate_C)

    def looks_at(self, user_R: np.ndarray, code_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look users' categories up.

        Args:
            user_R: int64, R.
            code_R: int64, R; −1 where an item has no category.

        Returns:
            looks_R, lift_R: float64; 0 and 1 of what he was never shown, NaN where there is
            no category, or the log has no impressions.
        """
        is_told = (code_R >= 0) & ~np.isnan(np.r_[self.rate_C, np.nan][code_R])
        own = find(key(self.user_Q, self.code_Q), key(user_R, np.maximum(code_R, 0)))
        looks_R, lift_R = (
            taken(self.looks_Q, own, otherwise=0),
            taken(self.lift_Q, own, otherwise=1),
        )
        return np.where(is_told, looks_R, np.nan), np.where(is_told, lift_R, np.nan)
