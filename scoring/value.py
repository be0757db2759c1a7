"""What showing an item is worth, in one currency per surface: what slates are sorted by.

value = click_value · p(click) + order_value · p(order) · price term

The price term is (price / typical price) ^ price_power, and 1 where a price is not known: with a
power of 0 every order counts alike, with 1 the turnover counts. Probabilities are those of the
champion; where none serves, the fused score itself is the value.

Shapes: R rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueConfig:
    """What a surface wants, in units of one click."""

    click_value: float = 1.0
    """Worth of a click (on a video: of a watch; on a live slot: of a visit)."""
    order_value: float = 5.0
    """Worth of an order, on top of its click."""
    price_power: float = 0.0
    """How far dearer orders count more: 0 not at all, 1 in proportion."""
    typical_price_cents: float = 2000.0
    """The price at which an order counts ``order_value``."""


def expected_value(
    scores: Mapping[str, np.ndarray], price_cents_R: np.ndarray, config: ValueConfig
) -> np.ndarray:
    """Value rows by a ranker's probabilities.

    Args:
        scores: p(click) and p(order) by task, each float32, R.
        price_cents_R: float, NaN where not known.
        config: What the surface wants.

    Returns:
        float64, R, >= 0.
    """
    ratio = np.where(np.isnan(price_cents_R), 1.0, price_cents_R / config.typical_price_cents)
    price_term = ratio**config.price_power
    clicks = config.click_value * scores["click"].astype(np.float64)
    return clicks + config.order_value * scores["order"].astype(np.float64) * price_term
