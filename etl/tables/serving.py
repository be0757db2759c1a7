"""Serving: slates, how they fared, checks' results, and what was published."""

from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
)

from etl import surfaces
from etl.tables.retrieval import USER_GROUPS
from etl.tables.schema import ITEM_NO, Table, array_of, columns, optional, required

AUDIENCES: Final = ("user", "segment", "default")

PREDICTIONS: Final = {
    "click": "p_click",
    "cart": "p_cart",
    "order": "p_order",
    "watch": "watch_share",
}
"""For each of ``surfaces.TASKS`` the field of a slate's item that holds what was predicted."""

_SLATE_ITEM: Final = array_of(
    ITEM_NO,
    required("item_id", StringType(), "as the log names it: what a reader is given"),
    required("value", DoubleType(), "what it was ordered by, in the surface's currency"),
    optional("p_click", FloatType(), "predicted probability of a click; null without a ranker"),
    optional("p_cart", FloatType(), "of a cart; null without a ranker or not of this surface"),
    optional("p_order", FloatType(), "of an order; null without a ranker or not of this surface"),
    optional("watch_share", FloatType(), "expected share of the video watched, 0 … 1; null alike"),
    required("sources", ArrayType(StringType(), containsNull=False), "who proposed it"),
    required("rules", ArrayType(StringType(), containsNull=False), "rules that moved it"),
    required("propensity", DoubleType(), "P(item here | user, day, earlier positions), in (0, 1]"),
    required("is_exploration", BooleanType(), "drawn from the pool, not from the order"),
)


def _slates(surface: str) -> Table:
    return Table(
        path=f"slates/{surface}",
        purpose="What users are shown: the best candidates by the champion's value, under the "
        "caps, some places left to exploration.",
        grain="one ordered slate: a user's own, a segment's, or the default",
        key=("audience", "audience_key"),
        schema=columns(
            required("audience", StringType(), "one of: " + ", ".join(AUDIENCES)),
            required("audience_key", StringType(), "user id, country|platform|language, or *"),
            required(
                "segment",
                StringType(),
                "country|platform|language, nothing where absent: whose row stands in for an empty "
                "slate",
            ),
            required("items", _SLATE_ITEM, "the slate, first place first; empty where opted out"),
            required("reserve", _SLATE_ITEM, "who steps in for a dropped item; fits every rule"),
            optional("short_reason", StringType(), "why it has fewer than K; null if full"),
            required("ranker", StringType(), "who ordered it; none: the fused candidate order"),
            optional("model_date", DateType(), "night on which that ranker was fitted"),
            required("feature_date", DateType(), "evening its features are of"),
            partition="the day after whose end it was made; it is read on the next",
        ),
        retention_days=90,
    )


SLATES: Final = {name: _slates(name) for name in surfaces.NAMES}

SLATE_REPORTS: Final = Table(
    path="reports/slates",
    purpose="Whether slates are any good: beside popularity of 7 days, co-visitation and the "
    "fused order, by what users then did.",
    grain="one measure of one evening's slates on the days that followed",
    key=("surface", "slate_date", "horizon_days", "audience", "policy", "metric"),
    schema=columns(
        required("surface", StringType(), "one of: " + ", ".join(surfaces.NAMES)),
        required("slate_date", DateType(), "the slates' day"),
        required("horizon_days", IntegerType(), "days after it that were watched: 1 or 7"),
        required("audience", StringType(), "user: own slates; default: those served a default row"),
        required("policy", StringType(), "slates, popularity_7d, covisitation or candidates"),
        required("metric", StringType(), "recall@20, ndcg@20, hit_rate@20, coverage@20, ceiling"),
        optional("value", DoubleType(), "mean over users; null where no user acted"),
        required("num_users", LongType(), "users with a truth in the horizon"),
        required("num_truths", LongType(), "their distinct items in the horizon"),
        partition="the last day watched",
    ),
)

