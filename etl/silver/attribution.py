"""Finds the impression that an outcome followed: the last one known in time, by numpy.

Impressions lie sorted by (pair of user and item, instant), so the eligible ones of an outcome are a
slice. Its day needs the slice's smallest known day, its impression the slice's last one known by
then. Both come from a table of minima over powers of two (Bender and Farach-Colton, The LCA problem
revisited, 2000, §3): n log n, however often one user saw or clicked one item.

Shapes: I impressions, O outcomes, L levels of minima, all of any number of pairs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import distinct

WINDOW_DAYS: Final = 7
"""An impression is eligible for outcomes up to so many days after it."""
WAIT_DAYS: Final = 7
"""An outcome waits so many arrival days for an impression; then it is organic."""
NEVER: Final = np.iinfo(np.int32).max
"""The known day of an impression that no outcome may follow."""
ORGANIC: Final = -1
"""The place of the impression of an outcome that follows none."""
_WINDOW_US: Final = WINDOW_DAYS * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions sorted by pair, instant and what breaks their ties."""

    pair_I: np.ndarray
    """int64, number of the user and item"""
    at_I: np.ndarray
    """int64, when shown, microseconds of the epoch"""


@dataclass(frozen=True, slots=True)
class Done:
    """Outcomes in any order."""

    pair_O: np.ndarray
    """int64, number of the user and item"""
    at_O: np.ndarray
    """int64, when it happened, microseconds of the epoch"""
    arrived_O: np.ndarray
    """int32, arrival day, days of the epoch"""

    def where(self, is_kept_O: np.ndarray) -> "Done":
        """Keep some of the outcomes, in their order."""
        return Done(self.pair_O[is_kept_O], self.at_O[is_kept_O], self.arrived_O[is_kept_O])


def attribute(done: Done, shown: Shown, known_I: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the day and the impression of each outcome.

    Args:
        done: The outcomes.
        shown: The impressions.
        known_I: int32, first day on which an outcome may follow the impression; ``NEVER`` if none.

    Returns:
        day_O: int32, day on which the outcome is attributed, or found to be organic.
        place_O: int64, its impression's place in ``shown``, or ``ORGANIC``.
    """
    first_O, end_O = _eligible(done, shown)
    day_O = done.arrived_O + np.int32(WAIT_DAYS)
    place_O = np.full(len(day_O), ORGANIC, np.int64)
    minima_LI = _minima(known_I)
    some = np.flatnonzero(end_O > first_O)
    earliest = _smallest(minima_LI, first_O[some], end_O[some])
    day = np.maximum(done.arrived_O[some], earliest)
    is_found = day <= day_O[some]
    found, day = some[is_found], day[is_found]
    day_O[found] = day
    place_O[found] = _last_known(minima_LI, first_O[found], end_O[found], day)
    return day_O, place_O


def clicked_days(day_C: np.ndarray, place_C: np.ndarray, num_impressions: int) -> np.ndarray:
    """Say from which day on each impression is known to be clicked.

    Args:
        day_C: int32, day on which each click was attributed.
        place_C: int64, the impression of each click, or ``ORGANIC``.
        num_impressions: I.

    Returns:
        int32 of I, ``NEVER`` for an impression without a click.
    """
    known_I = np.full(num_impressions, NEVER, np.int32)
    has_one = place_C != ORGANIC
    np.minimum.at(known_I, place_C[has_one], day_C[has_one])
    return known_I


def _eligible(done: Done, shown: Shown) -> tuple[np.ndarray, np.ndarray]:
    """The slice of each outcome's impressions: of its pair, shown within the window before it."""
    opens_O = done.at_O - _WINDOW_US
    instants = distinct(np.concatenate([shown.at_I, done.at_O, opens_O]))

    def place(pair: np.ndarray, at: np.ndarray) -> np.ndarray:
        # Ranks, not microseconds: pair and time together fit into 64 bits.
        return pair * len(instants) + np.searchsorted(instants, at)

    key_I = place(shown.pair_I, shown.at_I)
    first_O = np.searchsorted(key_I, place(done.pair_O, opens_O), "left")
    return first_O, np.searchsorted(key_I, place(done.pair_O, done.at_O), "right")


def _minima(known_I: np.ndarray) -> np.ndarray:
    """For each level l and place i the smallest of known_I[i : i + 2^l]: int32, (L, I)."""
    levels = [known_I]
    width = 1
    while width < len(known_I):
        later = np.r_[levels[-1][width:], np.full(width, NEVER, np.int32)]
        levels.append(np.minimum(levels[-1], later))
        width *= 2
    return np.stack(levels)


def _smallest(minima_LI: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest known day of each slice, none of them empty."""
    level = np.frexp(end - first)[1] - 1
    return np.minimum(minima_LI[level, first], minima_LI[level, end - (1 << level)])


def _last_known(
    minima_LI: np.ndarray, first: np.ndarray, end: np.ndarray, day: np.ndarray
) -> np.ndarray:
    """The last place of each slice that is known by ``day``; there is one in every slice."""
    for level in reversed(range(len(minima_LI))):
        start = end - (1 << level)
        is_later = minima_LI[level, np.maximum(start, 0)] > day
        end = np.where((start >= first) & is_later, start, end)
    return end - 1
