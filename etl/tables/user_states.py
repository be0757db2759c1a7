"""Features that are states of a user: what he has to do with items, his history, his interests."""

from typing import Final

from pyspark.sql.types import (
    ByteType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    TimestampType,
)

from etl.tables.features import AS_KNOWN
from etl.tables.schema import ITEM_NO, USER_ID, Table, array_of, columns, optional, required

EVENT_CODES: Final = {
    "view": 1,
    "click": 2,
    "cart": 3,
    "order": 4,
    "cancel": 5,
    "watch": 6,
    "like": 7,
    "hide": 8,
}
"""How arrays of histories write event types."""

_CODES_SAID: Final = ", ".join(f"{code} {name}" for name, code in EVENT_CODES.items())


def _affinity() -> tuple[StructField, ...]:
    return (
        required(
            "affinity",
            DoubleType(),
            "weighted events, halved every 7 days up to affinity_at, "
            "folded in order of arrival day, event time, event id",
        ),
        required(
            "affinity_at", TimestampType(), "instant to which affinity is decayed: latest event"
        ),
    )


def _slow_and_fast() -> tuple[StructField, ...]:
    return tuple(
        required(f"{name}_affinity", DoubleType(), f"as affinity, halved every {days} days")
        for name, days in (("short_term", 2), ("long_term", 30))
    )


def _group(name: str, what: str, *more: StructField) -> StructField:
    return required(
        what,
        array_of(
            required(name, StringType(), f"the {name}"),
            required("num_clicks", IntegerType(), "clicks and views so far"),
            required("num_orders", IntegerType(), "orders so far"),
            optional(
                "last_event_at", TimestampType(), "latest event, UTC; null if only shown to him"
            ),
            *_affinity(),
            *_slow_and_fast(),
            *more,
        ),
        f"his {what}, ordered by name, those of the 1,000 latest",
    )


USER_PAIRS: Final = Table(
    path="features/user_pairs",
    purpose="What a user has to do with single items and their groups: who is fond of what, what "
    "was bought or hidden.",
    grain="one user with his history by item, category, brand, seller and host",
    key=("user_id",),
    schema=columns(
        USER_ID,
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        required(
            "items",
            array_of(
                ITEM_NO,
                required("num_clicks", IntegerType(), "clicks and views so far"),
                required("num_carts", IntegerType(), "carts so far"),
                required("num_orders", IntegerType(), "orders less cancels so far, >= 0"),
                required("num_hides", IntegerType(), "hides so far"),
                required("watch_ms", LongType(), "time watched so far, ms"),
                optional("last_click_at", TimestampType(), "latest click or view, UTC"),
                optional("last_cart_at", TimestampType(), "latest cart, UTC"),
                optional("last_order_at", TimestampType(), "latest order, UTC"),
                optional("last_watch_at", TimestampType(), "latest watch, UTC"),
                *_affinity(),
            ),
            "his items, ordered by item_no, those of the 2,000 latest and all he ordered or hid; "
            "of one arrival day his 2,000 latest events count, here and for his groups",
        ),
        _group(
            "category",
            "categories",
            required(
                "examined",
                LongType(),
                "items of it shown to him so far, in millionths as features/positions weighs their "
                "places",
            ),
            required(
                "expected",
                LongType(),
                "clicks that a usual user's looks at these items would have brought, in millionths "
                "as features/item_appeal rates them on the days they arrived",
            ),
        ),
        _group("brand", "brands"),
        _group("seller_id", "sellers"),
        _group("host_id", "hosts"),
        partition=AS_KNOWN,
    ),
    is_touched_only=True,
)

_HISTORY_ENTRY: Final = array_of(
    required("event_at", TimestampType(), "UTC instant by the app's clock"),
    required("event_code", ByteType(), _CODES_SAID),
    ITEM_NO,
    optional("price_cents", LongType(), "price at the event, cents"),
    required("entry_arrival_date", DateType(), "day on which the event arrived"),
    required("event_id", StringType(), "breaks ties of event_at"),
)

USER_HISTORY: Final = Table(
    path="features/user_history",
    purpose="What a user did in its order, for sources and rankers that learn from sequences.",
    grain="one user's events in order of event time, then event id",
    key=("user_id",),
    schema=columns(
        USER_ID,
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        required("num_events", LongType(), "events so far, those no longer kept included"),
        required("short", _HISTORY_ENTRY, "the 50 latest"),
        required(
            "long",
            _HISTORY_ENTRY,
            "the 1,000 latest and all that arrived in 28 days; one day adds at most his 2,000 "
            "latest",
        ),
        partition=AS_KNOWN,
    ),
    is_touched_only=True,
)

_INTEREST: Final = array_of(
    required("category", StringType(), "category path"),
    required("strength", DoubleType(), "share of his weighted, decayed events, in (0, 1]"),
    required("num_events", IntegerType(), "events it rests on"),
)

USER_INTERESTS: Final = Table(
    path="features/user_interests",
    purpose="What a user is interested in, lately and in the long run, as shares of his "
    "categories: for people and analyses.",
    grain="one user's interests with their strengths",
    key=("user_id",),
    schema=columns(
        USER_ID,
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        required("short_term", _INTEREST, "halved every 2 days, strongest first, at most 10"),
        required("long_term", _INTEREST, "halved every 30 days, strongest first, at most 20"),
        partition=AS_KNOWN,
    ),
    is_touched_only=True,
)
