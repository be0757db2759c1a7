"""How soon orders are known: the share of them that has been attributed so many days on.

A label that is young misses what has not followed yet. What it misses is read off days whose labels
are ripe, and made good by weights: each positive of an age counts for those that are still to come,
and negatives weigh so much less that the sum of all stays (Yasui et al., WWW 2020, § 4, with the
delay independent of the example). Who learns a model of the delay by example does better; a
calibration moves a whole curve, for which the mean is enough.

Shapes: O orders, A ages in days, N examples.
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


@dataclass(frozen=True, slots=True)
class Delays:
    """How much is known of labels by their age."""

    known_A: np.ndarray
    """float64, in (0, 1], rising: the share known after 0, 1, … ``WINDOW_DAYS`` days; empty where
    too few orders are ripe."""
    num_orders: int
    """It was read from."""

    def at(self, age_days: int) -> float | None:
        """The share known so many days after the impression; None where it is not known."""
        if age_days >= WINDOW_DAYS:
            return 1.0
        share = float(self.known_A[age_days]) if len(self.known_A) else 0.0
        return share or None


UNKNOWN: Final = Delays(np.empty(0), 0)
"""Nothing has been ordered yet."""


def fit(shown: np.ndarray, known: np.ndarray, *, night: date, config: DelaysConfig) -> Delays:
    """Read how soon orders are known off impressions that are ``WINDOW_DAYS`` old at least.

    Args:
        shown: datetime64[D], O: when the impression of each order was shown.
        known: datetime64[D], O: the arrival day on which it was attributed, by the night.
        night: The night that asks.
        config: How much is enough.
    """
    is_ripe = (np.datetime64(night, "D") - shown).astype(np.int64) >= WINDOW_DAYS
    lag_O = np.maximum((known - shown).astype(np.int64)[is_ripe], 0)
    if len(lag_O) < config.min_orders:
        return Delays(np.empty(0), len(lag_O))
    # A few arrive later still; they are never learned from, and are no part of the truth.
    counts_A = np.bincount(np.minimum(lag_O, WINDOW_DAYS), minlength=WINDOW_DAYS + 1)
    return Delays(np.cumsum(counts_A) / len(lag_O), len(lag_O))


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
