"""Makes features/user_daily: each user of the last 90 days as known at the end of the day."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from etl.arrow import arrow_schema, codes_of
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
from etl.features.fold import NEVER
from etl.features.windows import Windows, or_null
from etl.tables import FEATURES_USER_DAILY

_BY_DAY: Final = (*BY_DAY, "num_events_by_day")
_WORDS: Final = ("country", "platform", "language")
_PRICED: Final = ("view", "click", "cart", "order")
_RATES: Final = ("click_rate_28d", "cart_rate_28d", "order_rate_28d")
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
    *_WORDS,
)


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
    schema = _walked_schema()
    arrow = arrow_schema(schema)

    def kernel(arrived: pa.Table, state: pa.Table) -> pa.Table:
        return snapshots(arrived, state, days=days).select(arrow.names).cast(arrow)

    of_users = events.where(F.col("user_id").isNotNull()).select(*_COLUMNS)
    counted = F.greatest("arrival_date", "event_date")
    in_days = of_users.where(counted.between(days.first, days.last))
    walked = walk(
        in_days, before, key="user_id", kernel=kernel, schema=schema, num_buckets=config.num_buckets
    )
    return _with_rates(walked, config).select(FEATURES_USER_DAILY.column_names)


def _walked_schema() -> StructType:
    own = [f for f in FEATURES_USER_DAILY.schema if f.name not in _RATES]
    return StructType([StructField(f.name, f.dataType, f.nullable) for f in own])


def _with_rates(walked: DataFrame, config: UserDailyConfig) -> DataFrame:
    """Smooth each user's rates towards everybody's of the same evening.

    (x + s·r) / (n + s), r = (X + 1) / (N + 2): the mean of a beta posterior with s prior
    observations (Gelman et al., Bayesian Data Analysis, 2.4).
    """
    sums = {kind: F.sum(f"num_{kind}s_28d").alias(f"all_{kind}s") for kind in _KINDS}
    everybody = walked.groupBy("arrival_date").agg(*sums.values())
    joined = walked.join(F.broadcast(everybody), "arrival_date")
    rates = {
        "click_rate_28d": _smoothed("click", "impression", config.prior_impressions),
        "cart_rate_28d": _smoothed("cart", "click", config.prior_clicks),
        "order_rate_28d": _smoothed("order", "click", config.prior_clicks),
    }
    return joined.withColumns(rates)


def _smoothed(part: str, whole: str, prior: float) -> Column:
    rate = (F.col(f"all_{part}s") + 1.0) / (F.col(f"all_{whole}s") + 2.0)
    own = F.col(f"num_{part}s_28d") + prior * rate
    seen = F.col(f"all_{whole}s") > 0
    return F.when(seen, own / (F.col(f"num_{whole}s_28d") + prior))


_KINDS: Final = ("impression", "click", "cart", "order")


@dataclass(slots=True)
class _Users:
    """State of K users of a bucket."""

    names: pa.StringArray
    windows: Windows
    first_K: np.ndarray
    last_K: np.ndarray
    last_order_K: np.ndarray
    off_K: np.ndarray
    off_at_K: np.ndarray
    sum_price_K: np.ndarray
    num_priced_K: np.ndarray
    words: dict[str, "_Word"]

    @classmethod
    def of(cls, state: pa.Table, place: np.ndarray, names: pa.StringArray) -> "_Users":
        size = len(names)

        def numbers(name: str) -> np.ndarray:
            found = np.zeros(size, np.int64)
            found[place] = state.column(name).cast(pa.int64()).to_numpy()
            return found

        return cls(
            names,
            Windows.of(state, place, size, _BY_DAY),
            instants(state, "first_event_at", place, size),
            instants(state, "last_event_at", place, size),
            instants(state, "last_order_at", place, size),
            numbers("is_personalisation_off"),
            instants(state, "personalisation_at", place, size),
            numbers("sum_price_cents"),
            numbers("num_priced"),
            {},
        )


@dataclass(slots=True)
class _Word:
    """The newest word of each user: its place in ``vocabulary`` (−1: none) and when he said it."""

    vocabulary: pa.StringArray
    code_E: np.ndarray
    code_K: np.ndarray
    at_K: np.ndarray


def snapshots(events: pa.Table, state: pa.Table, *, days: Days) -> pa.Table:
    """Walk the days of some users.

    Args:
        events: Columns of ``tables.SILVER_EVENTS`` that are counted on ``days``.
        state: Rows of ``tables.FEATURES_USER_DAILY`` of the day before.
        days: The days to make.

    Returns:
        Rows of ``tables.FEATURES_USER_DAILY`` without the rates, which need everybody.
    """
    order = ("event_at", "event_id", "source")
    ordered = events.sort_by([(name, "ascending") for name in order])
    names, (key, place) = codes_of(ordered.column("user_id"), state.column("user_id"))
    users = _Users.of(state, place, names)
    arrived = Arrived.of(ordered, key)
    price = ordered.column("price_cents").fill_null(-1).to_numpy()
    for word in _WORDS:
        users.words[word] = _word(ordered, state, place, len(names), word)

    def take(number: int) -> None:
        _take(users, arrived, arrived.counted_on(number), number, price)

    return walk_days(days, users.windows, take, lambda n, end: _give(users, n, end))


def _word(events: pa.Table, state: pa.Table, place: np.ndarray, size: int, name: str) -> _Word:
    vocabulary, (code_E, old) = codes_of(events.column(name), state.column(name))
    code_K = np.full(size, -1, np.int64)
    code_K[place] = old
    at_K = instants(state, f"{name}_at", place, size)
    return _Word(vocabulary, code_E, code_K, at_K)


def _take(users: _Users, arrived: Arrived, now: np.ndarray, number: int, price: np.ndarray) -> None:
    """Let one day's events in; ``now`` are their places, in order of event time and id."""
    key, at = arrived.key_E[now], arrived.at_E[now]
    count_into(users.windows, arrived, now, number)
    users.windows.add(
        "num_events_by_day", key, number - arrived.event_day_E[now], np.ones(len(now))
    )
    first = np.where(users.first_K == NEVER, np.iinfo(np.int64).max, users.first_K)
    np.minimum.at(first, key, at)
    users.first_K = first
    arrived.latest(now, users.last_K)
    arrived.latest(now, users.last_order_K, "order")
    priced = (price[now] >= 0) & np.isin(arrived.type_E[now], _PRICED)
    np.add.at(users.sum_price_K, key[priced], price[now][priced])
    np.add.at(users.num_priced_K, key[priced], 1)
    for word in users.words.values():
        _say(now[word.code_E[now] >= 0], arrived, word.code_E, (word.code_K, word.at_K))
    switch = now[np.isin(arrived.type_E[now], ("personalisation_off", "personalisation_on"))]
    is_off = (arrived.type_E == "personalisation_off").astype(np.int64)
    _say(switch, arrived, is_off, (users.off_K, users.off_at_K))


