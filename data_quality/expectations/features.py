"""What must hold in features: every feature in its range, everyone of the day known."""

from itertools import pairwise
from typing import Final

from data_quality.checks import (
    Check,
    Side,
    Suite,
    ascending,
    at_least,
    at_most,
    complete,
    descending,
    distinct,
    each,
    knows,
    not_empty,
    one_of,
    rule,
    unique,
    within,
)
from etl import surfaces
from etl.features import dictionary
from etl.features.dictionary import COUNTED, HISTORY_DAYS, WINDOWS, Feature
from etl.tables.features import EVENT_CODES

ALIVE_DAYS: Final = 90
_BY_DAY: Final = (*(f"num_{kind}s_by_day" for kind in COUNTED), "watch_ms_by_day")
_ITEM: Final = ("item_type", "item_id")
_AFFINITY: Final = "x.affinity >= 0 AND x.affinity < double('Infinity')"
_GROUP_AFFINITIES: Final = " AND ".join(
    f"x.{name} >= 0 AND x.{name} < double('Infinity')"
    for name in ("affinity", "short_term_affinity", "long_term_affinity")
)
_ENTRY: Final = ("event_at", "event_code", "item_no", "entry_arrival_date", "event_id")
_TOUCHES: Final = "user_id IS NOT NULL AND event_type IN ({}) AND item_id IS NOT NULL".format(
    ", ".join(f"'{name}'" for name in EVENT_CODES)
)


def _in_range(features: tuple[Feature, ...]) -> Suite:
    return tuple(within(f.name, f.low, f.high) for f in features)


def _by_day(*columns: str) -> Suite:
    return tuple(
        rule(
            f"{c}: {HISTORY_DAYS} days, none below 0",
            f"size({c}) = {HISTORY_DAYS} AND coalesce(array_min({c}), 0) >= 0",
            shows=(c,),
        )
        for c in columns
    )


def _nested_windows(*kinds: str) -> Suite:
    return tuple(
        rule(
            f"num_{kind}s: a longer window holds the shorter",
            " AND ".join(
                f"num_{kind}s_{short}d <= num_{kind}s_{long}d" for short, long in pairwise(WINDOWS)
            ),
            shows=tuple(f"num_{kind}s_{window}d" for window in WINDOWS),
        )
        for kind in kinds
    )


def _is_alive(num_days_ahead: int) -> Check:
    """An event stamped on the day after its arrival is known to states, not yet to snapshots."""
    return rule(
        f"last_event_at is of the last {ALIVE_DAYS} days",
        f"date(last_event_at) BETWEEN date_sub(arrival_date, {ALIVE_DAYS - 1}) "
        f"AND date_add(arrival_date, {num_days_ahead})",
        shows=("last_event_at",),
    )


def _knows_users(table_path: str, where: str) -> Check:
    return knows(
        "it has every user of the day's events",
        named=Side(table_path="silver/events", things=("user_id",), where=where),
        known=Side(table_path=table_path, things=("user_id",)),
    )


def features_user_daily() -> Suite:
    """Everyone who did anything on the day is there, with every feature in its range."""
    return (
        *not_empty("user_id"),
        _is_alive(0),
        rule(
            "first_event_at is not after last_event_at",
            "first_event_at <= last_event_at",
            shows=("first_event_at", "last_event_at"),
        ),
        rule(
            "last_order_at is not after last_event_at",
            "last_order_at <= last_event_at",
            shows=("last_order_at", "last_event_at"),
        ),
        *at_least(0, "sum_price_cents", "num_priced"),
        *_by_day(*_BY_DAY, "num_events_by_day"),
        *_nested_windows("impression", "click", "cart", "order"),
        *_in_range(dictionary.USER),
        _knows_users("features/user_daily", "user_id IS NOT NULL AND event_date <= arrival_date"),
    )


