"""Ranking: examples, fitted rankers, how they measured, and who serves."""

from typing import Final

from pyspark.sql.types import (
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
)

from etl import surfaces
from etl.features import dictionary
from etl.tables.retrieval import SOURCE_CODES
from etl.tables.schema import ITEM_NO, USER_ID, Table, columns, optional, required

CATEGORICAL: Final = (
    "item_category",
    "item_brand",
    "item_seller_id",
    "item_host_id",
    "user_country",
    "user_platform",
    "user_language",
)
"""Features that are words; a ranker's fitted encoder turns them into numbers."""


POSITION: Final = dictionary.Feature(
    "position",
    "place",
    0,
    float("inf"),
    "0 for the first, missing without impressions: what a place alone does to clicks",
)
"""Known of an impression only; whoever scores sets it (``training.inputs.SCORED_POSITION``)."""


def numeric_features() -> list[dictionary.Feature]:
    """List the numeric features of an example, in the order in which a ranker is given them."""
    return [
        *(_prefixed("item_", feature) for feature in dictionary.ITEM),
        *(_prefixed("user_", feature) for feature in dictionary.USER),
        *dictionary.PAIR,
        *source_features(),
        POSITION,
    ]


def _prefixed(prefix: str, feature: dictionary.Feature) -> dictionary.Feature:
    return dictionary.Feature(
        prefix + feature.name, feature.unit, feature.low, feature.high, feature.why
    )


def source_features() -> list[dictionary.Feature]:
    """List what the sources of candidates said of an item: who may read it is a rule of fits."""
    infinite = float("inf")
    found = [
        dictionary.Feature(
            "num_sources",
            "sources",
            1,
            len(SOURCE_CODES),
            "how many sources proposed it: agreement",
        ),
        dictionary.Feature(
            "fused_score", "score", 0, infinite, "what all sources together make of it"
        ),
    ]
    for name in SOURCE_CODES:
        found.append(
            dictionary.Feature(
                f"source_{name}_rank",
                "rank",
                1,
                infinite,
                f"its rank in {name}, missing where not proposed",
            )
        )
        found.append(
            dictionary.Feature(
                f"source_{name}_score",
                "the source's own",
                0,
                infinite,
                f"its score in {name}, missing where not proposed",
            )
        )
    return found


def _feature_columns() -> list[StructField]:
    words = [optional(name, StringType(), "as in features/*_daily") for name in CATEGORICAL]
    features = (f for f in numeric_features() if f is not POSITION)
    numbers = [optional(f.name, FloatType(), f.comment) for f in features]
    return words + numbers


def _examples(surface: str) -> Table:
    return Table(
        path=f"examples/{surface}",
        purpose="What rankers learn from and are judged on: features as they stood before it was "
        "shown, and what came of it.",
        grain="one item shown to one user, or proposed to one who then acted, with what followed",
        key=("user_id", "shown_date", "example_id", "item_no"),
        schema=columns(
            USER_ID,
            ITEM_NO,
            required("shown_date", DateType(), "UTC day of the impression, or of the actions"),
            required("feature_date", DateType(), "shown_date − 1: the evening its features are of"),
            required(
                "example_id",
                StringType(),
                "source:event:position of the impression; 'candidate' where the log has none",
            ),
            optional("position", IntegerType(), POSITION.comment),
            optional("propensity", DoubleType(), "in (0, 1]; null where not logged"),
            required(
                "is_own",
                BooleanType(),
                "our publication of the evening before put it there; true for candidates",
            ),
            required(
                "is_click",
                BooleanType(),
                "clicked, viewed, carted or ordered, as known on the day it arrived; rankers "
                "learn from silver/outcomes as known when they are fitted",
            ),
            required("is_cart", BooleanType(), "carted or ordered, as known then"),
            required("is_order", BooleanType(), "ordered and not cancelled, as known then"),
            required("is_hide", BooleanType(), "hidden, as known then"),
            optional("watch_ms", LongType(), "time watched, ms, as known then; null if not"),
            required(
                "sampling_weight", FloatType(), "how many such rows this one stands for, >= 1"
            ),
            *_feature_columns(),
        ),
        retention_days=90,
    )


EXAMPLES: Final = {name: _examples(name) for name in surfaces.NAMES}

_MODEL: Final = (
    required("surface", StringType(), "one of: " + ", ".join(surfaces.NAMES)),
    required("ranker", StringType(), "the ranker's name; none serves the fused candidate order"),
    required("model_date", DateType(), "the night on which it was fitted"),
)

_PREDICTS_BY: Final = {
    "logistic": "weights of values and of hashed crosses",
    "factorization": "a weight and a vector for each value of a field",
    "gbdt": "boosted trees, a head for each task",
    "lambdamart": "boosted trees that order each user's evening",
    "wide_deep": "weights of values and crosses beside a network",
    "deep": "attention over histories, crosses of features, a head for each task",
    "ensemble": "trees and the deep ranker together, weighed on held-out days",
}
RANKER_NAMES: Final = tuple(_PREDICTS_BY)
"""Rankers that can be fitted, from the simplest on (``training.registry``)."""


