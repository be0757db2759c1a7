"""What must hold in serving: whole slates of known items, and honest reports of them."""

from typing import Final

from data_quality.checks import (
    ABSENT_NUMBER,
    Side,
    Suite,
    at_least,
    each,
    figure,
    knows,
    never_null_in,
    not_empty,
    one_of,
    rule,
    within,
)
from etl import surfaces
from etl.tables.retrieval import SOURCE_CODES, USER_GROUPS
from etl.tables.serving import AUDIENCES, PREDICTIONS

POLICIES: Final = ("slates", "popularity_7d", "covisitation", "candidates")
_ALWAYS: Final = {
    "item_no": "-1",
    "item_id": "''",
    "value": ABSENT_NUMBER,
    "sources": "array",
    "rules": "array",
    "propensity": ABSENT_NUMBER,
    "is_exploration": "boolean",
}
_SHOWN: Final = "concat(items.item_no, reserve.item_no)"
_NAMED: Final = (
    "inline(transform(concat(items, reserve), "
    "x -> named_struct('item_no', x.item_no, 'item_id', x.item_id)))"
)


def _places(array: str) -> Suite:
    fields = PREDICTIONS.values()
    is_possible = " AND ".join(f"coalesce(x.{field} BETWEEN 0 AND 1, true)" for field in fields)
    are_possible = " AND ".join(
        f"coalesce(array_min({array}.{field}) >= 0 AND array_max({array}.{field}) <= 1, true)"
        for field in fields
    )
    return (
        never_null_in(array, _ALWAYS),
        each(
            array,
            "value is finite",
            "abs(x.value) < double('Infinity')",
            whole=f"array_min({array}.value) > double('-Infinity') "
            f"AND array_max({array}.value) < double('Infinity')",
        ),
        each(
            array,
            "propensity in (0, 1]",
            "x.propensity > 0 AND x.propensity <= 1",
            whole=f"array_min({array}.propensity) > 0 AND array_max({array}.propensity) <= 1",
        ),
        each(array, f"{', '.join(fields)} in 0 … 1", is_possible, whole=are_possible),
    )


def slates(surface: str) -> Suite:
    """A slate shows known items, each once; there is one default; nothing is of the future."""
    path = f"slates/{surface}"
    return (
        one_of("audience", AUDIENCES),
        *not_empty("audience_key", "ranker"),
        rule(
            # A user may be named so, and a log may give anybody that name.
            "audience_key is * for the default",
            "audience != 'default' OR audience_key = '*'",
            shows=("audience",),
        ),
        figure(
            "there is one default slate",
            "CASE WHEN count(*) > 0 THEN count_if(audience = 'default') END",
            severity="critical",
            low=1,
            high=1,
        ),
        *_places("items"),
        *_places("reserve"),
        rule(
            "each item once, in items and reserve together",
            f"size(array_distinct({_SHOWN})) = size({_SHOWN})",
            shows=(f"{_SHOWN} AS item_nos",),
        ),
        rule(
            "an empty slate says why",
            "size(items) > 0 OR short_reason IS NOT NULL",
            shows=("short_reason",),
        ),
        rule(
            "ranker is none where no model is named",
            "(ranker = 'none') = (model_date IS NULL)",
            shows=("ranker", "model_date"),
        ),
        *(
            rule(f"{column} is not after the day", f"{column} <= arrival_date", shows=(column,))
            for column in ("model_date", "feature_date")
        ),
        knows(
            "every item is in features/item_daily",
            named=Side(table_path=path, things=(_NAMED,)),
            known=Side(table_path="features/item_daily", things=("item_no", "item_id")),
        ),
        knows(
            "every user is in features/user_daily",
            named=Side(
                table_path=path, things=("audience_key AS user_id",), where="audience = 'user'"
            ),
            known=Side(table_path="features/user_daily", things=("user_id",)),
        ),
    )


def reports_slates() -> Suite:
    """Each measure is a share, of slates whose horizon ends on the day."""
    return (
        one_of("surface", surfaces.NAMES),
        one_of("audience", ("user", "default")),
        one_of("policy", POLICIES),
        *not_empty("metric"),
        rule("horizon_days is 1 or 7", "horizon_days IN (1, 7)", shows=("horizon_days",)),
        rule(
            "the horizon ends on the day",
            "date_add(slate_date, horizon_days) = arrival_date",
            shows=("slate_date", "horizon_days"),
        ),
        within("value", 0, 1),
        *at_least(0, "num_users", "num_truths"),
    )


def reports_sources() -> Suite:
    """Each measure is a share of what visitors went to; the whole stands within its interval."""
    shares = ("recall", "recall_low", "recall_high", "recall_alone", "found_by_it_only")
    return (
        one_of("surface", surfaces.NAMES),
        one_of("user_group", ("all", *USER_GROUPS)),
        one_of("source", tuple(SOURCE_CODES)),
        *at_least(1, "num_users", "num_visited"),
        *(within(name, 0, 1) for name in (*shares, "share_of_found")),
        *(within(f"lost_without{end}", -1, 1) for end in ("", "_low", "_high")),
        rule(
            "recall is within its interval",
            "recall BETWEEN recall_low AND recall_high",
            shows=("recall_low", "recall", "recall_high"),
        ),
    )


def reports_candidates() -> Suite:
    """Each measure is a share, within its interval where it has one."""
    return (
        one_of("surface", surfaces.NAMES),
        *not_empty("measure"),
        *at_least(1, "num_users", "num_visited"),
        *(within(name, 0, 1) for name in ("value", "low", "high")),
        rule(
            "value is within its interval",
            "low IS NULL OR value BETWEEN low AND high",
            shows=("low", "value", "high"),
        ),
    )


def data_quality_results() -> Suite:
    """Every result is of a known severity, says what was found, and has few examples."""
    return (
        *not_empty("table_path", "expectation", "observed", "run_id"),
        one_of("severity", ("critical", "warning")),
        *at_least(0, "num_unexpected"),
        rule(
            "what is met has nothing unexpected",
            "NOT is_met OR (num_unexpected = 0 AND size(examples) = 0)",
            shows=("is_met", "num_unexpected"),
        ),
        rule(
            "examples: at most 5", "size(examples) <= 5", shows=("size(examples) AS num_examples",)
        ),
    )


def publications_log() -> Suite:
    """A swap names what it published, of which day, and what it replaced."""
    return (
        *not_empty("publication_id"),
        one_of("action", ("publish", "rollback")),
        rule("slate_date is the day", "slate_date = arrival_date", shows=("slate_date",)),
        rule(
            "it replaces another publication",
            "previous_id <> publication_id",
            shows=("previous_id",),
        ),
        rule(
            "surfaces is JSON",
            "try_parse_json(surfaces) IS NOT NULL",
            shows=("left(surfaces, 40) AS surfaces",),
        ),
    )
