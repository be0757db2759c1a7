"""What must hold in features by day: each in its range, everyone of the day known."""

from itertools import pairwise
from typing import Final

from data_quality.checks import (
    ABSENT_DAY,
    Check,
    Side,
    Suite,
    ascending,
    at_least,
    at_most,
    complete,
    descending,
    distinct,
    from_zero,
    knows,
    never_null_in,
    not_empty,
    one_of,
    rule,
    unique,
    within,
)
from etl import surfaces
from etl.features import dictionary
from etl.features.dictionary import HISTORY_DAYS, WINDOWS, Feature
from etl.features.user_lists import QUERY_DAYS
from etl.tables.features import RECENT_CODES

ALIVE_DAYS: Final = 90
_ITEM: Final = ("item_type", "item_id")


def _in_range(features: tuple[Feature, ...]) -> Suite:
    return tuple(within(f.name, f.low, f.high) for f in features)


def _recent() -> Suite:
    """Numbers by day, of which all windows are counted."""
    # As whole numbers: Spark compares an array's structs pair by pair to find the distinct.
    places = "transform(recent, x -> 100 * unix_date(x.event_date) + x.code)"
    days = "array_min(recent.event_date), array_max(recent.event_date)"
    return (
        never_null_in("recent", {"event_date": ABSENT_DAY, "code": "-1Y", "number": "-1L"}),
        rule(
            "recent: code is known",
            "array_min(recent.code) >= 1 "
            f"AND array_max(recent.code) <= {max(RECENT_CODES.values())}",
            shows=("array_distinct(recent.code) AS recent_codes",),
        ),
        rule(
            "recent: number above 0",
            "array_min(recent.number) > 0",
            shows=("array_min(recent.number) AS smallest_recent_number",),
        ),
        rule(
            f"recent: of the last {HISTORY_DAYS} days",
            f"array_min(recent.event_date) > date_sub(arrival_date, {HISTORY_DAYS}) "
            "AND array_max(recent.event_date) <= arrival_date",
            shows=(f"array({days}) AS recent_days",),
        ),
        rule(
            "recent: by event_date and code, each once",
            f"{places} = sort_array(array_distinct({places}))",
            shows=("recent",),
        ),
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


def _latest_first(array: str, name: str, at: str, num_kept: int) -> Suite:
    """Things with the last time that he said them."""
    return (
        complete(array, name, at),
        distinct(array, name),
        descending(array, at),
        at_most(array, num_kept),
    )


def is_alive(num_days_ahead: int) -> Check:
    """Promise that nobody is kept for longer than 90 days without an event.

    An event stamped on the day after its arrival is known to states, not yet to snapshots.
    """
    return rule(
        f"last_event_at is of the last {ALIVE_DAYS} days",
        f"date(last_event_at) BETWEEN date_sub(arrival_date, {ALIVE_DAYS - 1}) "
        f"AND date_add(arrival_date, {num_days_ahead})",
        shows=("last_event_at",),
    )


def knows_users(table_path: str, where: str) -> Check:
    """Promise that users of the day's events that meet ``where`` are in the table."""
    return knows(
        "it has every user of the day's events",
        named=Side(table_path="silver/events", things=("user_id",), where=where),
        known=Side(table_path=table_path, things=("user_id",)),
    )


def features_positions() -> Suite:
    """Each place once, looked at at most as often as the first; clicks are of impressions."""
    return (
        one_of("surface", surfaces.NAMES),
        *at_least(0, "position", "num_impressions", "num_clicks"),
        *at_least(0, "num_chance_impressions", "num_chance_clicks"),
        rule(
            "examination is in (0, 1]",
            "examination > 0 AND examination <= 1",
            shows=("examination",),
            spread_of="examination",
        ),
        rule(
            "the first place counts whole",
            "position > 0 OR examination = 1",
            shows=("examination",),
        ),
        rule(
            "no more clicks than impressions",
            "num_clicks <= num_impressions AND num_chance_clicks <= num_chance_impressions",
            shows=("num_clicks", "num_impressions", "num_chance_clicks", "num_chance_impressions"),
        ),
        rule(
            "chance has a part of all",
            "num_chance_impressions <= num_impressions AND num_chance_clicks <= num_clicks",
            shows=("num_impressions", "num_chance_impressions"),
        ),
    )


def features_panel() -> Suite:
    """Nobody looked or clicked less than not at all; a row has something to say."""
    return (
        *not_empty("user_id"),
        complete("items", "item_no", "examined", "num_clicks"),
        from_zero("items", "counts from 0 on", "examined", "num_clicks"),
        ascending("items", "item_no"),
        rule("items is not empty", "size(items) > 0", shows=("size(items) AS num_items",)),
    )


def features_item_appeal() -> Suite:
    """Appeals are ratios above 0; of as many items as looks can tell of."""
    return (
        *at_least(0, "item_no"),
        *(
            rule(
                f"{name} is above 0 and finite",
                f"{name} > 0 AND {name} < double('Infinity')",
                shows=(name,),
                spread_of=name,
            )
            for name in ("appeal", "appeal_click_rate")
        ),
        within("appeal_expected", 0, float("inf")),
    )


def features_user_daily() -> Suite:
    """Everyone who did anything on the day is there, with every feature in its range."""
    return (
        *not_empty("user_id"),
        is_alive(0),
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
        rule(
            f"active_hours: 24 numbers, 0 … {HISTORY_DAYS}",
            "size(active_hours) = 24 AND array_min(active_hours) >= 0 "
            f"AND array_max(active_hours) <= {HISTORY_DAYS}",
            shows=("active_hours",),
        ),
        *_latest_first("followed_hosts", "host_id", "followed_at", 200),
        *_latest_first("query_words", "word", "searched_date", 50),
        rule(
            f"query_words: of the last {QUERY_DAYS} days",
            f"array_min(query_words.searched_date) > date_sub(arrival_date, {QUERY_DAYS})",
            shows=("array_min(query_words.searched_date) AS oldest_search",),
        ),
        *_recent(),
        *_nested_windows("impression", "click", "cart", "order"),
        *_in_range(dictionary.USER),
        knows_users("features/user_daily", "user_id IS NOT NULL AND event_date <= arrival_date"),
    )


def features_item_daily() -> Suite:
    """Everything that events of the day name is there, with every feature in its range."""
    return (
        one_of("item_type", surfaces.ITEM_TYPES),
        *not_empty("item_id"),
        *at_least(0, "item_no"),
        unique(*_ITEM),
        rule(
            "what is sold out is not eligible",
            "NOT (is_sold_out AND is_eligible)",
            shows=("is_sold_out", "is_eligible"),
        ),
        rule(
            "only live slots of the next day are eligible",
            "NOT is_eligible OR item_type <> 'live_slot' "
            "OR item_id LIKE concat('%@', lower(date_format(arrival_date + 1, 'E')), '-__')",
            shows=("item_id", "arrival_date"),
        ),
        is_alive(0),
        *_recent(),
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
