"""The lines of a few files, through parse and number into the three tables that share them."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.days import Days
from etl.silver import duplicate_lines, events, line_counts, rejected_lines
from etl.silver.parse import PLACE, number, parse
from etl.tables import (
    SILVER_DUPLICATE_LINES,
    SILVER_EVENTS,
    SILVER_LINE_COUNTS,
    SILVER_REJECTED_LINES,
)

MON = date(2026, 1, 5)
LinesOf = Callable[[dict[tuple[date, str], list[bytes]]], DataFrame]


def sent(event_id: str | None, day: date = MON, **more: object) -> bytes:
    """A view as the app sends it on ``day`` at noon."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    view = {"v": 1, "file": "f", "line": 1, "type": "view", "user": "ana", "item": "shoe"}
    known = {**view, "time_us": int(at.timestamp()) * 1_000_000, **more}
    return msgspec.json.encode(known if event_id is None else {**known, "id": event_id})


def after(days: int) -> date:
    return MON + timedelta(days=days)


def nothing_before(numbered: DataFrame) -> DataFrame:
    return numbered.select(*PLACE).where(F.lit(False))


def read(lines: DataFrame) -> DataFrame:
    parsed = parse(lines)
    return number(parsed, nothing_before(parsed)).cache()


def test_lines_become_events_rejections_and_repetitions_and_each_file_balances(
    lines_of: LinesOf,
) -> None:
    lines = lines_of(
        {
            (MON, "07-a"): [sent("1"), b"rubbish", sent("1"), sent("2", price_cents=5)],
            (MON, "08-b"): [sent("2"), b""],
            (after(1), "07-a"): [sent("3", MON)],
        }
    )

    numbered = read(lines)
    tables = {
        "events": events.build(numbered),
        "rejected_lines": rejected_lines.build(numbered),
        "duplicate_lines": duplicate_lines.build(numbered),
    }
    counts = line_counts.build(lines, **tables)

    promised = (SILVER_EVENTS, SILVER_REJECTED_LINES, SILVER_DUPLICATE_LINES, SILVER_LINE_COUNTS)
    made = (*tables.values(), counts)
    assert [frame.columns for frame in made] == [table.column_names for table in promised]
    assert told(tables["events"], "file_name", "line_number", "event_id", "price_cents") == [
        (MON, "07-a", 1, "1", None),
        (MON, "07-a", 4, "2", 5),
        (after(1), "07-a", 1, "3", None),
    ]
    assert told(tables["rejected_lines"], "file_name", "line_number", "reason", "sample") == [
        (MON, "07-a", 2, "not_json", "rubbish"),
        (MON, "08-b", 2, "empty_line", ""),
    ]
    previous = ("previous_arrival_date", "previous_file_name", "previous_line_number")
    assert told(tables["duplicate_lines"], "file_name", "line_number", *previous) == [
        (MON, "07-a", 3, MON, "07-a", 1),
        (MON, "08-b", 1, MON, "07-a", 4),
    ]
    assert told(counts, *SILVER_LINE_COUNTS.column_names[1:]) == [
        (MON, "app", "07-a", 4, 2, 1, 1),
        (MON, "app", "08-b", 2, 0, 1, 1),
        (after(1), "app", "07-a", 1, 1, 0, 0),
    ]


def told(frame: DataFrame, *names: str) -> list[tuple[object, ...]]:
    """Rows with their arrival day first, in order of their place."""
    rows = [tuple(row) for row in frame.select("arrival_date", *names).collect()]
    return sorted(rows, key=lambda row: [str(value) for value in row])


def test_an_event_is_typed_and_points_to_its_line(lines_of: LinesOf) -> None:
    late = sent("1", MON, surface="product_feed", position=3, propensity=0.5, watch_ms=9, raw="x")

    (row,) = events.build(read(lines_of({(after(2), "07-a"): [late]}))).collect()

    known = {name: value for name, value in row.asDict().items() if value is not None}
    assert known.pop("event_at").astimezone(UTC) == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert known == {
        "arrival_date": after(2),
        "source": "app",
        "event_id": "1",
        "event_type": "view",
        "event_date": MON,
        "user_id": "ana",
        "item_type": "product",
        "item_id": "shoe",
        "surface": "product_feed",
        "position": 3,
        "propensity": 0.5,
        "watch_ms": 9,
        "file_name": "07-a",
        "line_number": 1,
    }


def test_a_line_repeats_the_line_before_it_for_seven_days(lines_of: LinesOf) -> None:
    days = (0, 7, 14, 22)
    files = {(after(n), "07-a"): [sent("1", after(n))] for n in days}

    numbered = read(lines_of(files))

    assert told(events.build(numbered), "event_id") == [(MON, "1"), (after(22), "1")]
    assert told(duplicate_lines.build(numbered), "previous_arrival_date") == [
        (after(7), MON),
        (after(14), after(7)),
    ]


def test_two_equal_lines_without_id_are_one_event(lines_of: LinesOf) -> None:
    line, other = sent(None, raw="a,b"), sent(None, raw="a,c")

    numbered = read(lines_of({(MON, "07-a"): [line, other, line]}))

    assert told(events.build(numbered), "line_number") == [(MON, 1), (MON, 2)]


def previous_by_hand(
    files: dict[tuple[date, str], list[str]],
) -> set[tuple[date, str, int, date, str, int]]:
    """Walk the lines in order and remember where each id was last."""
    last: dict[str, tuple[date, str, int]] = {}
    found = set()
    for (day, name), ids in sorted(files.items()):
        for place, event_id in enumerate(ids, start=1):
            before = last.get(event_id)
            if before and (day - before[0]).days <= 7:
                found.add((day, name, place, *before))
            last[event_id] = day, name, place
    return found


def test_nights_find_the_repetitions_that_a_range_finds(lines_of: LinesOf) -> None:
    rng = random.Random(3)
    days = Days(MON, after(19))
    ids = {
        (day, name): [str(rng.randint(0, 60)) for _ in range(rng.randint(0, 3))]
        for day in days
        for name in ("07-a", "08-b")
    }
    lines = {file: [sent(event_id, file[0]) for event_id in found] for file, found in ids.items()}
    parsed = parse(lines_of(lines)).cache()
    columns = ("file_name", "line_number", "previous_arrival_date", "previous_file_name")

    at_once = number(parsed, nothing_before(parsed))
    half = F.col("arrival_date") <= after(9)
    week = parsed.where(half & (F.col("arrival_date") > after(2))).select(*PLACE)
    in_two = number(parsed.where(half), nothing_before(parsed)).unionByName(
        number(parsed.where(~half), week)
    )

    made = [duplicate_lines.build(rows) for rows in (at_once, in_two)]
    whole, parts = (told(rows, *columns, "previous_line_number") for rows in made)
    assert whole == parts
    assert set(whole) == previous_by_hand(ids)
    assert len(whole) > 10
