"""What may stand in a slate: the one rule of sources, fallbacks, slates and reports.

Nothing that is sold out; a live slot only on its own day of the week, and only while its host is
heard of: a slot that was last heard of two weeks ago has ended.

Shapes: R rows.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import live_slots, surfaces
from etl.arrow import weekdays_of_epoch
from etl.features.user_history import DAY_US

SLOT_ALIVE_DAYS: Final = 14


def eligible(items: pa.Table, *, day_R: np.ndarray, last_event_us_R: np.ndarray) -> np.ndarray:
    """Tell which items may stand in the slates of the day after an evening.

    Args:
        items: item_type, item_id, is_sold_out of R items.
        day_R: int64, the evening's day, as Arrow numbers it.
        last_event_us_R: int64 microseconds, the latest event known of each.

    Returns:
        bool, R.
    """
    may = ~items.column("is_sold_out").to_numpy().astype(bool)
    is_slot = pc.equal(items.column("item_type"), surfaces.LIVE_STREAMS.item_type)
    slot = np.flatnonzero(is_slot)
    names = items.column("item_id").take(pa.array(slot)).combine_chunks()
    weekday = live_slots.weekdays_of(names).fill_null(-1).to_numpy()
    evening_us = (day_R[slot] + 1) * DAY_US
    is_tomorrow = weekday == weekdays_of_epoch(day_R[slot] + 1)
    is_alive = last_event_us_R[slot] >= evening_us - SLOT_ALIVE_DAYS * DAY_US
    may[slot] &= is_tomorrow & is_alive
    return may
