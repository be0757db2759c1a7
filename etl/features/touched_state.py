"""Of whom the rows of touched-only tables are read to go on from."""

from datetime import date

from pyspark.sql import DataFrame

from etl.asked_keys import only_asked
from etl.days import Days, is_full


def needed(before: DataFrame, touched: DataFrame, days: Days, first_day: date) -> DataFrame:
    """Leave out most of those whose rows ``days`` do not write.

    Args:
        before: Rows of a touched-only table by user_id.
        touched: user_id of all who are touched on ``days``, as often as you like.
        days: The days to make.
        first_day: The lake's first day: on full days all who are alive are written.
    """
    if any(is_full(day, first_day) for day in days):
        return before
    return only_asked(before, touched, ["user_id"])
