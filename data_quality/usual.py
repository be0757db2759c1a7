"""What number of rows is usual for a day: the median of the week before it.

A table that holds only what was touched has all that is alive on every 7th day: its day is
compared with the one a week before, which is as full. A lake's first day is as full as no other:
nothing but itself was alive on it.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

import pandas as pd

from data_quality.checks import NUM_ROWS, NUM_ROWS_TO_USUAL, NUM_USUAL_DAYS, SOME_ROWS
from data_quality.config import QualityConfig
from etl.days import FULL_EVERY_DAYS
from etl.tables import Table

USUAL_ROWS = "usual number of rows"


def with_usual(
    frame: pd.DataFrame, *, table: Table, before: Mapping[date, int], config: QualityConfig
) -> pd.DataFrame:
    """Set beside each day of a profile what is usual, and how far it is from that.

    Args:
        frame: Of ``profile.profile``.
        table: Which table.
        before: Rows of each day made in the week before the first of ``frame``, and of the day
            before that week.
        config: How long a week is, and how few rows are ignored.

    Returns:
        ``frame`` with ``USUAL_ROWS`` and the columns of the ``Given`` checks; the usual is
        null where the week before is not known whole, or rests on the lake's first day.
    """
    num_rows = {**before, **frame[NUM_ROWS].to_dict()}
    known = [_known(day, num_rows, config.usual_days) for day in frame.index]
    usual = [
        _usual(day, num_rows, days, table) if len(days) == config.usual_days else float("nan")
        for day, days in zip(frame.index, known, strict=True)
    ]
    columns = {
        SOME_ROWS: frame[NUM_ROWS],
        NUM_USUAL_DAYS: [len(days) for days in known],
        USUAL_ROWS: usual,
    }
    found = frame.assign(**columns)
    ignored = config.num_rows_ignored
    share = (found[NUM_ROWS] + ignored) / (found[USUAL_ROWS] + ignored)
    return found.assign(**{NUM_ROWS_TO_USUAL: share})


def _known(day: date, num_rows: Mapping[date, int], num_days: int) -> list[date]:
    week = [day - timedelta(days=n) for n in range(1, num_days + 1)]
    return [past for past in week if past in num_rows]


def _usual(day: date, num_rows: Mapping[date, int], known: list[date], table: Table) -> float:
    if not table.is_touched_only:
        return float(median(num_rows[past] for past in known))
    alike = day - timedelta(days=FULL_EVERY_DAYS)
    is_first = alike - timedelta(days=1) not in num_rows
    return float("nan") if is_first else float(num_rows[alike])
