"""Makes silver/rejected_lines: the lines that gave no event, and why."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables import SILVER_REJECTED_LINES


def build(numbered: DataFrame) -> DataFrame:
    """Keep the lines that have a reason.

    Args:
        numbered: Rows of ``etl.silver.parse.number``.

    Returns:
        Rows of ``tables.SILVER_REJECTED_LINES``.
    """
    rejected = numbered.where(F.col("reason").isNotNull())
    return rejected.select(SILVER_REJECTED_LINES.column_names)
