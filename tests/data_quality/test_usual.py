from datetime import date, timedelta

import pandas as pd
import pytest

from data_quality.checks import NUM_ROWS, NUM_ROWS_TO_USUAL
from data_quality.config import QualityConfig
from data_quality.usual import with_usual
from etl import tables
from etl.days import FULL_EVERY_DAYS
from etl.tables import Table

FIRST = date(2026, 1, 1)
CONFIG = QualityConfig(num_rows_ignored=0)
ROWS = [100 if n % FULL_EVERY_DAYS == 0 else 10 for n in range(16)]
ROWS[0] = 5
"""A touched-only table's days: full ones have more rows, but for the lake's first."""
SECOND_FULL, THIRD_FULL = 7, 14


def share_of(number: int, table: Table) -> float:
    """How far a day, counted from the lake's first, is from its usual; NaN where none is known."""
    day = FIRST + timedelta(days=number)
    frame = pd.DataFrame({NUM_ROWS: [ROWS[number]]}, index=pd.Index([day], dtype=object))
    before = {FIRST + timedelta(days=n): ROWS[n] for n in range(max(0, number - 8), number)}
    found = with_usual(frame, table=table, before=before, config=CONFIG)
    return float(found[NUM_ROWS_TO_USUAL].iloc[0])


@pytest.mark.parametrize("number", [SECOND_FULL + 1, THIRD_FULL, THIRD_FULL + 1])
def test_a_touched_only_day_is_compared_with_the_one_a_week_before(number: int) -> None:
    assert share_of(number, tables.SILVER_ITEMS) == 1


def test_the_second_full_day_is_not_compared_with_the_lakes_first_day() -> None:
    assert pd.isna(share_of(SECOND_FULL, tables.SILVER_ITEMS))


def test_a_day_of_another_table_is_compared_with_the_median_of_its_week() -> None:
    assert share_of(THIRD_FULL, tables.SILVER_EVENTS) == ROWS[THIRD_FULL] / 10
