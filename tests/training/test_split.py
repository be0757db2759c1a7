from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.days import Days, one_day
from training.split import CalendarConfig, TooLittleToLearnError, is_fit_night, split

NIGHT = date(2026, 3, 1)
CONFIG = CalendarConfig(num_days=10, max_stop_days=3, min_stop_clicks=20, min_fit_clicks=30)


def ago(num_days: int) -> date:
    return NIGHT - timedelta(days=num_days)


def test_a_busy_log_stops_on_the_day_before_the_night() -> None:
    found = split(NIGHT, {ago(1): 20, ago(2): 30}, CONFIG)
    assert found.stop == one_day(ago(1))
    assert found.fit == Days(ago(10), ago(2))


def test_a_quiet_log_reaches_back_until_it_holds_enough_to_stop_on() -> None:
    found = split(NIGHT, {ago(1): 19, ago(2): 1, ago(3): 30}, CONFIG)
    assert found.stop == Days(ago(2), ago(1))
    assert found.fit == Days(ago(10), ago(3))


def test_no_more_than_the_allowed_days_are_kept_for_stopping() -> None:
    found = split(NIGHT, {ago(1): 1, ago(4): 30}, CONFIG)
    assert found.stop == Days(ago(3), ago(1))


def test_the_night_itself_is_never_counted() -> None:
    with pytest.raises(TooLittleToLearnError, match=r"29 clicked examples .* 30 are needed"):
        split(NIGHT, {NIGHT: 1000, ago(1): 1000, ago(2): 29}, CONFIG)


def test_nothing_is_fitted_without_a_click_to_stop_on() -> None:
    with pytest.raises(TooLittleToLearnError):
        split(NIGHT, {ago(5): 1000}, CONFIG)


@given(st.dictionaries(st.integers(0, 14), st.integers(0, 60)))
def test_days_of_learning_and_stopping_fill_the_window_and_do_not_meet(
    clicks: dict[int, int],
) -> None:
    num_clicks = {ago(n): count for n, count in clicks.items()}
    stop_clicks = [sum(clicks.get(n, 0) for n in range(1, last + 1)) for last in (1, 2, 3)]
    num_stop = next((n for n, found in enumerate(stop_clicks, 1) if found >= 20), 3)
    fit_clicks = sum(clicks.get(n, 0) for n in range(num_stop + 1, 11))

    if fit_clicks < 30 or stop_clicks[num_stop - 1] == 0:
        with pytest.raises(TooLittleToLearnError):
            split(NIGHT, num_clicks, CONFIG)
        return
    found = split(NIGHT, num_clicks, CONFIG)

    assert found.stop == Days(ago(num_stop), ago(1))
    assert found.fit == Days(ago(10), ago(num_stop + 1))


def test_fits_follow_the_lakes_calendar() -> None:
    first = date(2026, 1, 1)
    month = Days(first, date(2026, 1, 31))
    nights = [d.day for d in month if is_fit_night(d, first_day=first, config=CalendarConfig())]
    assert nights == [1, 8, 15, 22, 29]