def _fits(ranker: str) -> Table:
    return Table(
        path=f"rankers/{ranker}",
        purpose=f"A ranker and its fits: {_PREDICTS_BY[ranker]}.",
        grain="one fit of one ranker for one surface, or why there was none",
        key=("surface",),
        schema=columns(
            *_MODEL,
            required("is_fitted", BooleanType(), "false where the reason says why not"),
            required("reason", StringType(), "why it was fitted, or why not"),
            optional("sha256", StringType(), "of the model's files, 64 hex digits"),
            optional("fit_first_date", DateType(), "first arrival day of examples learned from"),
            optional("fit_last_date", DateType(), "last arrival day of examples learned from"),
            optional("stop_date", DateType(), "arrival day on which training stopped early"),
            required("num_examples", LongType(), "examples learned from"),
            required("num_clicks", LongType(), "of them with a click"),
            required("num_orders", LongType(), "of them with an order"),
            optional(
                "manifest",
                StringType(),
                "JSON: features, days, table versions, configuration, cost, seed, library "
                "versions, and what the ranker tells of itself",
            ),
            partition="the night it was fitted on; only nights of the ranker's calendar have rows",
        ),
        # It names the version of the examples' table, which counts commits, and what it cost.
        volatile=("manifest",),
    )


RANKERS: Final = {name: _fits(name) for name in RANKER_NAMES}

CALIBRATORS: Final = Table(
    path="rankers/calibrators",
    purpose="Makes probabilities of what rankers predict, so that a click of one surface is worth "
    "a click of another.",
    grain="one calibration of what one ranker predicts for one task, or why there is none",
    key=("surface", "ranker", "model_date", "task"),
    schema=columns(
        *_MODEL,
        required("task", StringType(), "one of: " + ", ".join(surfaces.TASKS)),
        required("is_fitted", BooleanType(), "false where it is served as the ranker predicts it"),
        required("reason", StringType(), "how it was chosen, or why there is none"),
        optional("family", StringType(), "identity, platt, beta or isotonic"),
        optional("sha256", StringType(), "of calibration, 64 hex digits"),
        optional("calibration", StringType(), "JSON: curve, offsets by segment, held-out losses"),
        optional("first_date", DateType(), "first arrival day of examples fitted on"),
        optional("last_date", DateType(), "last arrival day of examples fitted on"),
        required("num_examples", LongType(), "examples fitted on"),
        required("num_positives", LongType(), "of them with what is predicted"),
        required("num_exploration", LongType(), "of them, those that chance placed"),
        required(
            "shown_by", StringType(), "us: impressions of our publications alone; all: everybody's"
        ),
        required(
            "known_share",
            DoubleType(),
            "part of what will follow that their labels held before correction, (0, 1]",
        ),
        partition="the night; it serves that night's slates",
    ),
)

IMPORTANCE: Final = Table(
    path="rankers/importance",
    purpose="Which features earn their keep, and which no ranker uses.",
    grain="what one feature is worth to one ranker that was fitted on the night",
    key=("surface", "ranker", "model_date", "feature"),
    schema=columns(
        *_MODEL,
        required("feature", StringType(), "the feature, as in examples"),
        optional("gain", DoubleType(), "share of the gain of clicks' trees, 0 … 1; trees only"),
        optional("shap", DoubleType(), "mean |SHAP value| in log-odds of a click; trees only"),
        required(
            "loss_without",
            DoubleType(),
            "log loss of clicks on the night where its values are dealt out anew among the "
            "examples, less that with them as they are",
        ),
        required("num_examples", LongType(), "examples that it was measured on"),
        partition="the night of the fit, on whose examples it is measured",
    ),
)

REPORTS: Final = Table(
    path="rankers/reports",
    purpose="How well rankers order and predict, beside the fused order and popularity of 7 days: "
    "who serves is decided by it.",
    grain="one measure of one ranker on one day's examples",
    key=("surface", "ranker", "model_date", "task", "segment", "metric"),
    schema=columns(
        *_MODEL,
        required("task", StringType(), "one of: " + ", ".join(surfaces.TASKS)),
        required(
            "segment",
            StringType(),
            "all, or a part of the examples: item_age=…, user_group=…, shown_by=us, ranked (by "
            "us), exploration or others, bin=… by rising prediction",
        ),
        required(
            "metric",
            StringType(),
            "auc, gauc, log_loss, ndcg@10, predicted_to_observed, ece (as a part of the base "
            "rate), …; what ends in _uncalibrated is before calibration",
        ),
        required("examples_date", DateType(), "the day whose examples it was judged on"),
        required(
            "maturity",
            DoubleType(),
            "share of the time in which outcomes are attributed that had passed, 0 … 1",
        ),
        optional("value", DoubleType(), "the measure; null where it is not defined"),
        optional("low", DoubleType(), "lower end of the 95 % bootstrap interval by user"),
        optional("high", DoubleType(), "upper end of the 95 % bootstrap interval by user"),
        optional("difference", DoubleType(), "value less that of who served, on the same examples"),
        optional("difference_low", DoubleType(), "its 95 % bootstrap interval, paired by user"),
        optional("difference_high", DoubleType(), "likewise"),
        required("num_users", LongType(), "users it was measured on"),
        required("num_positives", LongType(), "positive examples it was measured on"),
        partition="the night that judged",
    ),
)

CHAMPIONS: Final = Table(
    path="rankers/champions",
    purpose="Who orders the night's slates: chosen by rule, or by a person with `nightmarket "
    "champion`.",
    grain="who serves one surface tonight, since when and why",
    key=("surface",),
    schema=columns(
        *_MODEL,
        required("since_date", DateType(), "the first night it served"),
        required("decided_by", StringType(), "rule, or the person who chose"),
        required("reason", StringType(), "what decided it, with the figures"),
        optional(
            "challenged", StringType(), "what was found of each ranker fitted tonight; null if none"
        ),
        partition="the night it serves",
    ),
)
