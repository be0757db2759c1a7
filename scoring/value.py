"""What showing an item is worth, in one currency per surface: what slates are sorted by.

product feed         click_value · p(click) + order_value · p(order) · price_term
live streams         the same · presence
short videos         click_value · p(click) + cart_value · p(cart) + watch_value · E[watched]

The currency is clicks. Predictions are the champion's, calibrated (``training.calibrations``), so
that a click of one surface is worth a click of another; what has no calibration yet counts as the
champion predicts it. Where none serves, the fused score itself is the value. The price term is
(price / typical price) ^ price_power, and 1 where a price is not known: with a power of 0 every
order counts alike, with 1 the turnover counts. A live slot has no price, and counts as often as the
user comes in its hour (``scoring.rank``). E[watched] is the share of a video's duration that is
expected to be watched.

Which of these terms a surface has follows from what is predicted there (``Surface.tasks``).
Shapes: R rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_WRITTEN: Final = {
    "click": "click_value · p(click)",
    "cart": "cart_value · p(cart)",
    "order": "order_value · p(order) · price_term",
    "watch": "watch_value · E[watched]",
}
_PRICED: Final = "order"


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueConfig:
    """What a surface wants, in units of one click."""

    click_value: float = 1.0
    """Worth of a click (on a video: of opening it; on a live slot: of a visit)."""
    cart_value: float = 5.0
    """Worth of a cart on a video, on top of its click."""
    order_value: float = 5.0
    """Worth of an order, on top of its click."""
    watch_value: float = 1.0
    """Worth of a video watched to its end; of half of it half."""
    price_power: float = 0.0
    """How far dearer orders count more: 0 not at all, 1 in proportion."""
    typical_price_cents: float = 2000.0
    """The price at which an order counts ``order_value``."""

    def worth(self, task: str) -> float:
        """Worth of what a task predicts, in clicks."""
        worths = {
            "click": self.click_value,
            "cart": self.cart_value,
            "order": self.order_value,
            "watch": self.watch_value,
        }
        return worths[task]


def formula(tasks: Sequence[str], *, is_by_hour: bool = False) -> str:
    """Write a surface's value in words; ``is_by_hour`` where items are live at an hour."""
    terms = " + ".join(_WRITTEN[task] for task in tasks)
    return f"({terms}) · presence" if is_by_hour else terms


def expected_value(
    scores: Mapping[str, np.ndarray], price_cents_R: np.ndarray, config: ValueConfig
) -> np.ndarray:
    """Value rows by a ranker's predictions.

    Args:
        scores: What the surface's tasks predict, each float32, R.
        price_cents_R: float, NaN where not known.
        config: What the surface wants.

    Returns:
        float64, R, >= 0.
    """
    value_R = np.zeros(len(price_cents_R))
    for task in sorted(scores):
        value_R += term(task, scores[task], price_cents_R, config)
    return value_R


def term(
    task: str, score_R: np.ndarray, price_cents_R: np.ndarray, config: ValueConfig
) -> np.ndarray:
    """What one task adds to the value: float64, R."""
    part_R = config.worth(task) * score_R.astype(np.float64)
    return part_R * price_term(price_cents_R, config) if task == _PRICED else part_R


def price_term(price_cents_R: np.ndarray, config: ValueConfig) -> np.ndarray:
    """How much more an order counts at its price: float64, R; 1 where the price is not known."""
    ratio = np.where(np.isnan(price_cents_R), 1.0, price_cents_R / config.typical_price_cents)
    return ratio**config.price_power
