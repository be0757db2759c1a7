"""Makes silver/events: what users did and how the catalogue changed, typed and counted once."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables import SILVER_EVENTS


def build(numbered: DataFrame) -> DataFrame:
    """Keep the lines that gave an event which no line gave before.

    Args:
        numbered: Rows of ``etl.silver.parse.number``.

    Returns:
        Rows of ``tables.SILVER_EVENTS``.
    """
    is_event = F.col("reason").isNull() & F.col("previous_arrival_date").isNull()
    return numbered.where(is_event).select(SILVER_EVENTS.column_names)