def _say(
    places: np.ndarray,
    arrived: Arrived,
    value_E: np.ndarray,
    kept: tuple[np.ndarray, np.ndarray],
) -> None:
    """Keep the newest value of each key; of equal instants the one that arrived, or sorts, last."""
    value_K, at_K = kept
    last_of_key = places[np.unique(arrived.key_E[places][::-1], return_index=True)[1] * -1 - 1]
    newer = last_of_key[arrived.at_E[last_of_key] >= at_K[arrived.key_E[last_of_key]]]
    value_K[arrived.key_E[newer]] = value_E[newer]
    at_K[arrived.key_E[newer]] = arrived.at_E[newer]


def _give(users: _Users, number: int, evening_us: int) -> dict[str, pa.Array]:
    keys = alive(users.last_K, evening_us)
    columns: dict[str, pa.Array] = {
        "arrival_date": pa.repeat(pa.scalar(number, pa.int32()), len(keys)).cast(pa.date32()),
        "user_id": users.names.take(pa.array(keys)),
        "first_event_at": instant_column(users.first_K[keys]),
        "last_event_at": instant_column(users.last_K[keys]),
        "last_order_at": instant_column(users.last_order_K[keys]),
        "is_personalisation_off": pa.array(users.off_K[keys] > 0),
        "personalisation_at": instant_column(users.off_at_K[keys]),
        "sum_price_cents": pa.array(users.sum_price_K[keys]),
        "num_priced": pa.array(users.num_priced_K[keys]),
    }
    for name, word in users.words.items():
        code = word.code_K[keys]
        columns[name] = word.vocabulary.take(pa.array(code, mask=code < 0))
        columns[f"{name}_at"] = instant_column(word.at_K[keys])
    columns |= dict(by_day_lists(users.windows, keys, _BY_DAY))
    return columns | _features(users, keys, evening_us)


def _features(users: _Users, keys: np.ndarray, evening_us: int) -> dict[str, pa.Array]:
    own = Windows({name: numbers[keys] for name, numbers in users.windows.by_day.items()})
    clicks, orders = own.by_day["num_clicks_by_day"], own.by_day["num_orders_by_day"]
    found = dict(windows.counts(own, _KINDS, dictionary.WINDOWS))
    numbers = {name: pa.array(values.astype(np.int32)) for name, values in found.items()}
    watched = windows.total(own.by_day["watch_ms_by_day"], 28)
    price = windows.ratio_or_nan(users.sum_price_K[keys], users.num_priced_K[keys])
    num_active = (own.by_day["num_events_by_day"] > 0).sum(axis=1)
    return numbers | {
        "decayed_clicks_3d": pa.array(windows.decayed(clicks, 3)),
        "decayed_orders_28d": pa.array(windows.decayed(orders, 28)),
        "click_trend": pa.array(
            windows.trend(found["num_clicks_1d"], found["num_clicks_7d"], 7, 1)
        ),
        "num_active_days_28d": pa.array(num_active.astype(np.float64)),
        "weekday_click_share": or_null(windows.weekday_share(clicks)),
        "mean_watch_ms_28d": or_null(windows.ratio_or_nan(watched, found["num_clicks_28d"])),
        "age_days": or_null(days_since(users.first_K[keys], evening_us)),
        "days_since_event": or_null(days_since(users.last_K[keys], evening_us)),
        "days_since_order": or_null(days_since(users.last_order_K[keys], evening_us)),
        "usual_price_cents": or_null(price),
    }
