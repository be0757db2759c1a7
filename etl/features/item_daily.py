"""Makes features/item_daily: each item of the last 90 days as known at the end of the day.

Items are walked twice: once for what their categories, brands, sellers and hosts add up to on each
evening, and once, knowing that, for their rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from etl.arrow import arrow_schema
from etl.days import Days
from etl.features import dictionary, item_groups, rates
from etl.features.buckets import walk, walk_knowing
from etl.features.item_groups import EVERYTHING, OUTCOMES, Groups
from etl.features.item_state import WORDS, Items, known
from etl.features.positions import PARTS, looked_at
from etl.features.windows import or_null, ratio_or_nan, trend
from etl.silver.impressions import shown_on, shown_type
from etl.tables import FEATURES_ITEM_DAILY

_KINDS: Final = ("impression", "click", "cart", "order")
_CATALOGUE: Final = (*WORDS, "product_ids", "price_cents", "stock", "duration_ms")
_ALIKE: Final = ("arrival_date", "event_date", "event_type", "item_type", "item_id")
"""Events that are the same in these are counted as one row."""
_OF_APPEAL: Final = ("appeal", "appeal_expected")
_STATE: Final = (
    "arrival_date",
    "item_no",
    *WORDS,
    "product_ids",
    "is_sold_out",
    "price_cents",
    "duration_ms",
    "age_days",
    "last_event_at",
    "last_click_at",
    "last_order_at",
    "recent",
)
"""What a night goes on from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemDailyConfig:
    """How few observations are trusted."""

    prior_impressions: float = 50.0
    """Impressions looked at, at the category's rate, added to an item's own before its rates are
    taken."""
    prior_clicks: float = 30.0
    """Clicks at the category's rate added to an item's own before its rates are taken."""
    prior_watches: float = 10.0
    """Watches at everyone's share added to an item's own before its watched share is taken."""
    prior_orders: float = 10.0
    """Orders at the category's rate added to an item's own before its cancel rate is taken."""
    num_buckets: int = 4
    """Groups of items in memory one at a time; no row depends on it."""


def build(  # noqa: PLR0913
    events: DataFrame,
    *,
    items: DataFrame,
    positions: DataFrame,
    appeal: DataFrame,
    before: DataFrame,
    days: Days,
    config: ItemDailyConfig,
) -> DataFrame:
    """Bring every alive item up to the end of each of ``days``.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived from the day before ``days`` on: an
            event stamped on the day after its arrival is counted then.
        items: Rows of ``tables.SILVER_ITEMS`` of the same days, the day before included.
        positions: Rows of ``tables.FEATURES_POSITIONS`` of the same days.
        appeal: Rows of ``tables.FEATURES_ITEM_APPEAL`` of ``days``.
        before: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before; none on the first day.
        days: The days to make.
        config: How few observations are trusted.

    Returns:
        Rows of ``tables.FEATURES_ITEM_DAILY``.
    """
    schema = StructType([f for f in FEATURES_ITEM_DAILY.schema if f.name not in _OF_APPEAL])
    arrow, arrow_sums = arrow_schema(schema), arrow_schema(item_groups.SCHEMA)

    def add_up(events: pa.Table, state: pa.Table) -> pa.Table:
        return sums(events, state, days=days).cast(arrow_sums)

    def describe(events: pa.Table, state: pa.Table, added: pa.Table) -> pa.Table:
        made = snapshots(events, state, added, days=days, config=config)
        return made.select(arrow.names).cast(arrow)

    described = _described(events, items, positions, days)
    state = before.select(*_STATE)
    num_buckets = config.num_buckets
    parts = walk(
        described,
        state,
        key="item_no",
        kernel=add_up,
        schema=item_groups.SCHEMA,
        num_buckets=num_buckets,
    )
    totals = [F.sum(name).alias(name) for name in item_groups.NUMBERS]
    added = parts.groupBy(*item_groups.KEY).agg(*totals)
    made = walk_knowing(
        described,
        state,
        added,
        key="item_no",
        kernel=describe,
        schema=schema,
        num_buckets=num_buckets,
    )
    rated = appeal.select("arrival_date", "item_no", *_OF_APPEAL)
    both = made.join(rated, ["arrival_date", "item_no"], "left")
    return both.select(*FEATURES_ITEM_DAILY.column_names)


def _described(events: DataFrame, items: DataFrame, positions: DataFrame, days: Days) -> DataFrame:
    """Events, those alike added up, with their item as known at the end of the day they arrived.

    An item is shown many times a day: its words must not travel with each.
    """
    named = events.where(F.col("item_id").isNotNull())
    slates = events.where(F.col("shown").isNotNull()).withColumn("one", F.explode("shown"))
    shown = slates.withColumns(
        {
            "item_id": F.col("one.item_id"),
            "item_type": shown_type(),
            "position": F.col("one.position"),
        }
    )
    is_shown = F.col("event_type") == "impression"
    columns = (
        *(*_ALIKE, "event_at", "watch_ms"),
        F.when(is_shown, F.col("examined")).otherwise(0).alias("examined"),
    )
    every = named.unionByName(shown.drop("one"))
    counted = F.greatest("arrival_date", "event_date")
    counted_now = every.where(counted.between(days.first, days.last))
    in_days = looked_at(counted_now.withColumn("surface", shown_on()), positions).select(*columns)
    added = in_days.groupBy(*_ALIKE).agg(
        F.max("event_at").alias("event_at"),
        F.count("*").alias("num_counted"),
        *(F.sum(name).alias(name) for name in ("watch_ms", "examined")),
    )
    known = items.select("arrival_date", "item_no", "first_arrival_date", *_CATALOGUE)
    return added.join(known, ["arrival_date", "item_type", "item_id"])


