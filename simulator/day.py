"""What one day of the shop holds before it is written down: columns, no strings but free texts.

The behaviour makes it, the line writer and the truth read it. Everything is in the order of time.

Shapes: E events, R requests, I impressions (grouped by request, in the order shown).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

EVENT_TYPES: Final = (
    "impression",
    "click",
    "cart",
    "order",
    "cancel",
    "watch",
    "like",
    "hide",
    "follow",
    "search",
    "comment",
    "item",
    "personalisation_off",
)
"""Codes of ``Day.type_E`` are places here."""
NONE: Final = -1
"""Where there is no user, item, room, request, position, price, text or cause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Requests:
    """R answered requests with the I items that they showed."""

    event_R: np.ndarray
    """int64: its place among the day's events (of type impression)."""
    surface_R: np.ndarray
    """int8: place in ``etl.surfaces.ALL``."""
    first_position_R: np.ndarray
    """int32: place of the first item shown, 0 for the slate's first."""
    start_R: np.ndarray
    """int64, R + 1: request r shows the impressions start_R[r] … start_R[r + 1]."""
    item_I: np.ndarray
    """int32: the item, in the world's one numbering of products, videos and slots."""
    room_I: np.ndarray
    """int32: the live room, ``NONE`` for anything but live slots."""
    propensity_I: np.ndarray
    """float64, (0, 1]: given the earlier positions of the slate."""
    is_published_R: np.ndarray
    """bool: filled from the current publication, not by the shop's old policy."""
    is_examined_I: np.ndarray
    """bool: the user looked at it. Truth only, never written into a line."""
    attraction_I: np.ndarray
    """float64: p(click | examined) at that moment. Truth only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One day's events, ordered by time; ties in the order they were made."""

    date: date
    at_us_E: np.ndarray
    """int64: UTC, microseconds of the epoch, a multiple of 1,000; within the day."""
    type_E: np.ndarray
    """int8: place in ``EVENT_TYPES``."""
    user_E: np.ndarray
    """int32: ``NONE`` for catalogue lines."""
    session_E: np.ndarray
    """int64: unique over all days; ``NONE`` where none."""
    surface_E: np.ndarray
    """int8: place in ``etl.surfaces.ALL``; ``NONE`` where the event has none."""
    request_E: np.ndarray
    """int64: the day's request that it is (impressions) or that it followed; ``NONE`` if organic,
    or if the request is of an earlier day (then ``cause_*`` says which)."""
    position_E: np.ndarray
    """int32: place in the slate that it followed; ``NONE`` if organic."""
    item_E: np.ndarray
    """int32: the item; ``NONE`` for searches, follows, requests and opting out."""
    room_E: np.ndarray
    """int32: the live room of events on live slots; ``NONE`` elsewhere."""
    host_E: np.ndarray
    """int32: of follows; ``NONE`` elsewhere."""
    price_cents_E: np.ndarray
    """int64: of carts, orders, cancels; of catalogue lines the new price; ``NONE`` elsewhere."""
    stock_E: np.ndarray
    """int64: of catalogue lines; ``NONE`` elsewhere."""
    quantity_E: np.ndarray
    """int32: of carts, orders, cancels; ``NONE`` elsewhere."""
    watch_ms_E: np.ndarray
    """int64: of watches; ``NONE`` elsewhere."""
    text_E: pa.StringArray
    """Query of searches, words of comments; null elsewhere."""
    is_new_item_E: np.ndarray
    """bool: a catalogue line that says all of an item, not only price and stock."""
    cause_day_E: np.ndarray
    """int32: days of the epoch of the request that caused it; ``NONE`` if organic. Truth only."""
    cause_request_E: np.ndarray
    """int64: that request's number on its day. Truth only."""
    requests: Requests

    def __len__(self) -> int:
        return len(self.at_us_E)
