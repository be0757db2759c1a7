"""The oracle reads, for each evening and item, every event that was known by then."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import item_daily, item_groups
from etl.features.item_daily import ItemDailyConfig
from etl.tables import FEATURES_ITEM_DAILY, SILVER_EVENTS, SILVER_ITEMS
from tests.etl.features.shop_log import (
    CODES,
    DAYS,
    FIRST,
    Row,
    after,
    age_days,
    arrow_of,
    assert_rows,
    counted_day,
    decayed,
    end_of,
    event,
    frame_of,
    items_of,
    log,
    named,
    of_day,
    partitions,
    ratio,
    same_bits,
    weekday_share,
    windows_of,
)

KEY = ("arrival_date", "item_no")
KINDS = {
    "impression": ("impression",),
    "click": ("view", "click"),
    "cart": ("cart",),
    "order": ("order",),
}
RATES = (
    ("click", "impression", 8.0),
    ("hide", "impression", 8.0),
    ("cart", "click", 3.0),
    ("order", "click", 3.0),
    ("cancel", "order", 2.0),
)
PRIORS = {"prior_impressions": 8.0, "prior_clicks": 3.0, "prior_orders": 2.0}
CONFIG = ItemDailyConfig(**PRIORS, num_buckets=2)
WORDS = ("item_type", "item_id", "category", "brand", "seller_id")


def touches(events: list[Row], items: list[Row]) -> list[Row]:
    """Events by item, each with the item as known when it arrived."""
    known = {(i["arrival_date"], i["item_type"], i["item_id"]): i for i in items}
    return [
        {**row, "item": known[row["arrival_date"], kind, item]}
        for row in events
        for kind, item in named(row)
    ]


def recent(known: list[Row], day: date) -> list[Row]:
    numbers: Counter = Counter()
    for row in known:
        if (day - row["event_date"]).days < 28:
            numbers[row["event_date"], CODES.get(row["event_type"], 0)] += 1
            numbers[row["event_date"], 8] += row["watch_ms"] or 0
    return [
        {"event_date": on, "code": code, "number": number}
        for (on, code), number in sorted(numbers.items())
        if code and number
    ]


def latest(known: list[Row], *types: str) -> object:
    return max(
        (r["event_at"] for r in known if not types or r["event_type"] in types), default=None
    )


def evening_of(known: list[Row], day: date) -> Row:
    said = max(known, key=lambda r: r["arrival_date"])["item"]
    clicked, ordered = latest(known, "view", "click"), latest(known, "order")
    of_month = [r for r in known if (day - r["event_date"]).days < 28]
    price = said["price_cents"]
    row: Row = {
        "arrival_date": day,
        "item_no": said["item_no"],
        **{word: said[word] for word in WORDS},
        "is_sold_out": said["stock"] == 0,
        "last_event_at": latest(known),
        "last_click_at": clicked,
        "last_order_at": ordered,
        "recent": recent(known, day),
        **windows_of(known, day, KINDS, lambda row: 1),
        "decayed_clicks_3d": decayed(known, day, ("view", "click"), 3),
        "decayed_carts_7d": decayed(known, day, ("cart",), 7),
        "decayed_orders_7d": decayed(known, day, ("order",), 7),
        "weekday_click_share": weekday_share(known, day),
        "age_days": float((day - said["first_arrival_date"]).days),
        "days_since_click": age_days(clicked, day),
        "days_since_order": age_days(ordered, day),
        "price_cents": None if price is None else float(price),
        "num_hides_28d": sum(r["event_type"] == "hide" for r in of_month),
        "num_cancels_28d": sum(r["event_type"] == "cancel" for r in of_month),
        "watch": sum(r["watch_ms"] or 0 for r in of_month),
    }
    row["click_trend"] = (row["num_clicks_1d"] + 1) / (row["num_clicks_7d"] / 7 + 1)
    row["order_trend"] = (row["num_orders_7d"] + 1) / (row["num_orders_28d"] / 4 + 1)
    return row


def rate(rows: list[Row], part: str, whole: str, prior: float, towards: float) -> float:
    parts, wholes = (sum(r[f"num_{n}s_28d"] for r in rows) for n in (part, whole))
    return (parts + prior * towards) / (wholes + prior)


def in_company(row: Row, evening: list[Row]) -> Row:
    """What an item owes to the other items of its evening, its own numbers included."""
    everything = [r for r in evening if r["item_type"] == row["item_type"]]
    alike = {
        word: [r for r in everything if r[word] == row[word]] if row[word] is not None else []
        for word in WORDS
    }
    overall = {
        (part, whole): rate(everything, part, whole, 2.0, 0.5)
        for part, whole in (
            ("click", "impression"),
            ("hide", "impression"),
            ("cart", "click"),
            ("order", "click"),
            ("cancel", "order"),
        )
    }
    is_logged = {whole: sum(r[f"num_{whole}s_28d"] for r in everything) > 0 for whole in KINDS}

    def of_group(word: str, part: str, whole: str, prior: float) -> float | None:
        if not alike[word] or not is_logged[whole]:
            return None
        return rate(alike[word], part, whole, prior, overall[part, whole])

    found: Row = {}
    for name, word in (("category", "category"), ("brand", "brand"), ("seller", "seller_id")):
        for what in ("num_clicks_7d", "num_orders_28d"):
            total = float(sum(r[what] for r in alike[word])) if alike[word] else None
            found[f"{name}_{what}"] = total
        found[f"{name}_order_rate_28d"] = of_group(word, "order", "click", 3.0)
    found["category_cart_rate_28d"] = of_group("category", "cart", "click", 3.0)
    found["seller_cancel_rate_28d"] = of_group("seller_id", "cancel", "order", 2.0)
    today, week = (sum(r[f"num_clicks_{n}d"] for r in alike["category"]) for n in (1, 7))
    found["category_click_trend"] = (today + 1) / (week / 7 + 1) if alike["category"] else None
    prices = [r["price_cents"] for r in alike["category"] if r["price_cents"] is not None]
    mean = ratio(sum(prices), len(prices))
    found["price_to_category_ratio"] = ratio(row["price_cents"], mean)
    for part, whole, prior in RATES:
        expected = of_group("category", part, whole, prior) or overall[part, whole]
        own = rate([row], part, whole, prior, expected)
        found[f"{part}_rate_28d"] = own if is_logged[whole] else None
    is_watched = any(r["watch"] for r in everything)
    watch_ms = ratio(row["watch"], row["num_clicks_28d"])
    found["mean_watch_ms_28d"] = watch_ms if is_watched else None
    own = {k: v for k, v in row.items() if k not in ("watch", "num_hides_28d", "num_cancels_28d")}
    return own | found


def oracle(events: list[Row], items: list[Row], days: Days) -> list[Row]:
    made = []
    for day in days:
        by_item: dict[int, list[Row]] = {}
        for row in touches(events, items):
            if counted_day(row) <= day:
                by_item.setdefault(row["item"]["item_no"], []).append(row)
        evening = [evening_of(known, day) for known in by_item.values()]
        alive = [r for r in evening if end_of(day) - r["last_event_at"] <= timedelta(days=90)]
        made += [in_company(row, alive) for row in alive]
    return made


def kernels(
    events: list[Row], state: pa.Table | None, days: Days, num_buckets: int = 2
) -> pa.Table:
    """What a maker does, bucket by bucket, without Spark."""
    rows = [r for r in touches(events, items_of(events)) if counted_day(r) in days]
    names = ("arrival_date", "event_date", "event_at", "event_type", "watch_ms")
    arrived = arrow_of(SILVER_EVENTS, rows).select(names)
    for field in arrow_of(SILVER_ITEMS, []).schema:
        if field.name in ("first_arrival_date", "item_no", *WORDS, "price_cents", "stock"):
            values = pa.array([row["item"][field.name] for row in rows], field.type)
            arrived = arrived.append_column(field.name, values)
    arrived = arrived.append_column("num_shown", pa.array([1] * len(rows), pa.int32()))
    before = arrow_of(FEATURES_ITEM_DAILY, []) if state is None else state
    sides = [
        (of_bucket(arrived, n, num_buckets), of_bucket(before, n, num_buckets))
        for n in range(num_buckets)
    ]
    parts = pa.concat_tables([item_daily.sums(*side, days=days) for side in sides])
    totals = parts.group_by(list(item_groups.KEY)).aggregate(
        [(name, "sum") for name in item_groups.NUMBERS]
    )
    added = totals.rename_columns([name.removesuffix("_sum") for name in totals.column_names])
    return pa.concat_tables(
        [item_daily.snapshots(*side, added, days=days, config=CONFIG) for side in sides]
    )


def of_bucket(rows: pa.Table, number: int, num_buckets: int) -> pa.Table:
    return rows.filter(
        pa.array([no % num_buckets == number for no in rows["item_no"].to_pylist()], pa.bool_())
    )


def night_by_night(events: list[Row], days: Days) -> pa.Table:
    nights = [kernels(events, None, one_day(days.first), 1)]
    for number, day in enumerate(list(days)[1:]):
        nights.append(kernels(events, nights[-1], one_day(day), 1 + number % 3))
    return pa.concat_tables(nights)


@pytest.mark.parametrize("seed", range(4))
def test_each_evening_knows_what_had_arrived(seed: int) -> None:
    events = log(seed)

    made = kernels(events, None, DAYS)

    expected = oracle(events, items_of(events), DAYS)
    assert_rows(made, expected, *KEY)
    assert {*made.column_names} == {*expected[0]} == {*FEATURES_ITEM_DAILY.column_names}


@pytest.mark.parametrize("seed", range(4))
def test_nights_leave_what_a_range_leaves(seed: int) -> None:
    events = log(seed)

    made = night_by_night(events, DAYS)

    assert same_bits(made, kernels(events, None, DAYS), *KEY)


def of_item(name: str, kind: str, day: float, arrived: int | None = None) -> Row:
    return event(name, kind, day, arrived, user_id="u", item_type="product", item_id=name[0])


def test_an_item_that_comes_back_after_90_days_is_new_to_nights_and_ranges() -> None:
    long = Days(FIRST, FIRST + timedelta(days=99))
    events = [
        of_item("a1", "order", 0.5),
        of_item("a2", "click", 97.5),
        of_item("b", "click", 95.5),
    ]

    made = kernels(events, None, long)

    assert same_bits(made, night_by_night(events, long), *KEY)
    row = of_day(made, FIRST + timedelta(days=98)).to_pylist()[0]
    assert (row["item_id"], row["last_click_at"], row["last_order_at"]) == ("a", after(97.5), None)
    assert row["age_days"] == 98.0
    assert of_day(made, FIRST + timedelta(days=92)).num_rows == 0


def test_a_log_without_outcomes_has_no_rates() -> None:
    views = [of_item("a", "view", 0.5), of_item("b", "view", 0.5)]

    made = kernels(views, None, one_day(FIRST))

    nothing = ("click_rate_28d", "hide_rate_28d", "cancel_rate_28d", "mean_watch_ms_28d")
    assert {name: made[name].to_pylist() for name in nothing} == dict.fromkeys(nothing, [None] * 2)
    assert made["cart_rate_28d"].null_count == 0


def frames(
    spark: SparkSession, events: list[Row], num: int
) -> Callable[[Days, pa.Table], pa.Table]:
    """The maker over frames in ``num`` partitions and as many buckets and shuffle tasks."""
    log_frame = frame_of(spark, SILVER_EVENTS, events).repartition(num)
    items_frame = frame_of(spark, SILVER_ITEMS, items_of(events)).repartition(num)
    config = ItemDailyConfig(**PRIORS, num_buckets=num)

    def build(days: Days, before: pa.Table) -> pa.Table:
        state = spark.createDataFrame(before, FEATURES_ITEM_DAILY.schema)
        with partitions(spark, num):
            made = item_daily.build(
                log_frame, items=items_frame, before=state, days=days, config=config
            )
            return made.toArrow()

    return build


def test_the_maker_leaves_the_same_rows_for_two_ranges_and_another_partitioning(
    spark: SparkSession,
) -> None:
    events = log(9)
    middle = FIRST + timedelta(days=5)
    nothing = arrow_of(FEATURES_ITEM_DAILY, [])

    whole = frames(spark, events, 2)(DAYS, nothing)
    build = frames(spark, events, 5)
    early = build(Days(FIRST, middle), nothing)
    late = build(Days(middle + timedelta(days=1), DAYS.last), of_day(early, middle))

    assert same_bits(whole, pa.concat_tables([early, late]), *KEY)
    assert_rows(whole, oracle(events, items_of(events), DAYS), *KEY)
    assert whole.column_names == FEATURES_ITEM_DAILY.column_names
