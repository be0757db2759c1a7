"""How many groups of users a run holds in memory, one after another."""

from collections.abc import Iterable
from datetime import date, timedelta

from etl import tables
from etl.days import Days
from etl.tables import Table
from orchestration.bucketing import num_buckets

FIRST = date(2026, 1, 1)


class Counted:
    """A lake of which only the numbers of rows are known."""

    def __init__(self, users: dict[int, int], events: dict[int, int]) -> None:
        self._rows = {tables.FEATURES_USER_DAILY.path: users, tables.SILVER_EVENTS.path: events}

    def num_rows(self, table: Table, days: Iterable[date]) -> dict[date, int]:
        rows = self._rows[table.path]
        return {day: rows.get((day - FIRST).days, 0) for day in days}


def found(
    first: int, last: int, *, users: dict[int, int], events: dict[int, int], candidates: int = 200
) -> int:
    days = Days(FIRST + timedelta(days=first), FIRST + timedelta(days=last))
    counted = Counted(users, events)
    return num_buckets(counted, days, num_candidates=candidates)  # type: ignore[arg-type]


def test_few_users_make_as_many_groups_as_keep_all_cores_busy() -> None:
    assert found(1, 1, users={0: 700}, events={1: 9_000}) == 4


def test_groups_of_a_night_hold_no_more_users_the_more_users_there_are() -> None:
    assert found(1, 1, users={0: 100_000}, events={}) == 50
    assert found(1, 1, users={0: 10_000_000}, events={}) == 5_000


def test_users_of_the_day_itself_count_once_they_are_known() -> None:
    assert found(1, 1, users={0: 100_000, 1: 200_000}, events={}) == 100


def test_groups_of_a_range_are_smaller_since_their_rows_of_all_evenings_stay() -> None:
    assert found(1, 60, users={0: 20_000}, events={}) == 30


def test_on_the_lakes_first_day_events_stand_for_users() -> None:
    assert found(0, 0, users={}, events={0: 600_000}) == 60


def test_a_quiet_first_day_is_no_reason_to_forget_who_came_before() -> None:
    assert found(0, 1, users={}, events={0: 600_000}) == 60


def test_groups_are_smaller_the_more_candidates_a_user_has() -> None:
    assert found(1, 1, users={0: 100_000}, events={}, candidates=2_000) == 500
    assert found(1, 1, users={0: 100_000}, events={}, candidates=20) == 50
