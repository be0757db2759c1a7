"""What was done, as far as later days need it: shown, clicked, acted on, bought, hidden, pending.

A pair of user and item is one number (``pairs``), so that sets of them are sorted arrays.

Shapes: B pairs, C clicks, Q questions.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from etl.arrow import distinct
from simulator.day import NONE

NUM_DAYS: Final = 8
"""Days of which impressions and clicks are kept: an outcome follows one of 7 days at most."""
_ITEM_BITS: Final = 32
Columns = dict[str, np.ndarray]
"""Columns of one length."""


def pairs(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Number pairs of user and item: int64."""
    return user.astype(np.int64) << _ITEM_BITS | item.astype(np.int64)


def users_of(pair: np.ndarray) -> np.ndarray:
    """Which user a pair is of: int64."""
    return pair >> _ITEM_BITS


def items_of(pair: np.ndarray) -> np.ndarray:
    """Which item a pair is of: int64."""
    return pair & ((1 << _ITEM_BITS) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clicks:
    """C clicked impressions of one day, sorted by pair, then by when they were shown."""

    pair_C: np.ndarray
    """int64."""
    shown_us_C: np.ndarray
    """int64: when the item was shown."""
    clicked_us_C: np.ndarray
    """int64: when it was clicked."""
    day: int
    """Days of the epoch."""
    request_C: np.ndarray
    """int64: number of the request on its day."""
    position_C: np.ndarray
    """int32: place in the slate."""

    def last_before(self, pair_Q: np.ndarray, at_us_Q: np.ndarray) -> np.ndarray:
        """Find the last one of a pair that was shown at a moment or before: place, or ``NONE``."""
        instants = distinct(np.concatenate([self.shown_us_C, at_us_Q]))
        known = distinct(np.concatenate([self.pair_C, pair_Q]))

        def key(pair: np.ndarray, at_us: np.ndarray) -> np.ndarray:
            # Ranks, not microseconds: pair and time together fit into 64 bits.
            rank = np.searchsorted(known, pair)
            return rank * len(instants) + np.searchsorted(instants, at_us)

        place = (
            np.searchsorted(key(self.pair_C, self.shown_us_C), key(pair_Q, at_us_Q), "right") - 1
        )
        is_same = (
            (place >= 0) & (self.pair_C[np.maximum(place, 0)] == pair_Q)
            if len(self.pair_C)
            else np.zeros(len(pair_Q), bool)
        )
        return np.where(is_same, place, NONE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What was done up to the end of a day."""

    bought_B: np.ndarray
    """int64, ascending: pairs of which anything was ordered."""
    num_bought_B: np.ndarray
    """int32: orders less cancels of each."""
    hidden_B: np.ndarray
    """int64, ascending: hidden pairs."""
    shown: tuple[np.ndarray, ...]
    """Of each of the last days, the newest first: int64, ascending, the pairs shown."""
    acted: tuple[np.ndarray, ...]
    """Likewise the pairs clicked, put into the cart, or ordered."""
    clicks: tuple[Clicks, ...]
    """Likewise the clicked impressions."""
    pending: Columns
    """Orders and cancels to come."""

    @classmethod
    def empty(cls) -> "Ledger":
        """Begin with nothing done."""
        nothing = np.zeros(0, np.int64)
        return cls(
            bought_B=nothing,
            num_bought_B=nothing.astype(np.int32),
            hidden_B=nothing,
            shown=(),
            acted=(),
            clicks=(),
            pending={},
        )

    def kept(self) -> np.ndarray:
        """Pairs bought and not cancelled: int64, ascending."""
        return self.bought_B[self.num_bought_B > 0]

    def with_orders(self, pair_Q: np.ndarray, change_Q: np.ndarray) -> "Ledger":
        """Count orders (+1) and cancels (−1)."""
        pair = np.concatenate([self.bought_B, pair_Q])
        change = np.concatenate([self.num_bought_B, change_Q])
        found, place = np.unique(pair, return_inverse=True)
        num = np.bincount(place, change, len(found)).astype(np.int32)
        return replace(self, bought_B=found, num_bought_B=num)

    def with_day(
        self, *, shown: np.ndarray, acted: np.ndarray, hidden: np.ndarray, clicks: Clicks
    ) -> "Ledger":
        """Put one more day in front, and forget the oldest."""
        return replace(
            self,
            shown=(distinct(shown), *self.shown)[:NUM_DAYS],
            acted=(distinct(acted), *self.acted)[:NUM_DAYS],
            hidden_B=distinct(np.concatenate([self.hidden_B, hidden])),
            clicks=(clicks, *self.clicks)[:NUM_DAYS],
        )
