"""A day's examples as lists to be ordered: what one user was shown of one evening, and its worth.

A click at a place that few look at tells of more of them that were not seen: it counts by the
inverse of how often the place is looked at, clipped, so that the order learned is that of what
items bring and not of where they stood (Wang et al., SIGIR 2016; Hu et al., WWW 2019). A click that
became an order is worth more than one that did not.

Shapes: N rows, G lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import run_starts
from etl.features.examination import Examination
from training.rankers.ranker import Batch

_LEAST: Final = 1e-6
_CLICK: Final = "click"
_ORDER: Final = "order"
_ENDS: Final = (np.minimum, np.maximum)


@dataclass(frozen=True, slots=True)
class Evenings:
    """The lists of some days, whose rows follow one another."""

    gain_N: np.ndarray
    """float64: 2 to the power of relevance, less 1: 0, for a click 1, for one with an order 3."""
    inverse_N: np.ndarray
    """float64, ≥ 1: how many clicks one at that place stands for."""
    seen_N: np.ndarray
    """float64, in (0, 1]: how often the place is looked at."""
    weight_N: np.ndarray
    """float64: how many such rows one stands for."""
    first_G: np.ndarray
    """int64, G + 1: where each list begins, then the number of rows."""

    def __len__(self) -> int:
        return len(self.gain_N)

    @property
    def click_N(self) -> np.ndarray:
        """Bool."""
        return self.gain_N > 0

    @property
    def base(self) -> float:
        """The chance of a click where an item is looked at, neither 0 nor 1."""
        found = float(self.weight_N @ self.click_N) / float(self.weight_N @ self.seen_N)
        return min(max(found, _LEAST), 1 - _LEAST)

    @property
    def list_N(self) -> np.ndarray:
        """The number of each row's list: int64."""
        return np.repeat(np.arange(len(self.first_G) - 1), np.diff(self.first_G))

    @property
    def is_told_N(self) -> np.ndarray:
        """Whether a row's list has rows of different worth: others tell nothing of order."""
        if not len(self):
            return self.click_N
        least_G, most_G = (of.reduceat(self.gain_N, self.first_G[:-1]) for of in _ENDS)
        return np.repeat(least_G < most_G, np.diff(self.first_G))


def rows_of(batch: Batch) -> np.ndarray:
    """Order the rows whose click is known so that lists hang together: int64."""
    known = np.flatnonzero(~np.isnan(batch.label[_CLICK].astype(np.float32)))
    return known[np.lexsort((batch.evening_N[known], batch.user_N[known]))]


def of_batch(batch: Batch, curve: Examination, most: float) -> Evenings:
    """Make lists of a day, of the rows that ``rows_of`` gives.

    Args:
        batch: The day.
        curve: How often places are looked at.
        most: Clicks that one stands for at most: of places that hardly anybody looks at a few
            would say all (truncated importance sampling: Ionides, JCGS 2008).
    """
    rows = rows_of(batch)
    seen_N = curve.at(batch.given.position_N[rows])
    starts = run_starts(batch.user_N[rows], batch.evening_N[rows])
    return Evenings(
        np.exp2(_relevance(batch, rows)) - 1,
        np.minimum(1 / seen_N, most),
        seen_N,
        batch.weight_N[rows],
        np.append(np.flatnonzero(starts), len(rows)),
    )


def _relevance(batch: Batch, rows: np.ndarray) -> np.ndarray:
    """0, for a click 1, for one with an order 2; what is not known of orders is none."""
    click_N = batch.label[_CLICK][rows] > 0
    if _ORDER not in batch.label:
        return click_N.astype(np.float64)
    return click_N * (1.0 + (batch.label[_ORDER][rows] > 0))


def together(days: Sequence[Evenings]) -> Evenings:
    """Put the lists of days behind one another."""
    before = np.cumsum([0, *(len(day) for day in days)])
    first_G = [day.first_G[:-1] + start for day, start in zip(days, before, strict=False)]
    first_G.append(before[-1:])
    joined = {
        name: np.concatenate([getattr(day, name) for day in days])
        for name in ("gain_N", "inverse_N", "seen_N", "weight_N")
    }
    return Evenings(**joined, first_G=np.concatenate(first_G).astype(np.int64))
