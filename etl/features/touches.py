"""Events of users with items, with what was known of the item when they arrived."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables.user_states import EVENT_CODES

MAX_PER_DAY: Final = 2_000
"""Events of one user that one arrival day adds to his histories: the latest. A bot is capped."""


LOOK_CODE: Final = 0
"""Beside the codes of events: what a user was shown (``etl.features.looks``)."""


def left_out(events: DataFrame) -> DataFrame:
    """Count what is in no history because one user did too much on one arrival day.

    Args:
        events: Rows of ``tables.SILVER_EVENTS``.

    Returns:
        One row: num_users, num_events.
    """
    by_user = _of_users(events).groupBy("arrival_date", "user_id").agg(F.count("*").alias("num"))
    over = by_user.where(F.col("num") > MAX_PER_DAY)
    return over.agg(
        F.count_distinct("user_id").alias("num_users"),
        F.coalesce(F.sum(F.col("num") - MAX_PER_DAY), F.lit(0)).alias("num_events"),
    )


def users_of(events: DataFrame) -> DataFrame:
    """List whom ``touches`` are of, as often as they did something: user_id, and some besides."""
    return _of_users(events).select("user_id")


def _of_users(events: DataFrame) -> DataFrame:
    return events.where(F.col("user_id").isNotNull() & F.col("event_type").isin(*EVENT_CODES))


def touches(events: DataFrame, items: DataFrame) -> DataFrame:
    """Join what users did with the items, numbered and described as of the arrival day.

    Args:
        events: Rows of ``tables.SILVER_EVENTS``.
        items: Rows of ``tables.SILVER_ITEMS`` of the same days: an item touched on a day has a
            row of that day.

    Returns:
        arrival_date, user_id, event_at, event_id, source, event_code, item_no, price_cents (the
        event's, else the item's), watch_ms, category, brand, seller_id, host_id.
    """
    code = F.lit(None).cast("byte")
    for name, number in EVENT_CODES.items():
        code = F.when(F.col("event_type") == name, F.lit(number).cast("byte")).otherwise(code)
    of_users = _of_users(events)
    known = items.select(
        "arrival_date",
        "item_type",
        "item_id",
        "item_no",
        F.col("category").alias("item_category"),
        F.col("brand").alias("item_brand"),
        F.col("seller_id").alias("item_seller_id"),
        F.col("host_id").alias("item_host_id"),
        F.col("price_cents").alias("item_price_cents"),
    )
    joined = of_users.join(known, ["arrival_date", "item_type", "item_id"])
    return joined.select(
        "arrival_date",
        "user_id",
        "event_at",
        "event_id",
        "source",
        code.alias("event_code"),
        "item_no",
        F.coalesce("price_cents", "item_price_cents").alias("price_cents"),
        "watch_ms",
        F.col("item_category").alias("category"),
        F.col("item_brand").alias("brand"),
        F.col("item_seller_id").alias("seller_id"),
        F.col("item_host_id").alias("host_id"),
    )
