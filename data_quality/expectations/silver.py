"""What must hold in silver: nothing lost, nothing counted twice, nothing outside its range."""

from typing import Final

from data_quality.checks import (
    ABSENT_WORD,
    Side,
    Suite,
    at_least,
    each,
    from_zero,
    knows,
    never_null_in,
    not_empty,
    one_of,
    probability,
    rule,
    share,
    unique,
    within,
)
from data_quality.expectations.bronze import of_sealed_files
from etl import surfaces
from etl.bronze.files import LOOK_BACK_DAYS
from etl.tables.silver import CATALOGUE_COLUMNS, EVENT_TYPES, REJECT_REASONS

MAX_SAID: Final = 200
"""Characters of a rejected line that are kept."""
OLDEST_DAYS: Final = LOOK_BACK_DAYS + 31
"""An event is at most 30 days older than its file's hour, and a file may be found late."""
DUPLICATE_DAYS: Final = 7
ATTRIBUTION_DAYS: Final = 7
OUTCOME_TYPES: Final = ("view", "click", "cart", "order", "cancel", "watch", "like", "hide")
USUAL_REJECTED_SHARE: Final = 0.2
"""More than that is worth a look."""
MAX_REJECTED_SHARE: Final = 0.9
"""More than that is no bad luck but another format: nothing may be built on such a day."""
_REJECTED_SHARE: Final = "sum(num_rejected_lines) / nullif(sum(num_lines), 0)"
_ITEM: Final = ("item_type", "item_id")
_IS_DATED: Final = rule(
    "event_date is the UTC day of event_at",
    "event_date = date(event_at)",
    shows=("event_at", "event_date"),
)
_AMOUNTS: Final = ("price_cents", "stock", "duration_ms")


def _short_enough(*columns: str) -> Suite:
    return tuple(
        rule(
            f"{c} has at most {MAX_SAID} characters",
            f"length({c}) <= {MAX_SAID}",
            shows=(f"length({c}) AS num_characters",),
        )
        for c in columns
    )


def silver_rejected_lines() -> Suite:
    """Each has a reason of the closed list, and says briefly what was found."""
    return (
        one_of("reason", tuple(REJECT_REASONS)),
        *at_least(1, "line_number"),
        *_short_enough("detail", "sample"),
        *of_sealed_files("silver/rejected_lines"),
    )


def silver_duplicate_lines() -> Suite:
    """Each points to an earlier line, at most 7 days back."""
    previous = "struct(previous_arrival_date, previous_file_name, previous_line_number)"
    return (
        *not_empty("event_id"),
        *at_least(1, "line_number", "previous_line_number"),
        rule(
            "the previous line stands before it",
            f"{previous} < struct(arrival_date, file_name, line_number)",
            shows=("previous_arrival_date", "previous_file_name", "previous_line_number"),
        ),
        rule(
            f"the previous line arrived at most {DUPLICATE_DAYS} days before",
            f"datediff(arrival_date, previous_arrival_date) <= {DUPLICATE_DAYS}",
            shows=("previous_arrival_date",),
        ),
        *of_sealed_files("silver/duplicate_lines"),
    )


def silver_events() -> Suite:
    """Events are of known kinds, name a user and an item where they must, and are in range."""
    return (
        one_of("event_type", EVENT_TYPES),
        one_of("item_type", surfaces.ITEM_TYPES),
        one_of("surface", surfaces.NAMES),
        *not_empty("event_id", "user_id", "item_id"),
        rule(
            "user_id is there but for event type item",
            "user_id IS NOT NULL OR event_type = 'item'",
            shows=("event_type", "user_id"),
        ),
        rule(
            "an item is there where the event needs one",
            "item_id IS NOT NULL OR shown IS NOT NULL OR event_type IN "
            "('search', 'follow', 'personalisation_off', 'personalisation_on')",
            shows=("event_type", "item_id"),
        ),
        rule(
            "item_type is there where item_id is",
            "item_type IS NOT NULL OR item_id IS NULL",
            shows=("item_type", "item_id"),
        ),
        _IS_DATED,
        rule(
            f"event_at is from {OLDEST_DAYS} days before to 1 day after the day",
            f"event_date BETWEEN date_sub(arrival_date, {OLDEST_DAYS}) "
            "AND date_add(arrival_date, 1)",
            shows=("event_at",),
        ),
        *at_least(0, "position", "watch_ms", *_AMOUNTS),
        *at_least(1, "quantity", "line_number"),
        probability("propensity"),
        rule(
            "shown is there for impressions only",
            "shown IS NULL OR event_type = 'impression'",
            shows=("event_type",),
        ),
        each("product_ids", "never null or empty", "coalesce(x != '', false)"),
        never_null_in("shown", {"position": "-1", "item_id": ABSENT_WORD}, is_optional=True),
        from_zero("shown", "position from 0 on", "position"),
        each(
            "shown",
            "propensity in (0, 1]",
            "coalesce(x.propensity > 0 AND x.propensity <= 1, true)",
            whole="coalesce(array_min(shown.propensity) > 0 "
            "AND array_max(shown.propensity) <= 1, true)",
        ),
        *of_sealed_files("silver/events"),
    )


