"""Features: what is known of users, items and their pairs at the end of a day."""

from typing import Final

from pyspark.sql.types import (
    BooleanType,
    ByteType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    TimestampType,
)

from etl.features import dictionary
from etl.features.dictionary import HISTORY_DAYS, Feature
from etl.tables.schema import ITEM_NO, USER_ID, Table, array_of, columns, optional, required

AS_KNOWN: Final = "the day at whose end this was known; it serves the next"

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

RECENT_CODES: Final = {
    "impression": 1,
    "click": 2,
    "cart": 3,
    "order": 4,
    "cancel": 5,
    "like": 6,
    "hide": 7,
    "watch_ms": 8,
    "event": 9,
}
"""How the column ``recent`` writes what it counts; a view counts as a click."""

_CODES_SAID: Final = ", ".join(f"{code} {name}" for name, code in EVENT_CODES.items())


def _feature_columns(features: tuple[Feature, ...]) -> list[StructField]:
    return [
        optional(f.name, IntegerType() if f.is_integer else DoubleType(), f.comment)
        for f in features
    ]


_RECENT_SAID: Final = ", ".join(f"{code} {name}" for name, code in RECENT_CODES.items())

_RECENT: Final = required(
    "recent",
    array_of(
        required("event_date", DateType(), f"day it happened, of the last {HISTORY_DAYS}"),
        required("code", ByteType(), f"what is counted: {_RECENT_SAID} (of users only)"),
        required("number", LongType(), "how many, for watch_ms how long in ms, > 0"),
    ),
    f"what happened on each of the last {HISTORY_DAYS} event days, ordered by event_date, code; "
    "nothing is 0",
)
"""The state that the next night's windows are counted from."""

USER_DAILY: Final = Table(
    path="features/user_daily",
    grain="one user with an event in the last 90 days, as known at the end of the day",
    key=("user_id",),
    schema=columns(
        USER_ID,
        required("first_event_at", TimestampType(), "earliest event we know of, UTC"),
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        optional("last_order_at", TimestampType(), "latest order we know of, UTC"),
        required("is_personalisation_off", BooleanType(), "the user opted out"),
        optional("personalisation_at", TimestampType(), "event time of his last say on it, UTC"),
        optional("country", StringType(), "of his latest event that has one"),
        optional("platform", StringType(), "of his latest event that has one"),
        optional("language", StringType(), "of his latest event that has one"),
        optional("country_at", TimestampType(), "event time of that event, UTC"),
        optional("platform_at", TimestampType(), "event time of that event, UTC"),
        optional("language_at", TimestampType(), "event time of that event, UTC"),
        required("sum_price_cents", LongType(), "cents, over all priced clicks, carts, orders"),
        required("num_priced", LongType(), "how many events sum_price_cents adds up"),
        _RECENT,
        *_feature_columns(dictionary.USER),
        partition=AS_KNOWN,
    ),
)

ITEM_DAILY: Final = Table(
    path="features/item_daily",
    grain="one item with an event in the last 90 days, as known at the end of the day",
    key=("item_no",),
    schema=columns(
        ITEM_NO,
        required("item_type", StringType(), "product, live_slot or short_video"),
        required("item_id", StringType(), "the item, as the log names it"),
        optional("category", StringType(), "category path, levels parted by a dot"),
        optional("brand", StringType(), "the item's brand"),
        optional("seller_id", StringType(), "who sells it"),
        required("is_sold_out", BooleanType(), "the log says that no piece is left"),
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        optional("last_click_at", TimestampType(), "latest click or view, UTC"),
        optional("last_order_at", TimestampType(), "latest order, UTC"),
        _RECENT,
        *_feature_columns(dictionary.ITEM),
        partition=AS_KNOWN,
    ),
)


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


def _group(name: str, what: str) -> StructField:
    return required(
        what,
        array_of(
            required(name, StringType(), f"the {name}"),
            required("num_clicks", IntegerType(), "clicks and views so far"),
            required("num_orders", IntegerType(), "orders so far"),
            required("last_event_at", TimestampType(), "latest event, UTC"),
            *_affinity(),
            *_slow_and_fast(),
        ),
        f"his {what}, ordered by name, those of the 1,000 latest",
    )


USER_PAIRS: Final = Table(
    path="features/user_pairs",
    grain="one user with his history by item, category, brand and seller",
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
                optional("last_click_at", TimestampType(), "latest click or view, UTC"),
                optional("last_cart_at", TimestampType(), "latest cart, UTC"),
                optional("last_order_at", TimestampType(), "latest order, UTC"),
                *_affinity(),
            ),
            "his items, ordered by item_no, those of the 2,000 latest and all he ordered or hid",
        ),
        _group("category", "categories"),
        _group("brand", "brands"),
        _group("seller_id", "sellers"),
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
