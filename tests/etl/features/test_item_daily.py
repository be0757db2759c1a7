"""Each evening of each item against ``item_oracle``; nights against ranges."""

from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import item_daily, item_groups
from etl.features.item_daily import ItemDailyConfig
from etl.tables import (
    FEATURES_ITEM_APPEAL,
    FEATURES_ITEM_DAILY,
    FEATURES_POSITIONS,
    SILVER_EVENTS,
    SILVER_ITEMS,
)
from tests.etl.features.item_oracle import SAID, oracle, touches
from tests.etl.features.shop_log import (
    DAYS,
    FIRST,
    Row,
    after,
    arrow_of,
    assert_rows,
    counted_day,
    event,
    frame_of,
    items_of,
    log,
    of_day,
    partitions,
    positions_of,
    same_bits,
)
from tests.etl.features.touch_rows import appeal_of

KEY = ("arrival_date", "item_no")
NUMBERS = ("stock", "duration_ms")
PRIORS = {"prior_impressions": 8.0, "prior_clicks": 3.0, "prior_orders": 2.0}
CONFIG = ItemDailyConfig(**PRIORS, num_buckets=2)


def kernels(
    events: list[Row], state: pa.Table | None, days: Days, num_buckets: int = 2
) -> pa.Table:
    """What a maker does, bucket by bucket, without Spark."""
    rows = [r for r in touches(events, items_of(events)) if counted_day(r) in days]
    names = ("arrival_date", "event_date", "event_at", "event_type", "watch_ms")
    arrived = arrow_of(SILVER_EVENTS, rows).select(names)
    for field in arrow_of(SILVER_ITEMS, []).schema:
        if field.name in ("first_arrival_date", "item_no", *SAID, "price_cents", *NUMBERS):
            values = pa.array([row["item"][field.name] for row in rows], field.type)
            arrived = arrived.append_column(field.name, values)
    arrived = arrived.append_column("num_counted", pa.array([1] * len(rows), pa.int32()))
    looked = pa.array([row["examined"] for row in rows], pa.int64())
    arrived = arrived.append_column("examined", looked)
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
    joined = {"appeal", "appeal_expected"}
    assert {*made.column_names} == {*expected[0]} == {*FEATURES_ITEM_DAILY.column_names} - joined


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
    positions = frame_of(spark, FEATURES_POSITIONS, positions_of(DAYS))
    appeal = frame_of(spark, FEATURES_ITEM_APPEAL, appeal_of(items_of(events)))
    config = ItemDailyConfig(**PRIORS, num_buckets=num)

    def build(days: Days, before: pa.Table) -> pa.Table:
        state = spark.createDataFrame(before, FEATURES_ITEM_DAILY.schema)
        with partitions(spark, num):
            made = item_daily.build(
                log_frame,
                items=items_frame,
                positions=positions,
                appeal=appeal,
                before=state,
                days=days,
                config=config,
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
    rated = {(r["arrival_date"], r["item_no"]): r["appeal"] for r in appeal_of(items_of(events))}
    assert {rated.get((r["arrival_date"], r["item_no"])) for r in whole.to_pylist()} == {None, 1.5}
    for row in whole.to_pylist():
        assert row["appeal"] == rated.get((row["arrival_date"], row["item_no"]))
