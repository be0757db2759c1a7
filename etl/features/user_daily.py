"""Makes features/user_daily: each user of the last 90 days as known at the end of the day.

Users are walked twice: once for what all of them add up to on each evening, and once, knowing
that, for their rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, LongType, StructField, StructType

from etl.arrow import arrow_schema
from etl.days import Days
from etl.features import dictionary, rates, user_lists
from etl.features.buckets import walk, walk_knowing
from etl.features.evenings import day_column, days_since, evening_us, instant_column
from etl.features.user_state import KINDS, WORDS, Users
from etl.features.windows import or_null, ratio_or_nan, trend
from etl.tables import FEATURES_USER_DAILY

_SUMMED: Final = (*KINDS, "watch_ms")
_SUMS: Final = StructType(
    [
        StructField("arrival_date", DateType()),
        *(StructField(what, LongType()) for what in _SUMMED),
    ]
)
"""What all users did in the 28 days up to an evening, by outcome."""
_STATE: Final = (
    "user_id",
    "first_event_at",
    "last_event_at",
    "last_order_at",
    "is_personalisation_off",
    "personalisation_at",
    *WORDS,
    *(f"{word}_at" for word in WORDS),
    "sum_price_cents",
    "num_priced",
    "followed_hosts",
    "query_words",
    "recent",
)
"""What a night goes on from."""
_COLUMNS: Final = (
    "arrival_date",
    "event_date",
    "event_at",
    "event_id",
    "source",
    "event_type",
    "user_id",
    "watch_ms",
    "price_cents",
    "host_id",
    "query",
    *WORDS,
)
_COUNTED: Final = (
    *("user_id", "arrival_date", "event_date", "event_at", "event_type"),
    *("watch_ms", "num_counted"),
)
"""What everybody's sums are made of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserDailyConfig:
    """How few observations are trusted."""

    prior_impressions: float = 50.0
    """Impressions at everybody's rate that are added to a user's own before his rate is taken."""
    prior_clicks: float = 20.0
    """Clicks at everybody's rate that are added to a user's own before his rates are taken."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""


def build(
    events: DataFrame, *, before: DataFrame, days: Days, config: UserDailyConfig
) -> DataFrame:
    """Bring every alive user up to the end of each of ``days``.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived from the day before ``days`` on: an
            event stamped on the day after its arrival is counted then.
        before: Rows of ``tables.FEATURES_USER_DAILY`` of the day before; none on the first day.
        days: The days to make.
        config: How few observations are trusted.

    Returns:
        Rows of ``tables.FEATURES_USER_DAILY``.
    """
    schema = FEATURES_USER_DAILY.schema
    arrow, arrow_sums = arrow_schema(schema), arrow_schema(_SUMS)

    def add_up(events: pa.Table, state: pa.Table) -> pa.Table:
        return sums(events, state, days=days).cast(arrow_sums)

    def describe(events: pa.Table, state: pa.Table, added: pa.Table) -> pa.Table:
        made = snapshots(events, state, added, days=days, config=config)
        return made.select(arrow.names).cast(arrow)

    # A request that showed n items is one event and n impressions.
    num_counted = F.coalesce(F.size("shown"), F.lit(1)).alias("num_counted")
    of_users = events.where(F.col("user_id").isNotNull()).select(*_COLUMNS, num_counted)
    counted = F.greatest("arrival_date", "event_date")
    in_days = of_users.where(counted.between(days.first, days.last))
    state = before.select(*_STATE)
    num_buckets = config.num_buckets
    parts = walk(
        in_days.select(*_COUNTED),
        state.select("user_id", "last_event_at", "recent"),
        key="user_id",
        kernel=add_up,
        schema=_SUMS,
        num_buckets=num_buckets,
    )
    added = parts.groupBy("arrival_date").agg(*(F.sum(what).alias(what) for what in _SUMMED))
    return walk_knowing(
        in_days,
        state,
        added,
        key="user_id",
        kernel=describe,
        schema=schema,
        num_buckets=num_buckets,
    )


def sums(events: pa.Table, state: pa.Table, *, days: Days) -> pa.Table:
    """Add some users up on each evening.

    Args:
        events: Columns of ``tables.SILVER_EVENTS`` that are counted on ``days``, in any order.
        state: user_id, last_event_at and recent of the day before.
        days: The days to make.

    Returns:
        arrival_date and, by outcome, what they did in the 28 days up to it.
    """
    users = Users.of(events, state, days, kept=_SUMMED)
    numbers = {what: users.recent.total(what, 28) for what in _SUMMED}
    rows = pa.table({"day": users.evenings.day_R, **numbers})
    added = rows.group_by("day", use_threads=False).aggregate([(n, "sum") for n in _SUMMED])
    columns = {what: added.column(f"{what}_sum") for what in _SUMMED}
    return pa.table({"arrival_date": day_column(added.column("day").to_numpy()), **columns})


def snapshots(
    events: pa.Table, state: pa.Table, added: pa.Table, *, days: Days, config: UserDailyConfig
) -> pa.Table:
    """Walk the days of some users.

    Args:
        events: Columns of ``tables.SILVER_EVENTS`` that are counted on ``days``.
        state: Rows of ``tables.FEATURES_USER_DAILY`` of the day before.
        added: What ``sums`` of all users add up to.
        days: The days to make.
        config: How few observations are trusted.

    Returns:
        Rows of ``tables.FEATURES_USER_DAILY``.
    """
    in_order = [(name, "ascending") for name in ("event_at", "event_id", "source")]
    users = Users.of(events.sort_by(in_order), state, days)
    everybody = _everybody(added, users.evenings.day_R)
    return pa.table(_known(users) | _counted(users, everybody) | _rates(users, everybody, config))


def _everybody(added: pa.Table, day_R: np.ndarray) -> dict[str, np.ndarray]:
    """What all users did by the evening of each row: int64 by outcome, R."""
    by_day = added.sort_by("arrival_date")
    day = by_day.column("arrival_date").cast(pa.int32()).to_numpy()
    place = np.searchsorted(day, day_R)
    return {what: by_day.column(what).to_numpy()[place] for what in _SUMMED}


def _known(users: Users) -> dict[str, pa.Array]:
    rows = users.evenings
    first, last, order = users.first_at(), users.last_at("event"), users.last_at("order", "order")
    prices, ends = users.prices(), evening_us(rows.day_R)
    usual = ratio_or_nan(prices["sum_price_cents"], prices["num_priced"])
    known = {
        "arrival_date": day_column(rows.day_R),
        "user_id": users.user_id_K.take(pa.array(rows.key_R)),
        "first_event_at": instant_column(first),
        "last_event_at": instant_column(last),
        "last_order_at": instant_column(order),
        **{name: pa.array(numbers) for name, numbers in prices.items()},
        "active_hours": _matrix_column(users.recent.by_hour()),
        "followed_hosts": user_lists.followed_hosts(users),
        "query_words": user_lists.query_words(users),
        "recent": users.recent.column(),
        "age_days": or_null(days_since(first, ends)),
        "days_since_event": or_null(days_since(last, ends)),
        "days_since_order": or_null(days_since(order, ends)),
        "usual_price_cents": or_null(usual),
        **users.personalisation(),
    }
    for word in WORDS:
        known |= users.word(word)
    return known


def _matrix_column(numbers_RN: np.ndarray) -> pa.ListArray:
    num_rows, length = numbers_RN.shape
    offsets = np.arange(num_rows + 1, dtype=np.int32) * length
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(numbers_RN.ravel()))


def _counted(users: Users, everybody: dict[str, np.ndarray]) -> dict[str, pa.Array]:
    recent = users.recent
    found = recent.counts(KINDS, dictionary.WINDOWS)
    numbers = {name: pa.array(values.astype(np.int32)) for name, values in found.items()}
    click_trend = trend(found["num_clicks_1d"], found["num_clicks_7d"], 7, 1)
    watch_ms = ratio_or_nan(recent.total("watch_ms", 28), found["num_clicks_28d"])
    is_logged = everybody["watch_ms"] > 0
    return numbers | {
        "decayed_clicks_3d": pa.array(recent.decayed("click", 3)),
        "decayed_orders_28d": pa.array(recent.decayed("order", 28)),
        "click_trend": pa.array(click_trend),
        "num_active_days_28d": pa.array(recent.num_days("hours").astype(np.float64)),
        "num_watches_7d": pa.array(recent.total("watch", 7).astype(np.float64)),
        "weekday_click_share": or_null(recent.weekday_share("click")),
        "mean_watch_ms_28d": or_null(np.where(is_logged, watch_ms, np.nan)),
    }


def _rates(
    users: Users, everybody: dict[str, np.ndarray], config: UserDailyConfig
) -> dict[str, pa.Array]:
    """A user's rates, drawn towards everybody's of the same evening."""
    of = {
        "click": ("impression", config.prior_impressions),
        "cart": ("click", config.prior_clicks),
        "order": ("click", config.prior_clicks),
    }
    found = {}
    for part, (whole, prior) in of.items():
        own, seen = (users.recent.total(what, 28) for what in (part, whole))
        rate = rates.overall(everybody[part], everybody[whole])
        found[f"{part}_rate_28d"] = or_null(rates.drawn(own, seen, rate, prior))
    return found
