"""Orders that have not been heard of yet: how many of a day's are known after so many days.

An order follows its impression by minutes or days, so that what was shown last has had too little
time: learned from as it stands, its p(order) comes out low. Of each age the share that is known by
then is read off days whose outcomes have all had their time. A label divided by that share has the
mean of the final one, whatever the example (Saito, Morishita, Yasui, Dual Learning Algorithm for
Delayed Conversions, SIGIR 2020, § 3.2), so that every ranker learns from it as it learns from any.

Shapes: O outcomes, N examples, A ages in days, 0 … ``WINDOW_DAYS``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.silver.attribution import WINDOW_DAYS

_FEW: Final = 20.0
"""Outcomes added at their usual pace, one share a day, before few are believed."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How soon outcomes of one kind are known."""

    known_A: np.ndarray
    """float64, in (0, 1], not falling, the last of them 1: the share known by the end of the day so
    many days after the impression."""

    def at(self, age_N: np.ndarray) -> np.ndarray:
        """Say what share of examples' outcomes is known: float64, N.

        Args:
            age_N: int64: days since they were shown; older than the window means all are known.
        """
        return self.known_A[np.clip(age_N, 0, len(self.known_A) - 1)]


def fit(delay_O: np.ndarray) -> Delays:
    """Count how soon outcomes became known.

    Args:
        delay_O: int64: days from the day of the impression to the outcome's arrival, of impressions
            shown so long ago that all of theirs have arrived. What took longer than the window, or
            came before by a clock ahead, counts at its ends.
    """
    num_O = np.bincount(np.clip(delay_O, 0, WINDOW_DAYS), minlength=WINDOW_DAYS + 1)
    usual_A = np.arange(1, WINDOW_DAYS + 2) / (WINDOW_DAYS + 1)
    return Delays((np.cumsum(num_O) + _FEW * usual_A) / (len(delay_O) + _FEW))


def corrected(label_N: np.ndarray, known_N: np.ndarray) -> np.ndarray:
    """Divide labels by the share that is known: float32, N, of the mean of the final ones."""
    return (label_N / known_N).astype(np.float32)
