"""How soon orders are known: the share of them that has been attributed so many days on.

A label that is young misses what has not followed yet, orders and cancels alike: it counts orders
that stand. How much these still grow from one age to the next is read off the newest impressions of
that age (the chain ladder of insurers: Mack, ASTIN Bulletin 1993), so that a change of delays is
followed within days. What a label misses is made good by weights: each positive of an age counts
for those that are still to come, and negatives weigh so much less that the sum of all stays (Yasui
et al., WWW 2020, § 4, with the delay independent of the example). Who learns a model of the delay
by example does better; a calibration moves a whole curve, for which the mean is enough.

Shapes: O orders and cancels, A ages in days, D days of impressions, N examples.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from etl.silver.attribution import WINDOW_DAYS


@dataclass(frozen=True, kw_only=True, slots=True)
class DelaysConfig:
    """From how much the share is read."""

    min_orders: int = 100
    """Orders of ripe days below which it is not known."""
    num_days: int = 7
    """Newest days of each age that are read at least: a week, whose days differ."""
    enough_orders: int = 1_000
    """Where those hold fewer orders, older days are read too."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How much is known of labels by their age."""

    known_A: np.ndarray
    """float64, > 0: the share known after 0, 1, … ``WINDOW_DAYS`` days; 1 at the last, above 1
    where more is still taken back than ordered, 0 where it is not known; empty where too few
    orders are ripe."""
    num_orders: int
    """Ripe ones: it is known by them."""

    def at(self, age_days: int) -> float | None:
        """The share known so many days after the impression; None where it is not known."""
        if age_days >= WINDOW_DAYS:
            return 1.0
        share = float(self.known_A[age_days]) if len(self.known_A) else 0.0
        return share or None


UNKNOWN: Final = Delays(np.empty(0), 0)
"""Nothing has been ordered yet."""


def fit(
    shown: np.ndarray,
    known: np.ndarray,
    change: np.ndarray,
    *,
    night: date,
    config: DelaysConfig,
) -> Delays:
    """Read how soon it is known which orders stand.

    Args:
        shown: datetime64[D], O: when the impression of each was shown.
        known: datetime64[D], O: the arrival day on which it was attributed, by the night.
        change: int64, O: 1 of orders, −1 of cancels.
        night: The night that asks.
        config: How much is enough.
    """
    age_O = (np.datetime64(night, "D") - shown).astype(np.int64)
    is_ordered_O = change > 0
    num_ripe = int((is_ordered_O & (age_O >= WINDOW_DAYS)).sum())
    if num_ripe < config.min_orders:
        return Delays(np.empty(0), num_ripe)
    # A few arrive later still; they are never learned from, and are no part of the truth.
    lag_O = np.clip((known - shown).astype(np.int64), 0, WINDOW_DAYS)
    place = (np.maximum(age_O, 0), lag_O)
    standing_DA, ordered_DA = np.zeros((2, int(age_O.max()) + 1, WINDOW_DAYS + 1))
    np.add.at(standing_DA, place, change)
    np.add.at(ordered_DA, place, is_ordered_O)
    grown_A = [
        _growth(np.cumsum(standing_DA, axis=1)[age:], ordered_DA[age:].sum(axis=1), age, config)
        for age in range(1, WINDOW_DAYS + 1)
    ]
    # What is known at an age still grows by the product of all later growth.
    still_A = np.cumprod(np.r_[1.0, grown_A[::-1]])[::-1]
    return Delays(1 / still_A, num_ripe)


def _growth(
    standing_DA: np.ndarray, ordered_D: np.ndarray, age: int, config: DelaysConfig
) -> float:
    """How often what stood the day before stands at an age; infinite where nothing stood.

    Args:
        standing_DA: Known by each age, of days that old at least, the newest first.
        ordered_D: Their orders.
        age: The age.
        config: How many days are read.
    """
    num = int(np.searchsorted(np.cumsum(ordered_D), config.enough_orders)) + 1
    before, now = standing_DA[: max(num, config.num_days), age - 1 : age + 1].sum(axis=0)
    return float(now / before) if before > 0 and now > 0 else float("inf")


def ripened(label_N: np.ndarray, age_N: np.ndarray, delays: Delays) -> np.ndarray:
    """Divide labels by the share that is known at their age: float32, N, of the final ones' mean.

    Any ranker learns from them as from others (Saito, Morishita, Yasui, Dual Learning Algorithm for
    Delayed Conversions, SIGIR 2020, § 3.2). Where the share is not known, labels stay.

    Args:
        label_N: bool, as known.
        age_N: int64, days since the impression.
        delays: How much is known by age.
    """
    share_A = np.array([delays.at(age) or 1.0 for age in range(WINDOW_DAYS + 1)])
    return (label_N / share_A[np.clip(age_N, 0, WINDOW_DAYS)]).astype(np.float32)


def corrected(label_N: np.ndarray, weight_N: np.ndarray, share: float) -> np.ndarray:
    """Weigh examples as if their labels were ripe: float64, N; the sum of weights stays.

    Args:
        label_N: bool, as known.
        weight_N: What each stands for.
        share: Of the positives that are known.
    """
    positive = float(weight_N @ label_N)
    total = float(weight_N.sum())
    if not positive or positive == total:
        return weight_N.astype(np.float64)
    ripe = min(positive / share, total)
    fewer = (total - ripe) / (total - positive)
    return weight_N * np.where(label_N, ripe / positive, fewer)
