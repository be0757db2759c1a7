from datetime import UTC, date, datetime
from typing import Any

from etl.tables import BRONZE_LINES, FEATURES_USER_HISTORY, SILVER_EVENTS
from scoring.explained_lines import entries_of, events_of, lines_of, newest_of
from tests.training.known_evening import Row, table_of, visit

DAY = date(2026, 1, 9)


def event(event_id: str, *, line_number: int = 1, **changes: Any) -> Row:  # noqa: ANN401
    usual = {
        "arrival_date": DAY,
        "source": "app",
        "event_id": event_id,
        "event_type": "view",
        "event_at": datetime(2026, 1, 9, 12, tzinfo=UTC),
        "user_id": "ann",
        "item_id": "p1",
        "file_name": "12.jsonl",
        "line_number": line_number,
    }
    return usual | changes


def line(number: int, text: bytes, *, file_name: str = "12.jsonl") -> Row:
    return {
        "arrival_date": DAY,
        "source": "app",
        "file_name": file_name,
        "line_number": number,
        "line": text,
    }


def test_entries_come_by_item_then_newest_first() -> None:
    visits = [
        visit(7, days_ago=4),
        visit(1, days_ago=3),
        visit(5, days_ago=2),
        visit(1, days_ago=1),
    ]
    history = table_of(FEATURES_USER_HISTORY, [{"user_id": "ann", "long": visits}])

    found = entries_of([1, 7], history)

    assert [(one.item_no, one.event_id) for one in found] == [(1, "1"), (1, "3"), (7, "4")]
    assert found[0].event_type == "view"


def test_events_keep_their_entries_order_and_others_are_left_out() -> None:
    visits = [visit(1, days_ago=1.5), visit(1, days_ago=1.2)]
    history = table_of(FEATURES_USER_HISTORY, [{"user_id": "ann", "long": visits}])
    entries = entries_of([1], history)
    rows = [event("1.5"), event("1.2", line_number=2), event("9", line_number=3)]

    found = events_of(entries, table_of(SILVER_EVENTS, rows))

    assert [(one.event_id, one.line_number) for one in found] == [("1.2", 2), ("1.5", 1)]


def test_lines_are_found_by_their_place_and_cut_with_bad_bytes_replaced() -> None:
    events = newest_of(table_of(SILVER_EVENTS, [event("a", line_number=2), event("b")]))
    rows = [
        line(1, b"caf\xff"),
        line(2, b"x" * 301),
        line(3, b"unasked"),
        line(1, b"another file's", file_name="13.jsonl"),
    ]

    found = lines_of(events, table_of(BRONZE_LINES, rows))

    assert [one.text for one in found] == ["caf\ufffd", "x" * 299 + "…"]
