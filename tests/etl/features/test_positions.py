from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import positions
from etl.features.examination import Examination
from etl.features.positions import PARTS, PositionsConfig, curves, examined
from etl.tables import FEATURES_POSITIONS, SILVER_IMPRESSIONS, SILVER_OUTCOMES
from tests.etl.features.shop_log import (
    FIRST,
    after,
    arrow_of,
    frame_of,
    of_day,
    partitions,
    same_bits,
)

Row = dict[str, Any]
KEY = ("arrival_date", "surface", "position")
DAYS = Days(FIRST, FIRST + timedelta(days=2))
TRUE = Examination(scale=4.0, power=1.0)
PLACES = 8


def shown(day: int, number: int, place: int, *, by_chance: bool) -> Row:
    return dict.fromkeys(SILVER_IMPRESSIONS.column_names) | {
        "arrival_date": FIRST + timedelta(days=day),
        "source": "app",
        "event_id": f"e{number}",
        "position": place,
        "user_id": "u",
        "item_type": "product",
        "item_id": "a",
        "surface": "product_feed",
        "shown_at": after(day),
        "shown_date": FIRST,
        "propensity": 0.01 if by_chance else 0.9,
    }


def clicked(row: Row) -> Row:
    return dict.fromkeys(SILVER_OUTCOMES.column_names) | {
        "arrival_date": row["arrival_date"],
        "source": "app",
        "event_id": f"c{row['event_id']}-{row['position']}",
        "event_type": "click",
        "event_at": after(1),
        "event_date": FIRST,
        "event_arrival_date": row["arrival_date"],
        "user_id": "u",
        "item_type": "product",
        "item_id": "a",
        "is_organic": False,
        "impression_source": "app",
        "impression_event_id": row["event_id"],
        "impression_position": row["position"],
    }


def log() -> tuple[list[Row], list[Row]]:
    """Three days on which the place alone decides on clicks, and one click that is twice told."""
    rng = np.random.default_rng(1)
    rows = [
        shown(day, number, place, by_chance=number % 2 == 0)
        for day in range(3)
        for number in range(150)
        for place in range(PLACES)
    ]
    clicks = [
        clicked(row) for row in rows if rng.random() < 0.6 * TRUE.at(np.array(row["position"]))
    ]
    return rows, [*clicks, {**clicks[0], "event_id": "again"}]


def build(
    spark: SparkSession, rows: tuple[list[Row], list[Row]], before: pa.Table, days: Days, num: int
) -> pa.Table:
    impressions, outcomes = ([r for r in part if r["arrival_date"] in days] for part in rows)
    with partitions(spark, num):
        return positions.build(
            frame_of(spark, SILVER_IMPRESSIONS, impressions).repartition(num),
            outcomes=frame_of(spark, SILVER_OUTCOMES, outcomes),
            before=spark.createDataFrame(before, FEATURES_POSITIONS.schema),
            days=days,
            config=PositionsConfig(),
        ).toArrow()


@pytest.fixture(scope="module")
def whole(spark: SparkSession) -> pa.Table:
    return build(spark, log(), arrow_of(FEATURES_POSITIONS, []), DAYS, 2)


def test_the_curve_and_what_it_rests_on_are_told(whole: pa.Table) -> None:
    last = of_day(whole, DAYS.last).sort_by("position")

    assert last["examination"].to_pylist() == pytest.approx(
        TRUE.at(np.arange(PLACES)).tolist(), abs=0.1
    )
    fading = 0.5 ** (1 / 14)
    assert last["num_impressions"].to_pylist() == pytest.approx(
        [150 * (1 + fading + fading**2)] * PLACES
    )
    chance, every = (sum(last[n].to_pylist()) for n in ("num_chance_clicks", "num_clicks"))
    assert 0 < chance < every
    first = of_day(whole, DAYS.first)
    of_first_day = [row for row in log()[1] if row["arrival_date"] == FIRST]
    assert sum(first["num_clicks"].to_pylist()) == len(of_first_day) - 1


def test_nights_leave_what_a_range_leaves(spark: SparkSession, whole: pa.Table) -> None:
    made = build(spark, log(), arrow_of(FEATURES_POSITIONS, []), one_day(FIRST), 3)
    for evening, day in pairwise(DAYS):
        night = build(spark, log(), of_day(made, evening), one_day(day), 4)
        made = pa.concat_tables([made, night])

    assert same_bits(whole, made, *KEY)


def test_an_impression_counts_as_far_as_its_place_is_looked_at(
    spark: SparkSession, whole: pa.Table
) -> None:
    known = curves(spark.createDataFrame(whole, FEATURES_POSITIONS.schema))
    [curve] = [row["curve"] for row in known.collect() if row["arrival_date"] == DAYS.last]
    places = spark.createDataFrame([(0,), (3,), (99,)], "position int").crossJoin(
        spark.createDataFrame([(curve,)], "curve array<double>")
    )

    found = [row[0] for row in places.select(examined()).collect()]

    assert found == [PARTS, round(PARTS * curve[3]), PARTS]
