from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import days_of_epoch
from etl.features.eligibility import eligible

FRIDAY = date(2026, 1, 9)


def may_be_shown(
    item_type: str, item_id: str, *, evening: date = FRIDAY, days_silent: int = 0, left: bool = True
) -> bool:
    items = pa.table({"item_type": [item_type], "item_id": [item_id], "is_sold_out": [not left]})
    heard_at = datetime(evening.year, evening.month, evening.day, 12, tzinfo=UTC)
    heard_at -= timedelta(days=days_silent)
    found = eligible(
        items,
        day_R=np.array([days_of_epoch(evening)]),
        last_event_us_R=np.array([int(heard_at.timestamp()) * 1_000_000]),
    )
    return bool(found[0])


@pytest.mark.parametrize("weekday", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
def test_a_slot_is_shown_on_its_own_weekday_only(weekday: str) -> None:
    evenings = [FRIDAY + timedelta(days=n) for n in range(7)]
    shown = [e for e in evenings if may_be_shown("live_slot", f"h@{weekday}-20", evening=e)]
    assert [f"{e + timedelta(days=1):%a}".lower() for e in shown] == [weekday]


def test_a_slot_that_was_not_heard_of_for_two_weeks_has_ended() -> None:
    assert may_be_shown("live_slot", "h@sat-20", days_silent=13)
    assert not may_be_shown("live_slot", "h@sat-20", days_silent=14)
    assert may_be_shown("product", "p", days_silent=80)


def test_what_is_sold_out_is_not_shown() -> None:
    assert not may_be_shown("product", "p", left=False)
    assert not may_be_shown("live_slot", "h@sat-20", left=False)


def test_a_slot_without_a_slots_name_is_never_shown() -> None:
    assert not may_be_shown("live_slot", "room-8f3a")
    assert may_be_shown("short_video", "h@mon-20")
