from collections.abc import Callable
from datetime import date

import dagster as dg
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
CALENDAR = dg.DailyPartitionsDefinition(start_date=str(FIRST))


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


def in_graph(read: Read, day: date) -> set[date]:
    """The days that Dagster shows as read for one day made."""
    made = CALENDAR.empty_subset().with_partition_keys([str(day)])
    found = read.mapping.get_upstream_mapped_partitions_result_for_partitions(
        made, CALENDAR, CALENDAR
    )
    return set(map(date.fromisoformat, found.partitions_subset.get_partition_keys()))


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
        (reads.same_days(TABLE), january(9)),
        (reads.days_back(TABLE, 2), january(7, 8, 9)),
        (reads.evenings_before(TABLE, 3), january(6, 7, 8)),
        (reads.days_before(TABLE, 1), january(8)),
    ],
    ids=["same days", "days back", "evenings before", "days before"],
)
def test_the_graph_shows_the_days_that_are_read(read: Read, expected: set[date]) -> None:
    assert in_graph(read, date(2026, 1, 9)) == expected


def test_a_touched_only_state_is_read_from_its_last_full_day_on() -> None:
    """Full days of the lake: 1, 8, 15 January; whichever day is made, one of 7 is among them."""
    full = january(1, 8)

    shown = [in_graph(reads.since_full(TABLE), date(2026, 1, n)) for n in range(1, 13)]

    assert all(days & full for days in shown)


def test_what_is_read_on_the_driver_is_required_all_the_same(lake: Lake) -> None:
    read = reads.on_driver(reads.days_back(TABLE, 1))

    assert not read.is_frame
    assert required(read, MADE, lake) == january(8, 9, 10)
