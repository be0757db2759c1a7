"""Makes silver/impressions: what was shown, one row per item, user and position of a request.

An app sends the slate that it showed as one event; a log of single impressions sends one event per
item. Whether anything came of an impression belongs to silver/outcomes.
"""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl import surfaces
from etl.days import Days
from etl.tables import SILVER_IMPRESSIONS

_OF_SURFACE: Final = {surface.name: surface.item_type for surface in surfaces.ALL}
_OF_ITEM_TYPE: Final = {surface.item_type: surface.name for surface in surfaces.ALL}


def build(events: DataFrame, *, days: Days) -> DataFrame:
    """Give every shown item a row, on the day its event arrived.

    An impression without a surface is of the one that recommends its items, and one without an
    item type shows what its surface recommends. An event that shows a single item and gives no
    position is a slate of one: its item stands at the first place.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived on ``days``.
        days: The days to make.

    Returns:
        Rows of ``tables.SILVER_IMPRESSIONS``.
    """
    is_asked = F.col("arrival_date").between(days.first, days.last)
    requests = events.where(is_asked & (F.col("event_type") == "impression"))
    slate = F.coalesce("shown", F.array(_single_item()))
    rows = requests.withColumn("one", F.explode(slate)).withColumns(
        {
            "position": F.col("one.position"),
            "item_id": F.col("one.item_id"),
            "propensity": F.col("one.propensity"),
            "item_type": shown_type(),
            "surface": shown_on(),
            "shown_at": F.col("event_at"),
            "shown_date": F.col("event_date"),
        }
    )
    return rows.select(SILVER_IMPRESSIONS.column_names)


def shown_type() -> Column:
    """What kind of items an event shows: as it says, else what its surface recommends."""
    return F.coalesce("item_type", _mapped(_OF_SURFACE, "surface"))


def shown_on() -> Column:
    """Where an event shows its items: as it says, else where such items are recommended."""
    return F.coalesce("surface", _mapped(_OF_ITEM_TYPE, "item_type"))


def _single_item() -> Column:
    """The slate of an event that names its item itself, as an element of ``shown``."""
    position = F.coalesce("position", F.lit(0)).alias("position")
    return F.struct(position, "item_id", "propensity")


def _mapped(words: dict[str, str], column: str) -> Column:
    pairs = [F.lit(word) for pair in words.items() for word in pair]
    return F.try_element_at(F.create_map(*pairs), F.col(column))