SOURCE_REPORTS: Final = Table(
    path="reports/sources",
    purpose="What each source is worth: what it finds alone, and what would be lost without it.",
    grain="what one candidate source brought to one group of the day's visitors",
    key=("surface", "user_group", "source"),
    schema=columns(
        required("surface", StringType(), "one of: " + ", ".join(surfaces.NAMES)),
        required("user_group", StringType(), f"all, or one of {', '.join(USER_GROUPS)}"),
        required("source", StringType(), "the source"),
        required("num_users", LongType(), "visitors of the day, at most 1,000 in all"),
        required("num_visited", LongType(), "items that they visited"),
        required("recall", DoubleType(), "share of these that all sources' candidates hold"),
        required("recall_low", DoubleType(), "its 95 % bootstrap interval by user"),
        required("recall_high", DoubleType(), "likewise"),
        required("recall_alone", DoubleType(), "share that the source's own list holds"),
        required("lost_without", DoubleType(), "recall that is lost where it is left out"),
        required("lost_without_low", DoubleType(), "its 95 % bootstrap interval by user"),
        required("lost_without_high", DoubleType(), "likewise"),
        required("found_by_it_only", DoubleType(), "share that no other source proposed at all"),
        required("share_of_found", DoubleType(), "its part of the fused scores of what was found"),
        partition="the day of the visits; sources and weights are as of the evening before",
    ),
)

CANDIDATE_REPORTS: Final = Table(
    path="reports/candidates",
    purpose="What was lost before ranking: no ranker shows what the candidates do not hold.",
    grain="one measure of the evening's candidates of those who then came",
    key=("surface", "measure"),
    schema=columns(
        required("surface", StringType(), "one of: " + ", ".join(surfaces.NAMES)),
        required(
            "measure",
            StringType(),
            "recall, item age: …: share of what was visited that the candidates held; coverage: "
            "share of what may be shown that is anybody's candidate; gini of how often",
        ),
        required("value", DoubleType(), "share, 0 … 1"),
        optional("low", DoubleType(), "95 % bootstrap interval by user; null where there is none"),
        optional("high", DoubleType(), "likewise"),
        required("num_users", LongType(), "visitors, at most 1,000 of the day"),
        required("num_visited", LongType(), "items that they visited"),
        partition="the day of the visits; candidates are of the evening before",
    ),
)

RESULTS: Final = Table(
    path="data_quality/results",
    purpose="What all checks found, kept, for whoever asks since when something is wrong.",
    grain="one expectation's result on one day of one table",
    key=("table_path", "expectation"),
    schema=columns(
        required("table_path", StringType(), "the table checked"),
        required("expectation", StringType(), "what was expected, in words and column"),
        required("severity", StringType(), "critical blocks what follows; warning does not"),
        required("is_met", BooleanType(), "whether it held"),
        required("observed", StringType(), "what was found"),
        required("num_unexpected", LongType(), "rows that broke it"),
        required("examples", ArrayType(StringType(), containsNull=False), "at most 5 of them"),
        required("run_id", StringType(), "the run that checked"),
        required("checked_at", TimestampType(), "when, UTC"),
        partition="the day checked",
    ),
    volatile=("run_id", "checked_at"),
)

PUBLICATIONS: Final = Table(
    path="publications/log",
    purpose="Moves the pointer that readers follow, once every row of every slate has been "
    "checked. A backfill moves nothing.",
    grain="one swap of the pointer that readers follow",
    key=("publication_id", "published_at"),
    schema=columns(
        required("publication_id", StringType(), "folder under publications/"),
        required("action", StringType(), "publish or rollback"),
        required("slate_date", DateType(), "newest slates it serves"),
        required("published_at", TimestampType(), "when the pointer moved, UTC"),
        required("previous_id", StringType(), "what it replaced; empty for the first"),
        required(
            "surfaces",
            StringType(),
            "JSON: for each surface its file, day, rows, or the block that kept the previous file",
        ),
        partition="the slates' day",
    ),
    volatile=("publication_id", "published_at", "previous_id", "surfaces"),
)
