"""The oracle looks, for each day and item, through everything that had arrived by then."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from etl.days import Days, is_full, one_day
from etl.silver import items
from etl.tables import SILVER_ITEMS
from etl.tables.silver import CATALOGUE_COLUMNS

FIRST = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12)
VALUES = ("title", "brand", "price_cents")
Frames = Callable[[list[dict[str, object]]], DataFrame]


def after(days: int) -> date:
    return FIRST + timedelta(days=days)


def event(item: str, day: int, arrived: int | None = None, **more: object) -> dict[str, object]:
    """Something about an item that happened at noon of ``day``."""
    return {
        "event_type": "item",
        "event_at": NOON + timedelta(days=day),
        "arrival_date": after(day if arrived is None else arrived),
        "item_type": "product",
        "item_id": item,
        **more,
    }


def nothing(events: DataFrame) -> DataFrame:
    return events.sparkSession.createDataFrame([], SILVER_ITEMS.schema)


def built(events: DataFrame, before: DataFrame, days: Days) -> DataFrame:
    of_days = events.where(F.col("arrival_date").between(days.first, days.last))
    return items.build(of_days, before=before, days=days, first_day=FIRST)


def told(frame: DataFrame, *names: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in frame.select(*names).collect())


def test_items_are_numbered_by_first_arrival_day_then_type_and_id(events_of: Frames) -> None:
    events = events_of(
        [
            event("b", 0, 1),
            event("a", 1),
            event("z", 0),
            event("c", 2),
            event("a", 1, item_type="live_slot"),
        ]
    )

    got = built(events, nothing(events), Days(FIRST, after(2)))

    assert told(got, "item_no", "item_type", "item_id", "first_arrival_date") == [
        (0, "product", "z", FIRST),
        (1, "live_slot", "a", after(1)),
        (2, "product", "a", after(1)),
        (3, "product", "b", after(1)),
        (4, "product", "c", after(2)),
    ]


def test_a_late_older_event_changes_nothing(events_of: Frames) -> None:
    newer = event("a", 2, title="new", price_cents=20)
    events = events_of([newer, event("a", 1, 3, title="old", price_cents=10, brand="only here")])

    got = built(events, nothing(events), Days(FIRST, after(3)))

    assert told(got, "arrival_date", "title", "price_cents", "brand") == [
        (after(2), "new", 20, None),
        (after(3), "new", 20, "only here"),
    ]


def test_what_is_not_said_again_stays_known_with_its_time(events_of: Frames) -> None:
    events = events_of([event("a", 1, title="shoe"), event("a", 2, price_cents=5)])

    rows = (
        built(events, nothing(events), Days(after(1), after(2))).orderBy("arrival_date").collect()
    )

    instants = [row.known_at.title.astimezone(UTC).date() for row in rows]
    assert [(row.title, row.price_cents) for row in rows] == [("shoe", None), ("shoe", 5)]
    assert instants == [after(1), after(1)]
    assert [row.known_at.price_cents is None for row in rows] == [True, False]


def test_an_item_that_was_only_shown_is_known(events_of: Frames) -> None:
    slate = [Row(position=0, item_id="x", propensity=None)]
    shown = event("", 1, item_id=None, item_type=None, surface="live_streams", shown=slate)
    events = events_of([{**shown, "event_type": "impression"}])

    got = built(events, nothing(events), one_day(after(1)))

    assert told(got, "item_no", "item_type", "item_id") == [(0, "live_slot", "x")]


def test_every_seventh_day_holds_all_items_and_other_days_the_touched(events_of: Frames) -> None:
    events = events_of([event("a", 1), event("b", 2), event("b", 8)])

    got = built(events, nothing(events), Days(FIRST, after(8)))

    assert told(got, "arrival_date", "item_id") == [
        (after(1), "a"),
        (after(2), "b"),
        (after(7), "a"),
        (after(7), "b"),
        (after(8), "b"),
    ]


def random_events(seed: int) -> list[dict[str, object]]:
    rng = random.Random(seed)
    found = []
    for n in range(120):
        day = rng.randint(3, 12)
        said = rng.sample(VALUES, rng.randint(0, 2))
        values = {name: n if name == "price_cents" else f"{n:03}" for name in said}
        item = f"i{rng.randint(0, 25)}"
        found.append(
            event(item, day - rng.choice([0, 0, 2, 5]), day, event_id=f"e{n:03}", **values)
        )
    return found


def by_hand(events: list[dict[str, object]], days: Days) -> set[tuple[object, ...]]:
    """Each touched item of each day, and all on full days, with what is newest by then."""
    in_order = sorted(events, key=lambda e: (e["arrival_date"], e["item_id"]))
    ids = list(dict.fromkeys(str(e["item_id"]) for e in in_order))
    touched = {(e["arrival_date"], e["item_id"]) for e in events}
    rows = set()
    for day in days:
        arrived = [e for e in events if e["arrival_date"] <= day]
        for number, item in enumerate(ids):
            own = [e for e in arrived if e["item_id"] == item]
            if own and (is_full(day, FIRST) or (day, item) in touched):
                rows.add((day, number, item, *(newest(own, name) for name in VALUES)))
    return rows


def newest(events: list[dict[str, object]], name: str) -> object:
    """The value said last, by event time, arrival day and event id."""
    rank = "event_at", "arrival_date", "event_id"
    said = [(*(e[by] for by in rank), e[name]) for e in events if name in e]
    return max(said)[-1] if said else None


def test_nights_leave_what_a_range_leaves_and_both_what_is_found_by_hand(events_of: Frames) -> None:
    rows = random_events(seed=5)
    events = events_of(rows).cache()
    days = Days(FIRST, after(12))
    halves = Days(FIRST, after(8)), Days(after(9), after(12))

    at_once = built(events, nothing(events), days).collect()
    first = built(events, nothing(events), halves[0]).cache()
    newest = first.groupBy("item_no").agg(F.max_by(F.struct("*"), "arrival_date").alias("newest"))
    known = newest.select("newest.*").select(SILVER_ITEMS.column_names)
    in_two = [*first.collect(), *built(events, known, halves[1]).collect()]

    assert sorted(at_once, key=repr) == sorted(in_two, key=repr)
    columns = ("arrival_date", "item_no", "item_id", *VALUES)
    assert {tuple(row[name] for name in columns) for row in at_once} == by_hand(rows, days)
    assert set(CATALOGUE_COLUMNS) == set(at_once[0].known_at.asDict())
