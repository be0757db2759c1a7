"""Counts what becomes of impressions on their way to examples: none is left out unsaid."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.surfaces import Surface
from training.example_rows import (
    LATE_DAYS,
    Evenings,
    ExamplesConfig,
    days_late,
    evening_before,
)

IN_TIME: Final = "examples, or stood for by one"
SAMPLED: Final = "of these left out by the sample"


def count(
    impressions: DataFrame, *, known: Evenings, surface: Surface, config: ExamplesConfig
) -> dict[str, int]:
    """Count the surface's impressions by what becomes of them: none is left out unsaid.

    Args:
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` of the days to make.
        known: What was known on the evenings before them.
        surface: For which surface.
        config: How many impressions of a user and day are kept.
    """
    of_surface = impressions.where(F.col("surface") == surface.name)
    by = of_surface.groupBy("arrival_date", "shown_date", "user_id", "item_type").count()
    evening = F.col("arrival_date").alias("feature_date")
    users = known.users.select(evening, "user_id", "is_personalisation_off")
    dated = by.withColumn("feature_date", evening_before()).join(users, known.key, "left")
    fate = (
        F.when(F.col("item_type") != surface.item_type, "not of the surface's type")
        .when(days_late() > LATE_DAYS, f"arrived more than {LATE_DAYS} days late")
        .when(days_late() < 0, "stamped after they arrived")
        .when(F.col("is_personalisation_off").isNull(), "of users unknown the evening before")
        .when(F.col("is_personalisation_off"), "of users who had opted out")
        .otherwise(IN_TIME)
    )
    over = F.greatest(F.col("count") - config.max_impressions, F.lit(0))
    found = dated.groupBy(fate.alias("fate")).agg(F.sum("count").alias("n"), F.sum(over).alias("o"))
    rows = found.collect()
    above = sum(row["o"] for row in rows if row["fate"] == IN_TIME)
    counts = {row["fate"]: row["n"] for row in rows}
    return counts | ({SAMPLED: above} if above else {})