def silver_line_counts() -> Suite:
    """Lines = events + rejected + duplicates, per file; and most lines give an event."""
    counts = ("num_lines", "num_events", "num_rejected_lines", "num_duplicate_lines")
    return (
        *at_least(0, *counts),
        rule(
            "lines = events + rejected + duplicates",
            "num_lines = num_events + num_rejected_lines + num_duplicate_lines",
            shows=counts,
        ),
        share(
            f"at most {USUAL_REJECTED_SHARE:.0%} of the day's lines are rejected",
            _REJECTED_SHARE,
            severity="warning",
            high=USUAL_REJECTED_SHARE,
        ),
        share(
            f"at most {MAX_REJECTED_SHARE:.0%} of the day's lines are rejected",
            _REJECTED_SHARE,
            severity="critical",
            high=MAX_REJECTED_SHARE,
        ),
        rule(
            f"at most {MAX_REJECTED_SHARE:.0%} of a file's lines are rejected",
            f"num_rejected_lines <= {MAX_REJECTED_SHARE} * num_lines",
            shows=("num_rejected_lines", "num_lines"),
            severity="warning",
        ),
        *of_sealed_files("silver/line_counts"),
    )


def silver_items() -> Suite:
    """Every item that an event of the day names is there, once, with a number of its own."""
    dated = " AND ".join(f"({c} IS NULL) = (known_at.{c} IS NULL)" for c in CATALOGUE_COLUMNS)
    return (
        one_of("item_type", surfaces.ITEM_TYPES),
        *not_empty("item_id"),
        *at_least(0, "item_no", *_AMOUNTS),
        unique(*_ITEM),
        each("product_ids", "never null or empty", "coalesce(x != '', false)"),
        rule(
            "first_arrival_date is not after the day",
            "first_arrival_date <= arrival_date",
            shows=("first_arrival_date",),
        ),
        rule("known_at dates what is known, and nothing else", dated, shows=("known_at",)),
        knows(
            "it has every item of the day's events",
            named=Side(table_path="silver/events", things=_ITEM, where="item_id IS NOT NULL"),
            known=Side(table_path="silver/items", things=_ITEM),
        ),
    )


def silver_impressions() -> Suite:
    """Each is of an event of its day, at a place, of a known item."""
    event = ("source", "event_id")
    return (
        one_of("item_type", surfaces.ITEM_TYPES),
        one_of("surface", surfaces.NAMES),
        *not_empty("user_id", "item_id"),
        *at_least(0, "position"),
        probability("propensity"),
        rule(
            "shown_date is the UTC day of shown_at",
            "shown_date = date(shown_at)",
            shows=("shown_at", "shown_date"),
        ),
        knows(
            "its event is of the day",
            named=Side(table_path="silver/impressions", things=event),
            known=Side(table_path="silver/events", things=event),
        ),
        knows(
            "its item is known",
            named=Side(table_path="silver/impressions", things=_ITEM),
            known=Side(table_path="silver/items", things=_ITEM),
        ),
    )


def silver_outcomes() -> Suite:
    """Each is attributed to an earlier impression, or organic after 7 days alone."""
    pointer = (
        "impression_source",
        "impression_event_id",
        "impression_position",
        "impression_surface",
        "shown_date",
    )
    return (
        one_of("event_type", OUTCOME_TYPES),
        one_of("item_type", surfaces.ITEM_TYPES),
        one_of("surface", surfaces.NAMES),
        one_of("impression_surface", surfaces.NAMES),
        *not_empty("user_id", "item_id"),
        *at_least(0, "price_cents", "watch_ms", "impression_position"),
        within("quantity", 1),
        _IS_DATED,
        rule(
            "it names an impression unless organic",
            " AND ".join(f"({column} IS NULL) = is_organic" for column in pointer),
            shows=("is_organic", *pointer),
        ),
        rule(
            f"its event arrived at most {ATTRIBUTION_DAYS} days before",
            f"datediff(arrival_date, event_arrival_date) BETWEEN 0 AND {ATTRIBUTION_DAYS}",
            shows=("event_arrival_date",),
        ),
        rule(
            f"it was shown at most {ATTRIBUTION_DAYS} days before",
            f"datediff(event_date, shown_date) BETWEEN 0 AND {ATTRIBUTION_DAYS}",
            shows=("shown_date", "event_date"),
        ),
    )
