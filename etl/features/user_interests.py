"""Makes features/user_interests: what a user is interested in, now and in the long run.

Nothing of its own is remembered: features/user_pairs folds each category's affinity with a short
and a long half-life, and an interest is a category's share of them at the user's latest event.
"""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl.features.pair_book import LONG_TERM_DAYS, SHORT_TERM_DAYS
from etl.tables import FEATURES_USER_INTERESTS

NUM_SHORT_TERM: Final = 10
NUM_LONG_TERM: Final = 20
_DAY_SECONDS: Final = 86_400.0


def build(pairs: DataFrame) -> DataFrame:
    """Turn each user's affinities with categories into shares.

    Args:
        pairs: Rows of ``tables.FEATURES_USER_PAIRS``; the result has their days and users.

    Returns:
        Rows of ``tables.FEATURES_USER_INTERESTS``.
    """
    strengths = pairs.select(
        "arrival_date",
        "user_id",
        "last_event_at",
        _interests("short_term_affinity", SHORT_TERM_DAYS, NUM_SHORT_TERM).alias("short_term"),
        _interests("long_term_affinity", LONG_TERM_DAYS, NUM_LONG_TERM).alias("long_term"),
    )
    return strengths.select(FEATURES_USER_INTERESTS.column_names)


def _interests(affinity: str, half_life_days: float, num_interests: int) -> Column:
    """The strongest categories, strongest first, ties by name."""

    def decayed(group: Column) -> Column:
        age_days = _seconds_between(group["affinity_at"], F.col("last_event_at")) / _DAY_SECONDS
        return group[affinity] * F.pow(F.lit(2.0), -age_days / half_life_days)

    total = F.aggregate("categories", F.lit(0.0), lambda total, group: total + decayed(group))
    shares = F.transform(
        "categories",
        lambda group: F.struct(
            # Null where nothing of his weighs anything: then he has no interest to show.
            F.try_divide(-decayed(group), total).alias("order"),
            group["category"].alias("category"),
            (group["num_clicks"] + group["num_orders"]).alias("num_events"),
        ),
    )
    present = F.filter(shares, lambda share: share["order"] < 0)
    strongest = F.slice(F.sort_array(present), 1, num_interests)
    return F.transform(
        strongest,
        lambda share: F.struct(
            share["category"].alias("category"),
            (-share["order"]).alias("strength"),
            share["num_events"].alias("num_events"),
        ),
    )


def _seconds_between(earlier: Column, later: Column) -> Column:
    return (F.unix_micros(later) - F.unix_micros(earlier)) / 1e6
