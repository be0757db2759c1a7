"""Makes features/panel: what some of the users looked at and clicked, by arrival day.

How appealing items are (``item_appeal``) is asked of a panel of users, so that it costs the same
for a hundred million of them. On a day of more impressions than ``PanelConfig.max_impressions`` the
panel is halved until they are fewer: those users stay whose hash ends in as many zeros. Who is in
it on a day of fewer is in it on that of more, or not; a row says nothing of other days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl.features.positions import looked_at, of_clicks


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelConfig:
    """How many looks are enough."""

    max_impressions: int = 500_000
    """Impressions of a day, about."""

    def halvings(self, num_impressions: int) -> int:
        """How often the panel of a day is halved."""
        return max(0, -(-num_impressions // self.max_impressions) - 1).bit_length()


def build(
    impressions: DataFrame,
    *,
    outcomes: DataFrame,
    items: DataFrame,
    positions: DataFrame,
    halvings: Mapping[date, int],
) -> DataFrame:
    """Add up what the panel's users looked at and clicked on each day.

    Args:
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` of the days.
        outcomes: Rows of ``tables.SILVER_OUTCOMES`` of the days.
        items: Rows of ``tables.SILVER_ITEMS`` of the days.
        positions: Rows of ``tables.FEATURES_POSITIONS`` of the days.
        halvings: How often each day's panel is halved.

    Returns:
        Rows of ``tables.FEATURES_PANEL``.
    """
    named = ("arrival_date", "user_id", "item_type", "item_id")
    own = impressions.where(_in_panel(halvings)).select(*named, "surface", "position")
    shown = looked_at(own, positions).select(*named, "examined", F.lit(0).alias("clicked"))
    of_impression = ("impression_source", "impression_event_id", "impression_position")
    clicked = (
        of_clicks(outcomes)
        .where(_in_panel(halvings))
        .select(*named, *of_impression)
        .distinct()
        .select(*named, F.lit(0).cast("long").alias("examined"), F.lit(1).alias("clicked"))
    )
    numbered = items.select("arrival_date", "item_type", "item_id", "item_no")
    by_item = (
        shown.unionByName(clicked)
        .join(numbered, ["arrival_date", "item_type", "item_id"])
        .groupBy("arrival_date", "user_id", "item_no")
        .agg(
            F.sum("examined").alias("examined"),
            F.sum("clicked").cast("int").alias("num_clicks"),
        )
    )
    one = F.struct("item_no", "examined", "num_clicks")
    listed = F.sort_array(F.collect_list(one)).alias("items")
    return by_item.groupBy("arrival_date", "user_id").agg(listed)


def _in_panel(halvings: Mapping[date, int]) -> Column:
    """Whose hash ends in as many zero bits as its day asks for."""
    halved = {day: number for day, number in halvings.items() if number}
    if not halved:
        return F.lit(True)
    mask = F.lit(0)
    for day, number in sorted(halved.items()):
        mask = F.when(F.col("arrival_date") == F.lit(day), F.lit((1 << number) - 1)).otherwise(mask)
    return F.xxhash64("user_id").bitwiseAND(mask.cast("long")) == 0
