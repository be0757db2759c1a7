"""Makes features/item_daily: each item of the last 90 days as known at the end of the day.

Counts and recencies are walked item by item; what an item owes to its category, brand and seller
is added up afterwards over the evening's snapshot.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from etl.arrow import arrow_schema
from etl.days import Days
from etl.features import dictionary, windows
from etl.features.buckets import walk
from etl.features.daily import (
    BY_DAY,
    Arrived,
    alive,
    by_day_lists,
    count_into,
    days_since,
    instant_column,
    instants,
    walk_days,
)
from etl.features.windows import Windows, or_null
from etl.tables import FEATURES_ITEM_DAILY

_KINDS: Final = ("impression", "click", "cart", "order")
_WORDS: Final = ("item_type", "item_id", "category", "brand", "seller_id")
_CATALOGUE: Final = (*_WORDS, "price_cents", "stock")
_LATER: Final = tuple(
    name
    for name in dictionary.names(dictionary.ITEM)
    if name.endswith("_rate_28d") or name.startswith(("category_", "brand_", "seller_"))
) + ("price_to_category_ratio",)
"""Features that need the evening's other items."""
_GROUPS: Final = {"category": "category", "brand": "brand", "seller": "seller_id"}
_SUMMED: Final = (
    "num_impressions_28d",
    "num_clicks_1d",
    "num_clicks_7d",
    "num_clicks_28d",
    "num_carts_28d",
    "num_orders_28d",
    "num_hides_28d",
    "num_cancels_28d",
    "price_sum_cents",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemDailyConfig:
    """How few observations are trusted."""

    prior_impressions: float = 100.0
    """Impressions at the category's rate added to an item's own before its rate is taken."""
    prior_clicks: float = 30.0
    """Clicks at the category's rate added to an item's own before its rates are taken."""
    prior_orders: float = 10.0
    """Orders at the category's rate added to an item's own before its cancel rate is taken."""
    num_buckets: int = 4
    """Groups of items in memory one at a time; no row depends on it."""


def build(
    events: DataFrame, *, items: DataFrame, before: DataFrame, days: Days, config: ItemDailyConfig
) -> DataFrame:
    """Bring every alive item up to the end of each of ``days``.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived from the day before ``days`` on: an
            event stamped on the day after its arrival is counted then.
        items: Rows of ``tables.SILVER_ITEMS`` of the same days.
        before: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before; none on the first day.
        days: The days to make.
        config: How few observations are trusted.

    Returns:
        Rows of ``tables.FEATURES_ITEM_DAILY``.
    """
    schema = _walked_schema()
    arrow = arrow_schema(schema)

    def kernel(arrived: pa.Table, state: pa.Table) -> pa.Table:
        return snapshots(arrived, state, days=days).select(arrow.names).cast(arrow)

    walked = walk(
        _described(events, items, days),
        before,
        key="item_no",
        kernel=kernel,
        schema=schema,
        num_buckets=config.num_buckets,
    )
    return _with_groups(walked, config).select(FEATURES_ITEM_DAILY.column_names)


def _described(events: DataFrame, items: DataFrame, days: Days) -> DataFrame:
    """Events with their item as known at the end of the day on which they arrived."""
    slates = events.where(F.col("shown").isNotNull()).select("*", F.explode("shown").alias("one"))
    shown = slates.withColumn("item_id", F.col("one.item_id")).drop("one")
    every = events.where(F.col("item_id").isNotNull()).unionByName(shown)
    counted = F.greatest("arrival_date", "event_date")
    in_days = every.where(counted.between(days.first, days.last)).select(
        "arrival_date", "event_date", "event_at", "event_type", "item_type", "item_id", "watch_ms"
    )
    known = items.select("arrival_date", "item_no", "first_arrival_date", *_CATALOGUE)
    return in_days.join(known, ["arrival_date", "item_type", "item_id"])


def _walked_schema() -> StructType:
    own = [f for f in FEATURES_ITEM_DAILY.schema if f.name not in _LATER]
    return StructType([StructField(f.name, f.dataType, f.nullable) for f in own])


@dataclass(slots=True)
class _Items:
    """State of K items of a bucket; ``row_K`` is the row of ``described`` that describes each."""

    item_no_K: np.ndarray
    windows: Windows
    last_K: np.ndarray
    last_click_K: np.ndarray
    last_order_K: np.ndarray
    row_K: np.ndarray
    described: pa.Table


def snapshots(events: pa.Table, state: pa.Table, *, days: Days) -> pa.Table:
    """Walk the days of some items.

    Args:
        events: Events that are counted on ``days``, with their items as of arrival.
        state: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before.
        days: The days to make.

    Returns:
        Rows of ``tables.FEATURES_ITEM_DAILY`` without what needs the evening's other items.
    """
    numbers = [rows.column("item_no").to_numpy() for rows in (events, state)]
    item_no = np.unique(np.concatenate(numbers))
    key, place = (np.searchsorted(item_no, n) for n in numbers)
    size = len(item_no)
    row_K = np.full(size, -1, np.int64)
    row_K[place] = np.arange(len(place))
    items = _Items(
        item_no,
        Windows.of(state, place, size, BY_DAY),
        *(instants(state, f"last_{n}_at", place, size) for n in ("event", "click", "order")),
        row_K,
        _description(state, events),
    )
    arrived = Arrived.of(events, key)
    arrival_day = events.column("arrival_date").cast(pa.int32()).to_numpy()

    def take(number: int) -> None:
        now = arrived.counted_on(number)
        count_into(items.windows, arrived, now, number)
        arrived.latest(now, items.last_K)
        arrived.latest(now, items.last_click_K, "view", "click")
        arrived.latest(now, items.last_order_K, "order")
        # All events of an item and arrival day describe it alike: any of the latest will do.
        newest = now[np.argsort(arrival_day[now], kind="stable")]
        items.row_K[key[newest]] = state.num_rows + newest

    return walk_days(days, items.windows, take, lambda n, end: _give(items, n, end))


def _description(state: pa.Table, events: pa.Table) -> pa.Table:
    """What is known of an item, from yesterday's rows and from the items of today's events."""
    evening = state.column("arrival_date").cast(pa.int32())
    first_day = pc.subtract(evening, state.column("age_days").cast(pa.int32()))
    old = {name: state.column(name).cast(pa.string()) for name in _WORDS} | {
        "price_cents": state.column("price_cents").cast(pa.int64()),
        "is_sold_out": state.column("is_sold_out"),
        "first_day": first_day,
    }
    stock = events.column("stock")
    new = {name: events.column(name).cast(pa.string()) for name in _WORDS} | {
        "price_cents": events.column("price_cents"),
        "is_sold_out": pc.fill_null(pc.equal(stock, 0), False),
        "first_day": events.column("first_arrival_date").cast(pa.int32()),
    }
    schema = pa.schema(
        [(name, pa.string()) for name in _WORDS]
        + [("price_cents", pa.int64()), ("is_sold_out", pa.bool_()), ("first_day", pa.int32())]
    )
    return pa.concat_tables([pa.table(side).cast(schema) for side in (old, new)]).combine_chunks()


def _give(items: _Items, number: int, evening_us: int) -> dict[str, pa.Array]:
    keys = alive(items.last_K, evening_us)
    said = items.described.take(pa.array(items.row_K[keys]))
    age_days = (number - said.column("first_day").to_numpy()).astype(np.float64)
    columns: dict[str, pa.Array] = {
        "arrival_date": pa.repeat(pa.scalar(number, pa.int32()), len(keys)).cast(pa.date32()),
        "item_no": pa.array(items.item_no_K[keys]),
        "is_sold_out": said.column("is_sold_out"),
        "last_event_at": instant_column(items.last_K[keys]),
        "last_click_at": instant_column(items.last_click_K[keys]),
        "last_order_at": instant_column(items.last_order_K[keys]),
        "age_days": pa.array(age_days),
        "price_cents": said.column("price_cents").cast(pa.float64()),
        "days_since_click": or_null(days_since(items.last_click_K[keys], evening_us)),
        "days_since_order": or_null(days_since(items.last_order_K[keys], evening_us)),
    }
    columns |= {name: said.column(name) for name in _WORDS}
    columns |= dict(by_day_lists(items.windows, keys, BY_DAY))
    return columns | _features(items.windows, keys)


def _features(walked: Windows, keys: np.ndarray) -> dict[str, pa.Array]:
    own = Windows({name: numbers[keys] for name, numbers in walked.by_day.items()})
    clicks, orders = own.by_day["num_clicks_by_day"], own.by_day["num_orders_by_day"]
    found = dict(windows.counts(own, _KINDS, dictionary.WINDOWS))
    watched = windows.total(own.by_day["watch_ms_by_day"], 28)
    click_trend = windows.trend(found["num_clicks_1d"], found["num_clicks_7d"], 7, 1)
    order_trend = windows.trend(found["num_orders_7d"], found["num_orders_28d"], 4, 1)
    numbers = {name: pa.array(values.astype(np.int32)) for name, values in found.items()}
    return numbers | {
        "decayed_clicks_3d": pa.array(windows.decayed(clicks, 3)),
        "decayed_carts_7d": pa.array(windows.decayed(own.by_day["num_carts_by_day"], 7)),
        "decayed_orders_7d": pa.array(windows.decayed(orders, 7)),
        "click_trend": pa.array(click_trend),
        "order_trend": pa.array(order_trend),
        "weekday_click_share": or_null(windows.weekday_share(clicks)),
        "mean_watch_ms_28d": or_null(windows.ratio_or_nan(watched, found["num_clicks_28d"])),
    }


def _with_groups(walked: DataFrame, config: ItemDailyConfig) -> DataFrame:
    """Add what an item owes to the other items of its evening, all from integer sums."""
    own = walked.withColumns(
        {
            "num_hides_28d": _total("num_hides_by_day"),
            "num_cancels_28d": _total("num_cancels_by_day"),
            "price_sum_cents": F.col("price_cents").cast("long"),
        }
    )
    everything = own.groupBy("arrival_date", "item_type").agg(*_sums("all"))
    joined = own.join(F.broadcast(everything), ["arrival_date", "item_type"])
    for prefix, column in _GROUPS.items():
        by = ["arrival_date", "item_type", column]
        sums = own.where(F.col(column).isNotNull()).groupBy(*by).agg(*_sums(prefix))
        joined = joined.join(sums, by, "left")
    return joined.withColumns(_of_groups(config)).withColumns(_own_rates(config))


def _total(by_day: str) -> Column:
    return F.aggregate(by_day, F.lit(0), lambda total, number: total + number)


def _sums(prefix: str) -> list[Column]:
    sums = [F.sum(name).alias(f"{prefix}_sum_{name}") for name in _SUMMED]
    return [*sums, F.count("price_cents").alias(f"{prefix}_num_priced")]


def _of_groups(config: ItemDailyConfig) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for prefix, column in _GROUPS.items():
        clicks, orders = (F.col(f"{prefix}_sum_num_{n}") for n in ("clicks_7d", "orders_28d"))
        found[f"{prefix}_num_clicks_7d"] = clicks.cast("double")
        found[f"{prefix}_num_orders_28d"] = orders.cast("double")
        order_rate = _smoothed(prefix, "orders", "clicks", config.prior_clicks)
        found[f"{prefix}_order_rate_28d"] = F.when(F.col(column).isNotNull(), order_rate)
    has_category = F.col("category").isNotNull()
    cart_rate = _smoothed("category", "carts", "clicks", config.prior_clicks)
    found["category_cart_rate_28d"] = F.when(has_category, cart_rate)
    today = F.col("category_sum_num_clicks_1d") + 1.0
    found["category_click_trend"] = today / (F.col("category_sum_num_clicks_7d") / 7.0 + 1.0)
    cancel_rate = _smoothed("seller", "cancels", "orders", config.prior_orders)
    found["seller_cancel_rate_28d"] = F.when(F.col("seller_id").isNotNull(), cancel_rate)
    mean = F.col("category_sum_price_sum_cents") / F.col("category_num_priced")
    ratio = F.when(mean > 0, F.col("price_cents") / mean)
    found["price_to_category_ratio"] = F.when(has_category, ratio)
    return found


def _own_rates(config: ItemDailyConfig) -> dict[str, Column]:
    return {
        "click_rate_28d": _own_rate("clicks", "impressions", config.prior_impressions),
        "hide_rate_28d": _own_rate("hides", "impressions", config.prior_impressions),
        "cart_rate_28d": _own_rate("carts", "clicks", config.prior_clicks),
        "order_rate_28d": _own_rate("orders", "clicks", config.prior_clicks),
        "cancel_rate_28d": _own_rate("cancels", "orders", config.prior_orders),
    }


def _own_rate(part: str, whole: str, prior: float) -> Column:
    """An item's rate, drawn towards its category's, or where it has none towards all items'.

    (x + s·r) / (n + s): the mean of a beta posterior with s prior observations at rate r (Gelman
    et al., Bayesian Data Analysis, 2.4). Null where the log has no such outcomes at all.
    """
    of_category = _smoothed("category", part, whole, prior)
    rate = F.when(F.col("category").isNotNull(), of_category).otherwise(_overall(part, whole))
    own = F.col(f"num_{part}_28d") + prior * rate
    return F.when(_is_logged(whole), own / (F.col(f"num_{whole}_28d") + prior))


def _smoothed(prefix: str, part: str, whole: str, prior: float) -> Column:
    """A group's rate, drawn towards all items'."""
    own = F.col(f"{prefix}_sum_num_{part}_28d") + prior * _overall(part, whole)
    return F.when(_is_logged(whole), own / (F.col(f"{prefix}_sum_num_{whole}_28d") + prior))


def _overall(part: str, whole: str) -> Column:
    return (F.col(f"all_sum_num_{part}_28d") + 1.0) / (F.col(f"all_sum_num_{whole}_28d") + 2.0)


def _is_logged(whole: str) -> Column:
    return F.col(f"all_sum_num_{whole}_28d") > 0
