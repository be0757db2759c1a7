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
from etl.features.eligibility import eligible
from etl.features.evenings import (
    Evenings,
    counted_days,
    day_column,
    days_since,
    evening_us,
    instant_column,
    instants,
)
from etl.features.fold import NEVER
from etl.features.windows import Recent, or_null

WORDS: Final = ("item_type", "item_id", "category", "brand", "seller_id", "host_id", "title")
"""What is said of an item in words."""
_IDS: Final = pa.list_(pa.string())
_KEPT: Final = (
    "impression",
    "click",
    "cart",
    "order",
    "cancel",
    "watch",
    "like",
    "hide",
    "watch_ms",
    "examined",
)


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
    """``WORDS``, product_ids, price_cents, duration_ms, is_sold_out, first_day: what was known
    before, S, and with each event, E."""
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

    def has(self, name: str) -> bool:
        """Whether the log says it of any of the items."""
        column = self.described.column(name)
        return column.null_count < len(column)

    def said(self, name: str) -> pa.Array:
        """A column of ``described`` for each row's item: R."""
        column = self.described.column(name).combine_chunks()
        if not self.has(name):
            return pa.nulls(len(self.said_R), column.type)
        return column.take(pa.array(self.said_R))

    def watched(self) -> tuple[np.ndarray, np.ndarray]:
        """Time watched in 28 days, and what as many whole watches would be.

        Both int64 ms, R, 0 where the item's length is not known.
        """
        if not self.has("duration_ms"):
            return (np.zeros(len(self.said_R), np.int64),) * 2
        duration_ms = self.said("duration_ms").fill_null(0).to_numpy()
        watched_ms = np.where(duration_ms > 0, self.recent.total("watch_ms", 28), 0)
        return watched_ms, self.recent.total("watch", 28) * duration_ms


def _descriptions(state: pa.Table, events: pa.Table) -> pa.Table:
    evening = state.column("arrival_date").cast(pa.int32())
    old = {
        "price_cents": state.column("price_cents").cast(pa.int64()),
        "duration_ms": state.column("duration_ms").cast(pa.int64()),
        "product_ids": state.column("product_ids").cast(_IDS),
        "is_sold_out": state.column("is_sold_out"),
        "first_day": pc.subtract(evening, state.column("age_days").cast(pa.int32())),
    }
    new = {
        "price_cents": events.column("price_cents"),
        "duration_ms": events.column("duration_ms"),
        "product_ids": events.column("product_ids").cast(_IDS),
        "is_sold_out": pc.fill_null(pc.equal(events.column("stock"), 0), False),
        "first_day": events.column("first_arrival_date").cast(pa.int32()),
    }
    parts = [
        pa.table(own | {name: rows.column(name).cast(pa.string()) for name in WORDS})
        for own, rows in ((old, state), (new, events))
    ]
    return pa.concat_tables(parts).combine_chunks()


def known(items: Items) -> dict[str, pa.Array]:
    """What is said of each row's item, and when it was last heard of."""
    rows = items.evenings
    at = instants(items.events, "event_at")
    event_type = items.events.column("event_type")
    ends = evening_us(rows.day_R)

    def last(name: str, *types: str) -> np.ndarray:
        is_of = (
            pc.is_in(event_type, pa.array(types)).to_numpy() if types else np.ones(len(at), bool)
        )
        return rows.latest(np.where(is_of, at, NEVER), instants(items.state, f"last_{name}_at"))

    lasts = {
        "event": last("event"),
        "click": last("click", "view", "click"),
        "order": last("order", "order"),
    }
    columns = {name: items.said(name) for name in (*WORDS, "product_ids", "is_sold_out")}
    is_eligible = eligible(pa.table(columns), day_R=rows.day_R, last_event_us_R=lasts["event"])
    columns |= {f"last_{name}_at": instant_column(at) for name, at in lasts.items()}
    age_days = (rows.day_R - items.said("first_day").to_numpy()).astype(np.float64)
    return columns | {
        "arrival_date": day_column(rows.day_R),
        "item_no": pa.array(items.item_no_K[rows.key_R]),
        "is_eligible": pa.array(is_eligible),
        "recent": items.recent.column(),
        "age_days": pa.array(age_days),
        "price_cents": items.said("price_cents").cast(pa.float64()),
        "duration_ms": items.said("duration_ms").cast(pa.float64()),
        "days_since_click": or_null(days_since(lasts["click"], ends)),
        "days_since_order": or_null(days_since(lasts["order"], ends)),
    }
