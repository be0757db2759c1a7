from dataclasses import replace
from datetime import date

from data_quality.results import Result
from etl import tables
from etl.days import Days
from etl.lake import Lake
from orchestration import check_results

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 2)
HELD = Result(
    arrival_date=FIRST,
    table_path="silver/events",
    expectation="user_id is never null",
    severity="critical",
    is_met=True,
    observed="0 broken, of 7 rows",
    num_unexpected=0,
    examples=(),
)
BROKE = replace(HELD, is_met=False, observed="1 broken, of 7 rows", examples=('{"user_id":null}',))


def stored(lake: Lake) -> list[tuple[date, str, bool, list[str]]]:
    rows = lake.files.made(tables.DATA_QUALITY_RESULTS).to_pylist()
    found = [(r["arrival_date"], r["table_path"], r["is_met"], r["examples"]) for r in rows]
    return sorted(found, key=str)


def test_what_several_checks_left_is_written_at_once(lake: Lake) -> None:
    events, items = tables.SILVER_EVENTS, tables.SILVER_ITEMS
    of_items = replace(HELD, table_path="silver/items")
    check_results.leave(lake, events, Days(FIRST, LAST), [HELD, replace(HELD, arrival_date=LAST)])
    check_results.leave(lake, items, Days(FIRST, FIRST), [of_items])

    num_written = check_results.write(lake)

    assert num_written == 3
    assert stored(lake) == [
        (FIRST, "silver/events", True, []),
        (FIRST, "silver/items", True, []),
        (LAST, "silver/events", True, []),
    ]
    assert check_results.write(lake) == 0


def test_a_check_that_ran_again_replaces_its_own_results_only(lake: Lake) -> None:
    of_items = replace(HELD, table_path="silver/items")
    check_results.leave(lake, tables.SILVER_EVENTS, Days(FIRST, FIRST), [HELD])
    check_results.leave(lake, tables.SILVER_ITEMS, Days(FIRST, FIRST), [of_items])
    check_results.write(lake)

    check_results.leave(lake, tables.SILVER_EVENTS, Days(FIRST, FIRST), [BROKE])
    check_results.write(lake)

    assert stored(lake) == [
        (FIRST, "silver/events", False, ['{"user_id":null}']),
        (FIRST, "silver/items", True, []),
    ]
