from datetime import date, datetime, timedelta

import pyarrow as pa

from etl.arrow import arrow_schema
from etl.tables import FEATURES_USER_HISTORY
from training.retrieval.covisitation import pairs

FIRST = date(2026, 1, 1)
_ENTRY = arrow_schema(FEATURES_USER_HISTORY.schema).field("long").type


def history(day: date, *users: list[tuple[int, date]]) -> pa.Table:
    """One row per user: (item_no, arrival day) of each view, in order."""
    start = datetime(2026, 1, 1)
    rows = [
        [
            {
                "event_at": start + timedelta(minutes=n),
                "event_code": 1,
                "item_no": item,
                "price_cents": None,
                "entry_arrival_date": arrived,
                "event_id": str(n),
            }
            for n, (item, arrived) in enumerate(user)
        ]
        for user in users
    ]
    days = pa.array([day] * len(rows), pa.date32())
    return pa.table({"arrival_date": days, "long": pa.array(rows, _ENTRY)})


def found(table: pa.Table) -> set[tuple[int, int, int]]:
    return {(r["item_no"], r["to_item_no"], r["sixtieths"]) for r in table.to_pylist()}


def test_a_later_visit_counts_one_over_its_gap() -> None:
    got = pairs(history(FIRST, [(1, FIRST), (2, FIRST), (3, FIRST)]))
    assert found(got) == {(1, 2, 60), (2, 3, 60), (1, 3, 30)}


def test_a_run_on_one_item_is_one_visit() -> None:
    got = pairs(history(FIRST, [(1, FIRST), (1, FIRST), (2, FIRST)]))
    assert found(got) == {(1, 2, 60)}


def test_a_pair_is_known_on_the_day_its_later_event_arrived() -> None:
    second = FIRST + timedelta(days=1)
    got = pairs(history(second, [(1, FIRST), (2, FIRST), (3, second)]))
    assert found(got) == {(2, 3, 60), (1, 3, 30)}


def test_users_do_not_meet_and_a_gap_of_six_is_too_far() -> None:
    got = pairs(history(FIRST, [(n, FIRST) for n in range(7)], [(8, FIRST)]))
    assert (0, 6, 10) not in found(got)
    assert not {to for _, to, _ in found(got)} & {8}
