"""What must hold in the features that are states of a user: his pairs, history and interests."""

from typing import Final

from data_quality.checks import (
    ABSENT_DAY,
    ABSENT_NUMBER,
    ABSENT_TIME,
    ABSENT_WORD,
    Check,
    Side,
    Suite,
    ascending,
    at_most,
    complete,
    descending,
    distinct,
    each,
    from_zero,
    knows,
    never_null_in,
    not_empty,
    rule,
)
from data_quality.expectations.features import is_alive, knows_users
from etl.tables.user_states import EVENT_CODES

_AFFINITIES: Final = ("affinity", "short_term_affinity", "long_term_affinity")
_ABSENT: Final = {
    "event_at": ABSENT_TIME,
    "event_code": "-1Y",
    "item_no": "-1",
    "entry_arrival_date": ABSENT_DAY,
    "event_id": "''",
}
"""Of an entry's fields, values that none may have."""
_TOUCHES: Final = "user_id IS NOT NULL AND event_type IN ({}) AND item_id IS NOT NULL".format(
    ", ".join(f"'{name}'" for name in EVENT_CODES)
)


def _group(array: str, name: str, *more: str) -> Suite:
    counts = ("num_clicks", "num_orders")
    return (
        never_null_in(
            array,
            {name: ABSENT_WORD}
            | dict.fromkeys(counts, "-1")
            | {"affinity": ABSENT_NUMBER, "affinity_at": ABSENT_TIME}
            | dict.fromkeys(_AFFINITIES[1:], ABSENT_NUMBER)
            | dict.fromkeys(more, "-1L"),
        ),
        from_zero(array, "counts from 0 on", *counts, *more),
        from_zero(array, "affinities from 0 on", *_AFFINITIES, is_finite=True),
        ascending(array, name),
        at_most(array, 1_000),
    )


def features_user_pairs() -> Suite:
    """Histories with items and groups are ordered, without repetition, never below 0."""
    counts = ("num_clicks", "num_carts", "num_orders", "num_hides")
    return (
        *not_empty("user_id"),
        is_alive(1),
        never_null_in(
            "items",
            dict.fromkeys(("item_no", *counts), "-1")
            | {"watch_ms": "-1L", "affinity": ABSENT_NUMBER, "affinity_at": ABSENT_TIME},
        ),
        from_zero("items", "counts from 0 on", *counts),
        from_zero("items", "affinity from 0 on", "affinity", is_finite=True),
        from_zero("items", "watch_ms from 0 on", "watch_ms"),
        ascending("items", "item_no"),
        *_group("categories", "category", "examined", "expected"),
        *_group("brands", "brand"),
        *_group("sellers", "seller_id"),
        *_group("hosts", "host_id"),
        knows_users("features/user_pairs", _TOUCHES),
    )


def _entries(array: str) -> Suite:
    codes = f"{min(EVENT_CODES.values())} AND {max(EVENT_CODES.values())}"
    return (
        never_null_in(array, _ABSENT),
        rule(
            f"{array}: event_code is known",
            f"array_min({array}.event_code) >= 1 AND array_max({array}.event_code) BETWEEN {codes}",
            shows=(f"array_distinct({array}.event_code) AS event_codes",),
        ),
        rule(
            f"{array}: in order of event time",
            f"{array}.event_at = sort_array({array}.event_at)",
            shows=(f"{array}.event_at AS {array}_event_at",),
        ),
        rule(
            f"{array}: nothing that arrived after the day",
            f"array_max({array}.entry_arrival_date) <= arrival_date",
            shows=(f"array_max({array}.entry_arrival_date) AS newest_arrival_date",),
        ),
    )


def _short_order() -> Check:
    places = "transform(short, x -> struct(x.event_at, x.event_id))"
    return rule(
        "short: ties of event time by event id",
        f"{places} = sort_array({places})",
        shows=("short.event_id AS short_event_id",),
    )


def features_user_history() -> Suite:
    """Each history is in order and holds nothing that was not yet known."""
    return (
        *not_empty("user_id"),
        *_entries("short"),
        *_entries("long"),
        _short_order(),
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
        knows_users("features/user_history", _TOUCHES),
    )


def _interests(array: str, num_kept: int) -> Suite:
    return (
        complete(array, "category", "strength", "num_events"),
        each(array, "strength in (0, 1]", "x.strength > 0 AND x.strength <= 1"),
        from_zero(array, "num_events from 0 on", "num_events"),
        descending(array, "strength"),
        distinct(array, "category"),
        at_most(array, num_kept),
    )


def features_user_interests() -> Suite:
    """Strengths are shares, strongest first, of everyone who has pairs."""
    return (
        *not_empty("user_id"),
        is_alive(1),
        *_interests("short_term", 10),
        *_interests("long_term", 20),
        knows(
            "it has every user of features/user_pairs",
            named=Side(table_path="features/user_pairs", things=("user_id",)),
            known=Side(table_path="features/user_interests", things=("user_id",)),
        ),
    )
