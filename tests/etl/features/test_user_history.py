"""The oracle sorts, for each day and user, every touch that had arrived by then."""

from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import user_history
from etl.tables import FEATURES_USER_HISTORY, SILVER_EVENTS, SILVER_ITEMS
from tests.etl.features.shop_log import (
    DAYS,
    FIRST,
    Row,
    after,
    arrow_of,
    assert_rows,
    frame_of,
    items_of,
    log,
    of_day,
    partitions,
    same_bits,
)
from tests.etl.features.touch_rows import (
    arrow_of_touches,
    as_of,
    shown_users,
    touch,
    touches_of,
)

KEY = ("arrival_date", "user_id")


def entry(row: Row) -> Row:
    names = ("event_at", "event_code", "item_no", "price_cents")
    return {
        **{name: row[name] for name in names},
        "entry_arrival_date": row["arrival_date"],
        "event_id": row["event_id"],
    }


def oracle(rows: list[Row], days: Days) -> list[Row]:
    made = []
    for day in days:
        for user in shown_users(rows, day):
            known = [r for r in rows if r["user_id"] == user and r["arrival_date"] <= day]
            ordered = sorted(known, key=lambda r: (r["event_at"], r["event_id"]))
            since = day - timedelta(days=28)
            kept = [
                entry(r)
                for n, r in enumerate(ordered)
                if n >= len(ordered) - 1_000 or r["arrival_date"] > since
            ]
            made.append(
                {
                    "arrival_date": day,
                    "user_id": user,
                    "last_event_at": ordered[-1]["event_at"],
                    "num_events": len(known),
                    "short": kept[-50:],
                    "long": kept,
                }
            )
    return made


def kernel(rows: list[Row], state: pa.Table | None, days: Days) -> pa.Table:
    before = arrow_of(FEATURES_USER_HISTORY, []) if state is None else state
    touched = arrow_of_touches(rows, days)
    made = user_history.histories(touched, before, days=days, first_day=FIRST)
    return made.cast(before.schema)


def night_by_night(rows: list[Row], days: Days) -> pa.Table:
    made = kernel(rows, None, one_day(days.first))
    for evening, day in pairwise(days):
        made = pa.concat_tables([made, kernel(rows, as_of(made, evening), one_day(day))])
    return made


@pytest.mark.parametrize("seed", range(3))
def test_each_day_has_what_had_arrived_in_order(seed: int) -> None:
    events = log(seed)
    rows = touches_of(events, items_of(events))

    made = kernel(rows, None, DAYS)

    assert_rows(made, oracle(rows, DAYS), *KEY)


@pytest.mark.parametrize("seed", range(3))
def test_nights_leave_what_a_range_leaves(seed: int) -> None:
    events = log(seed)
    rows = touches_of(events, items_of(events))

    made = night_by_night(rows, DAYS)

    assert same_bits(made, kernel(rows, None, DAYS), *KEY)


def many(day: float, num_events: int) -> list[Row]:
    """Events of one user, a second apart."""
    second = 1 / 86_400
    return [touch(f"e{day}{n:05}", "click", day + n * second, item=n) for n in range(num_events)]


def test_the_latest_thousand_are_kept_and_all_of_the_last_28_arrival_days() -> None:
    rows = [*many(0.1, 1_300), touch("x", "cart", 20.5), touch("y", "cart", 29.5)]
    days = Days(FIRST, FIRST + timedelta(days=30))

    made = kernel(rows, None, days)

    assert_rows(made, oracle(rows, days), *KEY)
    told = {r["arrival_date"]: (len(r["short"]), len(r["long"])) for r in made.to_pylist()}
    assert told[FIRST] == (50, 1_300)
    assert told[FIRST + timedelta(days=20)] == (50, 1_301)
    assert told[FIRST + timedelta(days=29)] == (50, 1_000)
    assert same_bits(made, night_by_night(rows, days), *KEY)


def test_a_day_adds_at_most_the_latest_two_thousand_but_counts_all() -> None:
    made = kernel(many(0.1, 2_100), None, one_day(FIRST)).to_pylist()[0]

    assert made["num_events"] == 2_100
    assert [e["item_no"] for e in made["long"]] == list(range(100, 2_100))


def test_who_is_silent_for_90_days_is_forgotten_by_nights_and_ranges() -> None:
    rows = [touch("a", "order", 0.5), touch("b", "click", 100.5)]
    long = Days(FIRST, FIRST + timedelta(days=102))

    made = kernel(rows, None, long)

    back = of_day(made, FIRST + timedelta(days=100)).to_pylist()[0]
    assert ([e["event_id"] for e in back["long"]], back["num_events"]) == (["b"], 1)
    assert same_bits(made, night_by_night(rows, long), *KEY)


def test_a_late_event_stands_where_it_happened() -> None:
    rows = [touch("a", "click", 2.5), touch("b", "cart", 0.5, arrived=3)]

    made = kernel(rows, None, Days(FIRST, FIRST + timedelta(days=3)))

    last = made.to_pylist()[-1]
    assert [e["event_id"] for e in last["long"]] == ["b", "a"]
    assert last["last_event_at"] == after(2.5)


def build(
    spark: SparkSession, events: list[Row], before: pa.Table, days: Days, num: int
) -> pa.Table:
    of_days = [row for row in events if row["arrival_date"] in days]
    items = [row for row in items_of(events) if row["arrival_date"] in days]
    with partitions(spark, num):
        return user_history.build(
            frame_of(spark, SILVER_EVENTS, of_days).repartition(num),
            items=frame_of(spark, SILVER_ITEMS, items),
            before=spark.createDataFrame(before, FEATURES_USER_HISTORY.schema),
            days=days,
            first_day=FIRST,
            num_buckets=num,
        ).toArrow()


def test_the_maker_leaves_the_same_rows_for_two_ranges_and_another_partitioning(
    spark: SparkSession,
) -> None:
    events = log(9)
    middle = FIRST + timedelta(days=8)
    nothing = arrow_of(FEATURES_USER_HISTORY, [])

    whole = build(spark, events, nothing, DAYS, 2)
    early = build(spark, events, nothing, Days(FIRST, middle), 5)
    late = build(
        spark, events, as_of(early, middle), Days(middle + timedelta(days=1), DAYS.last), 5
    )

    assert same_bits(whole, pa.concat_tables([early, late]), *KEY)
    assert_rows(whole, oracle(touches_of(events, items_of(events)), DAYS), *KEY)
