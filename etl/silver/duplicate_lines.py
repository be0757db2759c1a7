"""Makes silver/duplicate_lines: the lines whose event was sent before."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables import SILVER_DUPLICATE_LINES


def build(numbered: DataFrame) -> DataFrame:
    """Keep the lines that repeat an event, each with a pointer to the line before it.

    Args:
        numbered: Rows of ``etl.silver.parse.number``.

    Returns:
        Rows of ``tables.SILVER_DUPLICATE_LINES``.
    """
    repeated = numbered.where(F.col("previous_arrival_date").isNotNull())
    return repeated.select(SILVER_DUPLICATE_LINES.column_names)
