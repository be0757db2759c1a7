from collections.abc import Callable
from datetime import date

import pytest

from etl import tables
from etl.days import Days
from etl.lake import Lake
from etl.lake_files import MissingDayError
from etl.tables import Table
from orchestration import reads
from orchestration.reads import Read

FIRST = date(2026, 1, 1)
MADE = Days(date(2026, 1, 9), date(2026, 1, 10))
TABLE = tables.SILVER_EVENTS


def january(*numbers: int) -> set[date]:
    return {date(2026, 1, number) for number in numbers}


def required(read: Read, days: Days, lake: Lake) -> set[date]:
    """The days without which a read is refused, found one by one."""
    everything = january(*range(1, 13))
    found = set()
    for left_out in everything:
        for day in everything - {left_out}:
            lake.files.mark(read.table, day, "")
        try:
            read.require_made(lake, days)
        except MissingDayError:
            found.add(left_out)
        for day in everything - {left_out}:
            (lake.root / "_days" / read.table.path / str(day)).unlink()
    return found


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (reads.same_days, january(9, 10)),
        (lambda table: reads.days_back(table, 2), january(7, 8, 9, 10)),
        (lambda table: reads.evenings_before(table, 3), january(6, 7, 8, 9)),
        (lambda table: reads.days_before(table, 2), january(7, 8)),
        (lambda table: reads.newest_within(table, 2), january(9, 10)),
        (lambda table: reads.own_past(table, 2), set()),
    ],
    ids=["same days", "days back", "evenings before", "days before", "newest", "own past"],
)
def test_a_window_is_refused_without_any_of_its_days(
    lake: Lake, make: Callable[[Table], Read], expected: set[date]
) -> None:
    assert required(make(TABLE), MADE, lake) == expected


def test_a_window_that_begins_before_the_lake_asks_only_for_days_of_the_lake(lake: Lake) -> None:
    read = reads.days_back(TABLE, 28)

    assert required(read, Days(FIRST, date(2026, 1, 2)), lake) == january(1, 2)


def test_the_first_day_of_the_lake_needs_no_past(lake: Lake) -> None:
    own_past = reads.days_before(TABLE, 7)

    assert required(own_past, Days(FIRST, FIRST), lake) == set()


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (reads.same_days(TABLE), "the day"),
        (reads.days_back(TABLE, 2), "the day and the 2 days before"),
        (reads.evenings_before(TABLE, 3), "the 3 days before"),
        (reads.days_before(TABLE, 1), "the day before"),
        (reads.since_full(TABLE), "the day and the 6 days before"),
    ],
    ids=["same days", "days back", "evenings before", "days before", "since full"],
)
def test_a_window_is_said_in_words(read: Read, expected: str) -> None:
    assert read.window == expected


def test_what_is_read_on_the_driver_is_required_all_the_same(lake: Lake) -> None:
    read = reads.on_driver(reads.days_back(TABLE, 1))

    assert not read.is_frame
    assert required(read, MADE, lake) == january(8, 9, 10)
