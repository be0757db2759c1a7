"""Makes silver/items: what is known of the items of each day, and every 7th day of all.

A value is the newest that any event gave, by event time; a late event that is older than what is
known changes nothing. An item's number is given once, on the day it is first heard of, and is kept.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from etl.days import Days, is_full
from etl.live_slots import host_column
from etl.silver.impressions import shown_type
from etl.surfaces import LIVE_STREAMS
from etl.tables import SILVER_ITEMS
from etl.tables.silver import CATALOGUE_COLUMNS

_ITEM = ("item_type", "item_id")


def build(events: DataFrame, *, before: DataFrame, days: Days, first_day: date) -> DataFrame:
    """Bring what is known of each item up to the end of each of ``days``.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived on ``days``.
        before: Rows of ``tables.SILVER_ITEMS`` as of the day before, one per item.
        days: The days to make.
        first_day: The lake's first day, from which full partitions are counted.

    Returns:
        Rows of ``tables.SILVER_ITEMS``.
    """
    touched = _touched(events)
    known = before.select(
        "arrival_date", *_ITEM, *(_dated_before(name) for name in CATALOGUE_COLUMNS)
    )
    walked = _newest_so_far(touched.unionByName(known))
    snapshots = _shown_days(walked, days, first_day)
    return snapshots.join(_numbers(touched, before), [*_ITEM]).select(SILVER_ITEMS.column_names)


def _touched(events: DataFrame) -> DataFrame:
    """One row per item and arrival day: of each column the day's newest value with its time."""
    named = events.where(F.col("item_id").isNotNull())
    columns = ("arrival_date", *_ITEM, "event_at", "event_id", "event_type", *CATALOGUE_COLUMNS)
    every = named.select(*columns).unionByName(_of_slates(events), allowMissingColumns=True)
    every = every.withColumns({"price_cents": _price(), "host_id": _host()})
    newest = [_dated(F.max(_at(name))).alias(name) for name in CATALOGUE_COLUMNS]
    return every.groupBy("arrival_date", *_ITEM).agg(*newest)


def _of_slates(events: DataFrame) -> DataFrame:
    """One row per item shown and arrival day, with the newest time: slates say no more of it."""
    shown = events.where(F.col("shown").isNotNull())
    each = shown.select(
        "arrival_date",
        shown_type().alias("item_type"),
        F.explode("shown.item_id").alias("item_id"),
        "event_at",
    )
    return each.groupBy("arrival_date", *_ITEM).agg(F.max("event_at").alias("event_at"))


def _price() -> Column:
    """The price of an item; a cancel repeats what was paid for it once."""
    return F.when(F.col("event_type") != "cancel", F.col("price_cents"))


def _host() -> Column:
    """Who hosts an item: of a live slot its name says it."""
    is_slot = F.col("item_type") == LIVE_STREAMS.item_type
    return F.coalesce(F.when(is_slot, host_column(F.col("item_id"))), "host_id")


def _at(name: str) -> Column:
    """A value with what decides between two of them; null where there is none."""
    said = F.struct("event_at", "arrival_date", "event_id", F.col(name).alias("value"))
    return F.when(F.col(name).isNotNull(), said)


def _dated(newest: Column) -> Column:
    return F.when(
        newest.isNotNull(),
        F.struct(newest["event_at"], newest["arrival_date"], newest["value"]),
    )


def _dated_before(name: str) -> Column:
    value = F.struct(
        F.col(f"known_at.{name}").alias("event_at"),
        F.col("arrival_date"),
        F.col(name).alias("value"),
    )
    return F.when(F.col(name).isNotNull(), value).alias(name)


def _newest_so_far(touched: DataFrame) -> DataFrame:
    so_far = (
        Window.partitionBy(*_ITEM)
        .orderBy("arrival_date")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    newest = [F.max(name).over(so_far).alias(name) for name in CATALOGUE_COLUMNS]
    return touched.select("arrival_date", *_ITEM, *newest)


def _shown_days(walked: DataFrame, days: Days, first_day: date) -> DataFrame:
    """Show what was known after each touch on its own day, and on full days until the next."""
    of_item = Window.partitionBy(*_ITEM).orderBy("arrival_date")
    until = F.coalesce(F.date_sub(F.lead("arrival_date").over(of_item), 1), F.lit(days.last))
    full = F.array(*(F.lit(day) for day in days if is_full(day, first_day))).cast("array<date>")
    while_known = F.filter(full, lambda day: day.between(F.col("arrival_date"), F.col("until")))
    own = F.filter(F.array("arrival_date"), lambda day: day.between(days.first, days.last))
    shown = F.explode(F.array_union(own, while_known)).alias("day")
    columns = [F.col(f"{name}.value").alias(name) for name in CATALOGUE_COLUMNS]
    times = F.struct(*(F.col(f"{name}.event_at").alias(name) for name in CATALOGUE_COLUMNS))
    dated = walked.withColumn("until", until)
    rows = dated.select(shown, *_ITEM, *columns, times.alias("known_at"))
    return rows.withColumnRenamed("day", "arrival_date")


def _numbers(touched: DataFrame, before: DataFrame) -> DataFrame:
    """Number the items: the known keep theirs, the new follow by first day, type and id."""
    kept = before.select(*_ITEM, "item_no", "first_arrival_date")
    first = F.min("arrival_date").alias("first_arrival_date")
    new = touched.groupBy(*_ITEM).agg(first).join(kept, [*_ITEM], "left_anti")
    next_no = kept.agg(F.coalesce(F.max("item_no") + 1, F.lit(0)).alias("next_no"))
    place = F.row_number().over(Window.orderBy("first_arrival_date", *_ITEM)) - 1
    numbered = new.withColumn("place", place).crossJoin(F.broadcast(next_no))
    number = (F.col("next_no") + F.col("place")).cast("int").alias("item_no")
    return kept.unionByName(numbered.select(*_ITEM, number, "first_arrival_date"))
