"""The oracle reads, for each day and user, every touch that had arrived by then."""

from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import user_pairs
from etl.features.user_pairs import PairsConfig
from etl.silver import impressions
from etl.tables import (
    FEATURES_ITEM_APPEAL,
    FEATURES_POSITIONS,
    FEATURES_USER_PAIRS,
    SILVER_EVENTS,
    SILVER_ITEMS,
)
from tests.etl.features.shop_log import (
    DAYS,
    FIRST,
    Row,
    arrow_of,
    assert_rows,
    frame_of,
    items_of,
    log,
    of_day,
    partitions,
    positions_of,
    same_bits,
)
from tests.etl.features.touch_rows import (
    CODE_OF,
    appeal_of,
    arrow_of_touches,
    as_of,
    look,
    looks_of,
    shown_users,
    touch,
    touches_of,
)

KEY = ("arrival_date", "user_id")
WEIGHTS = {"view": 1, "click": 1, "watch": 1, "like": 2, "cart": 3, "order": 5}
GROUPS = {"categories": "category", "brands": "brand", "sellers": "seller_id", "hosts": "host_id"}
CONFIG = PairsConfig(num_buckets=2)
KIND_OF = {code: kind for kind, code in CODE_OF.items()}


def is_kind(row: Row, *kinds: str) -> bool:
    return KIND_OF.get(row["event_code"]) in kinds


def affinity(rows: list[Row], half_life_days: float) -> float:
    latest = max(r["event_at"] for r in rows)
    return float(
        sum(
            WEIGHTS.get(KIND_OF.get(r["event_code"], ""), 0)
            * 2.0 ** ((r["event_at"] - latest) / timedelta(days=half_life_days))
            for r in rows
        )
    )


def orders(rows: list[Row]) -> int:
    """Orders less cancels, day by day, never below 0."""
    left = 0
    for day in sorted({r["arrival_date"] for r in rows}):
        today = [r for r in rows if r["arrival_date"] == day]
        cancels = sum(is_kind(r, "cancel") for r in today)
        left = max(left + sum(is_kind(r, "order") for r in today) - cancels, 0)
    return left


def latest(rows: list[Row], *kinds: str) -> object:
    return max((r["event_at"] for r in rows if is_kind(r, *kinds)), default=None)


def item(number: int, rows: list[Row]) -> Row:
    return {
        "item_no": number,
        "num_clicks": sum(is_kind(r, "view", "click") for r in rows),
        "num_carts": sum(is_kind(r, "cart") for r in rows),
        "num_orders": orders(rows),
        "num_hides": sum(is_kind(r, "hide") for r in rows),
        "watch_ms": sum(r["watch_ms"] or 0 for r in rows),
        "last_click_at": latest(rows, "view", "click"),
        "last_cart_at": latest(rows, "cart"),
        "last_order_at": latest(rows, "order"),
        "last_watch_at": latest(rows, "watch"),
        "affinity": affinity(rows, 7),
        "affinity_at": max(r["event_at"] for r in rows),
    }


def group(column: str, name: str, rows: list[Row]) -> Row:
    last = max(r["event_at"] for r in rows)
    sums = ("examined", "expected") if column == "category" else ()
    return {
        column: name,
        "num_clicks": sum(is_kind(r, "view", "click") for r in rows),
        "num_orders": orders(rows),
        "last_event_at": latest(rows, *KIND_OF.values()),
        "affinity": affinity(rows, 7),
        "affinity_at": last,
        "short_term_affinity": affinity(rows, 2),
        "long_term_affinity": affinity(rows, 30),
        **{name: sum(r[name] for r in rows) for name in sums},
    }


def by(rows: list[Row], column: str) -> list[tuple]:
    values = sorted({r[column] for r in rows if r[column] is not None})
    return [(value, [r for r in rows if r[column] == value]) for value in values]


def oracle(rows: list[Row], days: Days) -> list[Row]:
    made = []
    for day in days:
        for user in shown_users(rows, day):
            known = [r for r in rows if r["user_id"] == user and r["arrival_date"] <= day]
            row = {
                "arrival_date": day,
                "user_id": user,
                "last_event_at": max(r["event_at"] for r in known),
                "items": [item(number, of_item) for number, of_item in by(known, "item_no")],
            }
            for array, column in GROUPS.items():
                row[array] = [group(column, name, some) for name, some in by(known, column)]
            made.append(row)
    return made


def assert_pairs(made: pa.Table, expected: list[Row]) -> None:
    """Compare rows, then each array's elements."""
    arrays = ("items", *GROUPS)
    assert_rows(made, [{n: v for n, v in r.items() if n not in arrays} for r in expected], *KEY)
    for array in arrays:
        elements, wanted = elements_of(made.to_pylist(), array), elements_of(expected, array)
        assert [list(e) for e in elements] == [list(e) for e in wanted]
        places = [{"place": n, **e} for n, e in enumerate(wanted)]
        found = pa.Table.from_pylist([{"place": n, **e} for n, e in enumerate(elements)])
        assert_rows(found, places, "place")


def elements_of(rows: list[Row], array: str) -> list[Row]:
    """All elements of an array, by day, user and their order in it."""
    ordered = sorted(rows, key=lambda r: (r["arrival_date"], r["user_id"]))
    return [element for row in ordered for element in row[array]]


def rows_of(events: list[Row]) -> list[Row]:
    items = items_of(events)
    return touches_of(events, items) + looks_of(events, items)


