"""What a night knows of items: their evenings, their recent counts, and how they are described.

How features are made of it stands in ``item_daily``.

Shapes: S items known the day before, E events, K items, R rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.days import Days
from etl.features.evenings import Evenings, counted_days, instants
from etl.features.windows import Recent

WORDS: Final = ("item_type", "item_id", "category", "brand", "seller_id")
"""What is said of an item in words."""
_KEPT: Final = ("impression", "click", "cart", "order", "cancel", "like", "hide", "watch_ms")


@dataclass(frozen=True, slots=True)
class Items:
    """The rows of some items on some evenings."""

    events: pa.Table
    """By arrival day, E."""
    state: pa.Table
    """Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before, S."""
    item_no_K: np.ndarray
    evenings: Evenings
    recent: Recent
    described: pa.Table
    """``WORDS``, price_cents, is_sold_out, first_day: what was known before, S, and with each
    event, E."""
    said_R: np.ndarray
    """Which row of ``described`` is the newest."""

    @classmethod
    def of(cls, events: pa.Table, state: pa.Table, days: Days) -> "Items":
        """Lay out the rows of ``days``.

        Args:
            events: Events that are counted on ``days``, with their items as of arrival.
            state: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before.
            days: The days to make.
        """
        events = events.sort_by("arrival_date")
        numbers = [rows.column("item_no").to_numpy() for rows in (events, state)]
        item_no_K = np.unique(np.concatenate(numbers))
        key_E, key_S = (np.searchsorted(item_no_K, n) for n in numbers)
        evenings = Evenings.of(
            days,
            key_E=key_E,
            counted_day_E=counted_days(events),
            at_E=instants(events, "event_at"),
            key_S=key_S,
            last_S=instants(state, "last_event_at"),
            num_keys=len(item_no_K),
        )
        # All events of an item and arrival day describe it alike: any of the latest will do.
        place_S, place_E = np.split(np.arange(len(key_S) + len(key_E)), [len(key_S)])
        return cls(
            events=events,
            state=state,
            item_no_K=item_no_K,
            evenings=evenings,
            recent=Recent.of(events, state, evenings, kept=_KEPT),
            described=_descriptions(state, events),
            said_R=evenings.latest(place_E, place_S),
        )

    @property
    def said(self) -> pa.Table:
        """The description of each row's item: R."""
        return self.described.take(pa.array(self.said_R))


def _descriptions(state: pa.Table, events: pa.Table) -> pa.Table:
    evening = state.column("arrival_date").cast(pa.int32())
    old = {
        "price_cents": state.column("price_cents").cast(pa.int64()),
        "is_sold_out": state.column("is_sold_out"),
        "first_day": pc.subtract(evening, state.column("age_days").cast(pa.int32())),
    }
    new = {
        "price_cents": events.column("price_cents"),
        "is_sold_out": pc.fill_null(pc.equal(events.column("stock"), 0), False),
        "first_day": events.column("first_arrival_date").cast(pa.int32()),
    }
    parts = [
        pa.table(own | {name: rows.column(name).cast(pa.string()) for name in WORDS})
        for own, rows in ((old, state), (new, events))
    ]
    return pa.concat_tables(parts).combine_chunks()
