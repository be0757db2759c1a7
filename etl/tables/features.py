"""Features: what is known of users, items and their pairs at the end of a day."""

from typing import Final

from pyspark.sql.types import (
    ArrayType,
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

RECENT_CODES: Final = {
    "impression": 1,
    "click": 2,
    "cart": 3,
    "order": 4,
    "cancel": 5,
    "like": 6,
    "hide": 7,
    "watch_ms": 8,
    "watch": 10,
    "hours": 11,
    "examined": 12,
}
"""How the column ``recent`` writes what it counts; a view counts as a click, a code is never given
twice."""


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
        required(
            "code",
            ByteType(),
            f"what is counted: {_RECENT_SAID} (hours of users, examined of items alone)",
        ),
        required(
            "number",
            LongType(),
            "how many, for watch_ms how long in ms, for hours the sum of 2^h over the UTC hours h "
            "with an event, for examined impressions in millionths as features/positions weighs "
            "their places; > 0",
        ),
    ),
    f"what happened on each of the last {HISTORY_DAYS} event days, ordered by event_date, code; "
    "nothing is 0",
)
"""The state that the next night's windows are counted from."""

USER_DAILY: Final = Table(
    path="features/user_daily",
    purpose="What rankers, sources and segments know of a user in numbers.",
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
        required(
            "active_hours",
            ArrayType(ByteType()),
            f"24 numbers, for UTC hours 0 … 23: on how many of the last {HISTORY_DAYS} event days "
            "he had an event in that hour",
        ),
        required(
            "followed_hosts",
            array_of(
                required("host_id", StringType(), "the host"),
                required("followed_at", TimestampType(), "latest follow, UTC"),
            ),
            "whom he follows, latest first, ties by host_id, at most 200",
        ),
        required(
            "query_words",
            array_of(
                required("word", StringType(), "a word of etl.features.texts"),
                required("searched_date", DateType(), "latest event day on which he searched it"),
            ),
            "what he searched for in the last 7 event days, latest first, ties by word, at most 50",
        ),
        _RECENT,
        *_feature_columns(dictionary.USER),
        partition=AS_KNOWN,
    ),
)

ITEM_DAILY: Final = Table(
    path="features/item_daily",
    purpose="What rankers, sources and slates know of an item, and whether it may be shown on the "
    "next day.",
    grain="one item with an event in the last 90 days, as known at the end of the day",
    key=("item_no",),
    schema=columns(
        ITEM_NO,
        required("item_type", StringType(), "product, live_slot or short_video"),
        required("item_id", StringType(), "the item, as the log names it"),
        optional("category", StringType(), "category path, levels parted by a dot"),
        optional("brand", StringType(), "the item's brand"),
        optional("seller_id", StringType(), "who sells it"),
        optional("host_id", StringType(), "who hosts the live slot or video"),
        optional("title", StringType(), "the item's title"),
        optional("product_ids", ArrayType(StringType()), "products attached to it, as sent"),
        required("is_sold_out", BooleanType(), "the log says that no piece is left"),
        required(
            "is_eligible",
            BooleanType(),
            "may stand in the next day's slates: not sold out; a live slot only if it is of that "
            "day's weekday and was heard of in the last 14 days",
        ),
        required("last_event_at", TimestampType(), "latest event we know of, UTC"),
        optional("last_click_at", TimestampType(), "latest click or view, UTC"),
        optional("last_order_at", TimestampType(), "latest order, UTC"),
        _RECENT,
        *_feature_columns(dictionary.ITEM),
        partition=AS_KNOWN,
    ),
)

POSITIONS: Final = Table(
    path="features/positions",
    purpose="How much a place counts: an item that was listed where nobody looks has not been "
    "refused.",
    grain="one place of a surface and how often it is looked at, as known at the end of the day",
    key=("surface", "position"),
    schema=columns(
        required("surface", StringType(), "the surface"),
        required("position", IntegerType(), "0 for the first place; none is left out"),
        required(
            "examination",
            DoubleType(),
            "how often it is looked at beside the first place, in (0, 1], never rising by place",
        ),
        *(
            required(name, DoubleType(), f"{what}, halved every 14 days, >= 0")
            for name, what in (
                ("num_impressions", "impressions"),
                ("num_clicks", "of them clicked by the day they arrived"),
                ("num_chance_impressions", "impressions of a propensity below 0.5"),
                ("num_chance_clicks", "of those clicked by the day they arrived"),
            )
        ),
        partition=AS_KNOWN,
    ),
)

PANEL: Final = Table(
    path="features/panel",
    purpose="A sample of users, of whom items' appeal is learned at the same cost however many "
    "users there are.",
    grain="one user of the panel: what he looked at and clicked on the surfaces, by arrival day",
    key=("user_id",),
    schema=columns(
        USER_ID,
        required(
            "items",
            array_of(
                ITEM_NO,
                required(
                    "examined",
                    LongType(),
                    "impressions of it, in millionths as features/positions weighs their places",
                ),
                required(
                    "num_clicks",
                    IntegerType(),
                    "impressions of it whose click or view became known on the day",
                ),
            ),
            "ordered by item_no",
        ),
    ),
)

ITEM_APPEAL: Final = Table(
    path="features/item_appeal",
    purpose="Tells a good item from a poor one that is shown to those who love its kind.",
    grain="one item and how often it is clicked where a usual user looks at it, as known at the "
    "end of the day",
    key=("item_no",),
    schema=columns(
        ITEM_NO,
        required(
            "appeal",
            DoubleType(),
            "its clicks to those that its lookers' tastes would have brought, > 0; 1 is its "
            "surface's usual item",
        ),
        required(
            "appeal_click_rate",
            DoubleType(),
            "appeal times the surface's click rate: clicks per look of a usual user, > 0",
        ),
        required(
            "appeal_expected",
            DoubleType(),
            "clicks that its lookers' tastes would have brought in 28 days, >= 0: how well appeal "
            "is known",
        ),
        partition=AS_KNOWN,
    ),
)