def features_item_daily() -> Suite:
    """Everything that events of the day name is there, with every feature in its range."""
    return (
        one_of("item_type", surfaces.ITEM_TYPES),
        *not_empty("item_id"),
        *at_least(0, "item_no"),
        unique(*_ITEM),
        _is_alive(0),
        *_by_day(*_BY_DAY),
        *_nested_windows("impression", "click", "cart", "order"),
        *_in_range(dictionary.ITEM),
        knows(
            "it has every item of the day's events",
            named=Side(
                table_path="silver/events",
                things=_ITEM,
                where="item_id IS NOT NULL AND event_date <= arrival_date",
            ),
            known=Side(table_path="features/item_daily", things=_ITEM),
        ),
    )


def _group(array: str, name: str) -> Suite:
    return (
        complete(
            array,
            *(name, "num_clicks", "num_orders", "last_event_at", "affinity", "affinity_at"),
            *("short_term_affinity", "long_term_affinity"),
        ),
        each(array, "counts from 0 on", "x.num_clicks >= 0 AND x.num_orders >= 0"),
        each(array, "affinities from 0 on", _GROUP_AFFINITIES),
        ascending(array, name),
        at_most(array, 1_000),
    )


def features_user_pairs() -> Suite:
    """Histories with items and groups are ordered, without repetition, never below 0."""
    counts = ("num_clicks", "num_carts", "num_orders", "num_hides")
    return (
        *not_empty("user_id"),
        _is_alive(1),
        complete("items", "item_no", *counts, "affinity", "affinity_at"),
        each("items", "counts from 0 on", " AND ".join(f"x.{name} >= 0" for name in counts)),
        each("items", "affinity from 0 on", _AFFINITY),
        ascending("items", "item_no"),
        *_group("categories", "category"),
        *_group("brands", "brand"),
        *_group("sellers", "seller_id"),
        _knows_users("features/user_pairs", _TOUCHES),
    )


def _entries(array: str) -> Suite:
    codes = f"{min(EVENT_CODES.values())} AND {max(EVENT_CODES.values())}"
    places = f"transform({array}, x -> struct(x.event_at, x.event_id))"
    return (
        complete(array, *_ENTRY),
        rule(
            f"{array}: event_code is known",
            f"array_min({array}.event_code) >= 1 AND array_max({array}.event_code) BETWEEN {codes}",
            shows=(f"array_distinct({array}.event_code) AS event_codes",),
        ),
        rule(
            f"{array}: in order of event time, then event id",
            f"{places} = sort_array({places})",
            shows=(f"{array}.event_at AS {array}_event_at",),
        ),
        rule(
            f"{array}: nothing that arrived after the day",
            f"array_max({array}.entry_arrival_date) <= arrival_date",
            shows=(f"array_max({array}.entry_arrival_date) AS newest_arrival_date",),
        ),
    )


def features_user_history() -> Suite:
    """Each history is in order and holds nothing that was not yet known."""
    return (
        *not_empty("user_id"),
        *_entries("short"),
        *_entries("long"),
        at_most("short", 50),
        rule(
            "short is the end of long",
            "short.event_id = slice(long, -size(short), size(short)).event_id",
            shows=("size(short) AS num_short", "size(long) AS num_long"),
        ),
        rule(
            "num_events counts at least what is kept",
            "num_events >= size(long)",
            shows=("num_events", "size(long) AS num_long"),
        ),
        _knows_users("features/user_history", _TOUCHES),
    )


def _interests(array: str, num_kept: int) -> Suite:
    return (
        complete(array, "category", "strength", "num_events"),
        each(array, "strength in (0, 1]", "x.strength > 0 AND x.strength <= 1"),
        each(array, "num_events from 0 on", "x.num_events >= 0"),
        descending(array, "strength"),
        distinct(array, "category"),
        at_most(array, num_kept),
    )


def features_user_interests() -> Suite:
    """Strengths are shares, strongest first, of everyone who has pairs."""
    return (
        *not_empty("user_id"),
        _is_alive(1),
        *_interests("short_term", 10),
        *_interests("long_term", 20),
        knows(
            "it has every user of features/user_pairs",
            named=Side(table_path="features/user_pairs", things=("user_id",)),
            known=Side(table_path="features/user_interests", things=("user_id",)),
        ),
    )
