"""What is read of touched-only tables to go on from: of whom, and each one's newest row.

Belongs here: what ``user_pairs`` and ``user_history`` do alike with their own past.
"""

from datetime import date

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from etl.arrow import codes_of, run_starts
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


def newest(state: pa.Table) -> pa.Table:
    """Keep each user's row of the latest partition.

    Args:
        state: Rows of some users, with user_id and arrival_date.
    """
    _, (user,) = codes_of(state.column("user_id"))
    day = state.column("arrival_date").cast(pa.int32()).to_numpy()
    order = np.lexsort((-day, user))
    first = order[run_starts(user[order])]
    return state if len(first) == len(order) else state.take(pa.array(np.sort(first)))
