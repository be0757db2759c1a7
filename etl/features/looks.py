"""What users were shown, by category, as far as they looked."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.features.positions import looked_at
from etl.features.touches import LOOK_CODE


def looks(
    impressions: DataFrame, *, items: DataFrame, positions: DataFrame, appeal: DataFrame
) -> DataFrame:
    """Add up how far each user looked at each category on an arrival day.

    Args:
        impressions: Rows of ``tables.SILVER_IMPRESSIONS``.
        items: Rows of ``tables.SILVER_ITEMS`` of the same days.
        positions: Rows of ``tables.FEATURES_POSITIONS`` of the same days.
        appeal: Rows of ``tables.FEATURES_ITEM_APPEAL`` of the same days.

    Returns:
        arrival_date, user_id, category, event_at (the latest), event_code ``LOOK_CODE``,
        ``examined`` in parts of ``etl.features.positions``, and ``expected``, the clicks of usual
        users who had looked so, in the same parts.
    """
    known = items.where(F.col("category").isNotNull()).select(
        "arrival_date", "item_no", "item_type", "item_id", "category"
    )
    rated = appeal.select("arrival_date", "item_no", "appeal_click_rate")
    shown = impressions.select(
        "arrival_date", "surface", "user_id", "item_type", "item_id", "position", "shown_at"
    )
    shown = looked_at(shown, positions)
    named = shown.join(known, ["arrival_date", "item_type", "item_id"])
    named = named.join(rated, ["arrival_date", "item_no"], "left")
    rate = F.coalesce("appeal_click_rate", F.lit(0.0))
    return named.groupBy("arrival_date", "user_id", "category").agg(
        F.max("shown_at").alias("event_at"),
        F.lit(LOOK_CODE).cast("byte").alias("event_code"),
        F.sum("examined").alias("examined"),
        F.sum(F.round(F.col("examined") * rate).cast("long")).alias("expected"),
    )
