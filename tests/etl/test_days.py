from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.days import FULL_EVERY_DAYS, Days, is_full, last_full, one_day

NEW_YEAR = date(2026, 1, 1)
some_day = st.dates(NEW_YEAR, date(2027, 1, 1))


def test_a_range_holds_its_first_and_last_day() -> None:
    days = Days(date(2026, 2, 27), date(2026, 3, 1))

    assert list(days) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert len(days) == 3
    assert date(2026, 3, 1) in days
    assert date(2026, 3, 2) not in days
    assert str(days) == "2026-02-27 … 2026-03-01"


def test_a_night_is_a_range_of_one_day() -> None:
    assert one_day(NEW_YEAR) == Days(NEW_YEAR, NEW_YEAR)
    assert str(one_day(NEW_YEAR)) == "2026-01-01"


def test_a_range_that_runs_backward_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-01-01 is after 2025-12-31"):
        Days(NEW_YEAR, date(2025, 12, 31))


def test_a_range_reaches_back_without_moving_its_end() -> None:
    days = Days(NEW_YEAR, date(2026, 1, 3))

    assert days.reaching_back(2) == Days(date(2025, 12, 30), date(2026, 1, 3))
    assert days.day_before == date(2025, 12, 31)


@given(some_day)
def test_every_seventh_day_from_the_lakes_first_is_full(day: date) -> None:
    full = [NEW_YEAR + timedelta(days=n) for n in range(0, 400, FULL_EVERY_DAYS)]

    assert is_full(day, NEW_YEAR) == (day in full)
    assert last_full(day, NEW_YEAR) == max(one for one in full if one <= day)