def sums(events: pa.Table, state: pa.Table, *, days: Days) -> pa.Table:
    """Add some items up by category, brand, seller and host on each evening.

    Args:
        events: Events that are counted on ``days``, with their items as of arrival.
        state: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before.
        days: The days to make.

    Returns:
        Rows of ``item_groups.SCHEMA``.
    """
    items = Items.of(events, state, days)
    price = items.said("price_cents")
    numbers = {name: items.recent.total(*window) for name, window in OUTCOMES.items()}
    numbers |= dict(zip(item_groups.WATCHED, items.watched(), strict=True))
    numbers["sum_price_cents"] = price.fill_null(0).to_numpy()
    numbers["num_priced"] = price.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    return item_groups.sums(
        numbers, day_R=items.evenings.day_R, said_R=items.said_R, described=items.described
    )


def snapshots(
    events: pa.Table, state: pa.Table, added: pa.Table, *, days: Days, config: ItemDailyConfig
) -> pa.Table:
    """Walk the days of some items.

    Args:
        events: Events that are counted on ``days``, with their items as of arrival.
        state: Rows of ``tables.FEATURES_ITEM_DAILY`` of the day before.
        added: Rows of ``item_groups.SCHEMA``: what ``sums`` of all items add up to.
        days: The days to make.
        config: How few observations are trusted.

    Returns:
        Rows of ``tables.FEATURES_ITEM_DAILY``.
    """
    items = Items.of(events, state, days)
    groups = Groups.of(
        added, day_R=items.evenings.day_R, said_R=items.said_R, described=items.described
    )
    columns = known(items)
    price = columns["price_cents"].fill_null(np.nan).to_numpy()
    of_groups = item_groups.features(
        groups,
        price,
        prior_impressions=config.prior_impressions,
        prior_clicks=config.prior_clicks,
        prior_orders=config.prior_orders,
    )
    return pa.table(columns | _counted(items, groups) | _rates(items, groups, config) | of_groups)


def _counted(items: Items, groups: Groups) -> dict[str, pa.Array]:
    recent = items.recent
    found = recent.counts(_KINDS, dictionary.WINDOWS)
    numbers = {name: pa.array(values.astype(np.int32)) for name, values in found.items()}
    watch_ms = ratio_or_nan(recent.total("watch_ms", 28), found["num_clicks_28d"])
    is_logged = groups.total(EVERYTHING, "watch_ms_28d") > 0
    click_trend = trend(found["num_clicks_1d"], found["num_clicks_7d"], 7, 1)
    order_trend = trend(found["num_orders_7d"], found["num_orders_28d"], 4, 1)
    return numbers | {
        "decayed_clicks_3d": pa.array(recent.decayed("click", 3)),
        "decayed_carts_7d": pa.array(recent.decayed("cart", 7)),
        "decayed_orders_7d": pa.array(recent.decayed("order", 7)),
        "click_trend": pa.array(click_trend),
        "order_trend": pa.array(order_trend),
        "weekday_click_share": or_null(recent.weekday_share("click")),
        "mean_watch_ms_28d": or_null(np.where(is_logged, watch_ms, np.nan)),
    }


def _rates(items: Items, groups: Groups, config: ItemDailyConfig) -> dict[str, pa.Array]:
    """An item's rates, each drawn towards its category's, or where it has none all items'."""
    of = {
        "click": ("examined", config.prior_impressions),
        "hide": ("examined", config.prior_impressions),
        "cart": ("click", config.prior_clicks),
        "order": ("click", config.prior_clicks),
        "like": ("click", config.prior_clicks),
        "cancel": ("order", config.prior_orders),
    }
    found = {}
    for part, (whole, prior) in of.items():
        own, seen = items.recent.total(part, 28), _of_whole(items, whole)
        expected = groups.expected(part, whole, prior)
        found[f"{part}_rate_28d"] = or_null(rates.drawn(own, seen, expected, prior))
    return found | {"mean_watch_share_28d": _watch_share(items, groups, config)}


def _of_whole(items: Items, whole: str) -> np.ndarray:
    """How many could have led to an outcome in 28 days: float64, R."""
    total = items.recent.total(whole, 28).astype(np.float64)
    return total / PARTS if whole == "examined" else total


def _watch_share(items: Items, groups: Groups, config: ItemDailyConfig) -> pa.Array:
    """Share of an item's length watched, drawn towards everyone's; null without a length."""
    if not items.has("duration_ms"):
        return pa.nulls(len(items.said_R), pa.float64())
    duration_ms = items.said("duration_ms").fill_null(0).to_numpy()
    prior_ms = config.prior_watches * np.where(duration_ms > 0, duration_ms, np.nan)
    return or_null(rates.drawn(*items.watched(), groups.watch_share(), prior_ms))