def kernel(rows: list[Row], state: pa.Table | None, days: Days) -> pa.Table:
    before = arrow_of(FEATURES_USER_PAIRS, []) if state is None else state
    touched = arrow_of_touches(rows, days)
    made = user_pairs.pairs(touched, before, days=days, first_day=FIRST, config=CONFIG)
    return made.cast(before.schema)


def night_by_night(rows: list[Row], days: Days) -> pa.Table:
    made = kernel(rows, None, one_day(days.first))
    for evening, day in pairwise(days):
        made = pa.concat_tables([made, kernel(rows, as_of(made, evening), one_day(day))])
    return made


@pytest.mark.parametrize("seed", range(3))
def test_each_day_knows_what_had_arrived(seed: int) -> None:
    events = log(seed)
    rows = rows_of(events)

    made = kernel(rows, None, DAYS)

    assert_pairs(made, oracle(rows, DAYS))


@pytest.mark.parametrize("seed", range(3))
def test_nights_leave_what_a_range_leaves(seed: int) -> None:
    events = log(seed)
    rows = rows_of(events)

    made = night_by_night(rows, DAYS)

    assert same_bits(made, kernel(rows, None, DAYS), *KEY)


def test_who_is_silent_for_90_days_is_forgotten_by_nights_and_ranges() -> None:
    rows = [
        touch("a", "order", 0.5, item=3, category="hats"),
        touch("b", "click", 100.5, item=4),
        touch("c", "click", 60.5, user="other", item=5),
    ]
    long = Days(FIRST, FIRST + timedelta(days=102))

    made = kernel(rows, None, long)

    back = of_day(made, FIRST + timedelta(days=100)).to_pylist()
    assert [(r["user_id"], [i["item_no"] for i in r["items"]]) for r in back] == [("u", [4])]
    assert back[0]["categories"] == []
    assert same_bits(made, night_by_night(rows, long), *KEY)


def test_what_was_only_shown_is_remembered_without_liking_it() -> None:
    rows = [touch("a", "click", 0.5, category="hats"), look(1.5, "hats", 700_000, expected=9)]
    rows += [look(1.6, "shoes", 300_000), look(1.7, "shoes", 1_000_000, user="other")]

    made = kernel(rows, None, Days(FIRST, FIRST + timedelta(days=1)))

    other, own = sorted(
        of_day(made, FIRST + timedelta(days=1)).to_pylist(), key=lambda r: r["user_id"]
    )
    hats, shoes = own["categories"]
    assert (hats["examined"], hats["expected"], hats["num_clicks"]) == (700_000, 9, 1)
    assert hats["affinity"] == pytest.approx(2 ** (-1 / 7))
    assert (shoes["examined"], shoes["affinity"], shoes["last_event_at"]) == (300_000, 0.0, None)
    assert (other["items"], other["categories"][0]["examined"]) == ([], 1_000_000)


def test_a_cancel_of_an_unknown_order_leaves_no_debt() -> None:
    rows = [touch("a", "cancel", 0.5), touch("b", "order", 1.5)]

    made = kernel(rows, None, Days(FIRST, FIRST + timedelta(days=1)))

    assert [row["items"][0]["num_orders"] for row in made.to_pylist()] == [0, 1]


def test_of_many_items_the_latest_are_kept_and_all_that_he_ordered_or_hid() -> None:
    clicks = [touch(f"e{n:04}", "click", 1 + n / 10_000, item=10 + n) for n in range(1_999)]
    early = [
        touch("o", "order", 0.1, item=1),
        touch("h", "hide", 0.2, item=2),
        touch("c", "click", 0.3, item=3),
        touch("d", "click", 0.4, item=4),
    ]

    made = kernel([*early, *clicks], None, Days(FIRST, FIRST + timedelta(days=1)))

    kept = [i["item_no"] for i in made.to_pylist()[-1]["items"]]
    assert kept == [1, 2, 4, *range(10, 10 + 1_999)]


def build(
    spark: SparkSession, events: list[Row], before: pa.Table, days: Days, num: int
) -> pa.Table:
    of_days = [row for row in events if row["arrival_date"] in days]
    items = [row for row in items_of(events) if row["arrival_date"] in days]
    log_frame = frame_of(spark, SILVER_EVENTS, of_days).repartition(num)
    with partitions(spark, num):
        return user_pairs.build(
            log_frame,
            items=frame_of(spark, SILVER_ITEMS, items),
            impressions=impressions.build(log_frame, days=days),
            positions=frame_of(spark, FEATURES_POSITIONS, positions_of(days)),
            appeal=frame_of(spark, FEATURES_ITEM_APPEAL, appeal_of(items)),
            before=spark.createDataFrame(before, FEATURES_USER_PAIRS.schema),
            days=days,
            first_day=FIRST,
            config=PairsConfig(num_buckets=num),
        ).toArrow()


def test_the_maker_leaves_the_same_rows_for_two_ranges_and_another_partitioning(
    spark: SparkSession,
) -> None:
    events = log(9)
    middle: date = FIRST + timedelta(days=8)
    nothing = arrow_of(FEATURES_USER_PAIRS, [])

    whole = build(spark, events, nothing, DAYS, 2)
    early = build(spark, events, nothing, Days(FIRST, middle), 5)
    rest = Days(middle + timedelta(days=1), DAYS.last)
    late = build(spark, events, as_of(early, middle), rest, 5)

    assert same_bits(whole, pa.concat_tables([early, late]), *KEY)
    assert_pairs(whole, oracle(rows_of(events), DAYS))
