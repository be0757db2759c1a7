"""What must hold in ranking: examples in range and in time, fits and judgements that make sense."""

from typing import Final

from data_quality.checks import Suite, at_least, not_empty, one_of, probability, rule, within
from etl import surfaces
from etl.tables.ranking import numeric_features

_FITTED: Final = ("sha256", "fit_first_date", "fit_last_date", "stop_date", "manifest")


def examples() -> Suite:
    """Features are of the evening before, in their ranges; an order is a cart is a click."""
    return (
        *not_empty("user_id", "example_id"),
        rule(
            "feature_date is the day before shown_date",
            "feature_date = date_sub(shown_date, 1)",
            shows=("feature_date", "shown_date"),
        ),
        rule(
            "shown_date is at most a day after the day",
            "shown_date <= date_add(arrival_date, 1)",
            shows=("shown_date",),
        ),
        *at_least(0, "item_no", "watch_ms"),
        *at_least(1, "sampling_weight"),
        probability("propensity"),
        rule(
            "an order is a cart, a cart is a click",
            "(is_cart OR NOT is_order) AND (is_click OR NOT is_cart)",
            shows=("is_click", "is_cart", "is_order"),
        ),
        *(within(f.name, f.low, f.high) for f in numeric_features()),
    )


def rankers_fits() -> Suite:
    """A fitted ranker has files and days in order; one that is not says why."""
    return (
        one_of("surface", surfaces.NAMES),
        *not_empty("ranker", "reason"),
        *at_least(0, "num_examples", "num_clicks", "num_orders"),
        rule("model_date is the day", "model_date = arrival_date", shows=("model_date",)),
        rule("sha256 is 64 hex digits", "sha256 RLIKE '^[0-9a-f]{64}$'", shows=("sha256",)),
        rule(
            "a fitted ranker says from what",
            " AND ".join(f"(NOT is_fitted OR {column} IS NOT NULL)" for column in _FITTED),
            shows=("is_fitted", *_FITTED[:-1]),
        ),
        rule(
            "it was fitted before it was stopped, and stopped before it is judged",
            "fit_first_date <= fit_last_date AND fit_last_date < stop_date "
            "AND stop_date < model_date",
            shows=("fit_first_date", "fit_last_date", "stop_date", "model_date"),
        ),
        rule(
            "manifest is JSON",
            "manifest IS NULL OR try_parse_json(manifest) IS NOT NULL",
            shows=("left(manifest, 40) AS manifest",),
        ),
    )


def rankers_calibrators() -> Suite:
    """A calibration has its bytes, their hash and its days; one that is not there says why."""
    return (
        one_of("surface", surfaces.NAMES),
        one_of("task", surfaces.TASKS),
        *not_empty("ranker", "reason"),
        one_of("shown_by", ("us", "all")),
        *at_least(0, "num_examples", "num_positives", "num_exploration"),
        probability("known_share"),
        rule(
            "a calibration has its JSON, its hash and its days",
            "NOT is_fitted OR (family IS NOT NULL AND first_date IS NOT NULL "
            "AND try_parse_json(calibration) IS NOT NULL AND sha256 = sha2(calibration, 256))",
            shows=("is_fitted", "family", "sha256", "left(calibration, 40) AS calibration"),
        ),
        rule(
            "it was fitted before the night, and its ranker by then",
            "first_date <= last_date AND last_date < arrival_date AND model_date <= arrival_date",
            shows=("first_date", "last_date", "model_date"),
        ),
    )


def rankers_importance() -> Suite:
    """Shares are shares, and only what was fitted on the night is told."""
    return (
        one_of("surface", surfaces.NAMES),
        *not_empty("ranker", "feature"),
        *at_least(0, "shap", "num_examples"),
        within("gain", 0, 1),
        rule("model_date is the day", "model_date = arrival_date", shows=("model_date",)),
    )


def rankers_reports() -> Suite:
    """A measure lies within its interval and rests on a number of users."""
    return (
        one_of("surface", surfaces.NAMES),
        one_of("task", surfaces.TASKS),
        *not_empty("ranker", "metric", "segment"),
        *at_least(0, "num_users", "num_positives"),
        rule(
            "value is within its interval",
            "value BETWEEN low AND high",
            shows=("low", "value", "high"),
        ),
        rule(
            "difference is within its interval",
            "difference BETWEEN difference_low AND difference_high",
            shows=("difference_low", "difference", "difference_high"),
        ),
        rule(
            "model_date is not after examples_date, nor that after the day",
            "model_date <= examples_date AND examples_date <= arrival_date",
            shows=("model_date", "examples_date"),
        ),
        within("maturity", 0, 1),
    )


def rankers_champions() -> Suite:
    """Who serves was fitted by then, and it is said since when and why."""
    return (
        one_of("surface", surfaces.NAMES),
        *not_empty("ranker", "decided_by", "reason"),
        *(
            rule(f"{column} is not after the day", f"{column} <= arrival_date", shows=(column,))
            for column in ("model_date", "since_date")
        ),
    )
