from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from etl import live_slots

NAMES = ["h0012@fri-20", "a@b@sun-00", "anna maria@mon-09", "h0012", "h@fri-24", "@fri-20", None]
PARTS = [
    ("h0012", 4, 20),
    ("a@b", 6, 0),
    ("anna maria", 0, 9),
    *[(None, None, None)] * 4,
]


def test_a_room_stands_for_its_host_at_the_weekday_and_hour_when_it_started() -> None:
    started = datetime(2026, 1, 2, 20, 59, 59, tzinfo=UTC)

    slot = live_slots.slot_of("h0012", int(started.timestamp() * 1_000_000))

    assert slot == "h0012@fri-20"


@given(
    st.text(min_size=1),
    st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),
)
def test_a_slot_says_what_it_was_named_by(host: str, started: datetime) -> None:
    slot = live_slots.slot_of(host, int(started.timestamp()) * 1_000_000)

    assert live_slots.host_of(slot) == host
    assert live_slots.weekday_of(slot) == started.weekday()
    assert live_slots.hour_of(slot) == started.hour
    assert live_slots.slot_named(host, weekday=started.weekday(), hour=started.hour) == slot


def test_a_name_that_is_no_slots_is_refused() -> None:
    with pytest.raises(live_slots.SlotNameError, match="'h0012' is not a live slot"):
        live_slots.hour_of("h0012")


def test_batches_are_read_like_single_names() -> None:
    slots = pa.array(NAMES, pa.string())

    read = [f(slots) for f in (live_slots.hosts_of, live_slots.weekdays_of, live_slots.hours_of)]

    assert list(zip(*(part.to_pylist() for part in read), strict=True)) == PARTS


def test_columns_are_read_like_single_names(spark: SparkSession) -> None:
    slots = spark.createDataFrame([(n, name) for n, name in enumerate(NAMES)], "n int, slot string")
    slot = F.col("slot")

    read = slots.orderBy("n").select(
        live_slots.host_column(slot), live_slots.weekday_column(slot), live_slots.hour_column(slot)
    )

    assert [tuple(row) for row in read.collect()] == PARTS
