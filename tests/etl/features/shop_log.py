"""A log of twelve days drawn by a seed: what the tests of features are told, and what they ask.

Rows are dicts. Some events arrive late, some are stamped on the day after they arrived, some came
in one instant; a request shows several items; a log's user may say nothing of himself.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from etl import surfaces
from etl.arrow import arrow_schema
from etl.days import Days
from etl.tables import SILVER_EVENTS, SILVER_ITEMS
from etl.tables.schema import Table

Row = dict[str, Any]
FIRST: Final = date(2026, 1, 1)
NUM_DAYS: Final = 12
DAYS: Final = Days(FIRST, FIRST + timedelta(days=NUM_DAYS - 1))
ITEMS: Final = {
    "a": ("product", "shoes.run", "north", "s1", None),
    "b": ("product", "shoes.run", None, "s1", None),
    "c": ("product", "shoes.walk", "north", "s2", "h1"),
    "d": ("product", None, None, None, None),
    "e": ("product", "hats", "south", "s2", None),
    "v": ("short_video", "shoes.run", "north", "s3", "h1"),
    "w": ("short_video", "hats", None, None, "h2"),
    "h1@sun-20": ("live_slot", "hats", None, None, "h1"),
}
"""Type, category, brand, seller and host at first."""
_TYPES: Final = {
    "view": 20,
    "click": 60,
    "cart": 25,
    "order": 20,
    "cancel": 6,
    "watch": 12,
    "like": 8,
    "hide": 8,
    "impression": 40,
    "search": 10,
    "follow": 8,
    "personalisation_on": 4,
    "personalisation_off": 4,
    "item": 6,
}
_WORDS: Final = ("red", "Shoes", "ÉTÉ", "xl")
_NO_ITEM: Final = ("search", "follow", "personalisation_on", "personalisation_off")


def after(days: float) -> datetime:
    """An instant so many days after the first day began."""
    return datetime.combine(FIRST, time(), UTC) + timedelta(days=days)


def event(name: str, event_type: str, day: float, arrived: int | None = None, **more: Any) -> Row:  # noqa: ANN401
    """An event that happened ``day`` days after the first began, and arrived on a day."""
    at = after(day)
    row = dict.fromkeys(SILVER_EVENTS.column_names)
    return row | {
        "arrival_date": FIRST + timedelta(days=int(day // 1) if arrived is None else arrived),
        "source": "app",
        "event_id": name,
        "event_type": event_type,
        "event_at": at,
        "event_date": at.date(),
        "file_name": "f",
        "line_number": 1,
        **more,
    }


def log(seed: int, num_events: int = 260) -> list[Row]:
    """Draw a log; arrivals that would be before its first day are on it."""
    chance = random.Random(seed)
    return [_drawn(chance, number) for number in range(num_events)]


def _drawn(chance: random.Random, number: int) -> Row:
    kind = chance.choices(list(_TYPES), list(_TYPES.values()))[0]
    day = chance.randrange(-3, NUM_DAYS) + chance.randrange(24) / 24
    arrived = int(day // 1) + chance.choices((0, 1, 2, 4, -1), (70, 10, 6, 6, 8))[0]
    item = chance.choice(list(ITEMS))
    said: Row = {
        "user_id": None if kind == "item" else f"u{chance.randrange(7)}",
        "country": chance.choice(("DE", "FR", None, None)),
        "platform": chance.choice(("ios", "web", None)),
        "price_cents": chance.choice((None, 500, 1_250, 9_999)),
        "watch_ms": chance.randrange(60_000) if kind == "watch" else None,
        "host_id": f"h{chance.randrange(4)}" if kind == "follow" else None,
        "query": " ".join(chance.choices(_WORDS, k=2)) if kind == "search" else None,
    }
    if kind not in _NO_ITEM:
        said |= {"item_type": ITEMS[item][0], "item_id": item}
    if kind == "impression" and chance.random() < 0.6:
        said |= {"item_type": None, "item_id": None, "surface": "product_feed"}
        said["shown"] = [
            {"position": place, "item_id": one, "propensity": None}
            for place, one in enumerate(chance.sample("abcde", 3))
        ]
    name = f"e{(number * 7919) % 1000:03}"
    return event(name, kind, day, min(max(arrived, 0), NUM_DAYS - 1), **said)


def named(row: Row) -> list[tuple[str, str]]:
    """The items that an event is about, by type and id."""
    if row["shown"] is not None:
        return [("product", one["item_id"]) for one in row["shown"]]
    return [] if row["item_id"] is None else [(row["item_type"], row["item_id"])]


CURVE: Final = (1.0, 0.5, 0.25)
"""How often the first places of a surface are looked at."""


def positions_of(days: Days) -> list[Row]:
    """What features/positions says of every surface on each day."""
    counts = ("num_impressions", "num_clicks", "num_chance_impressions", "num_chance_clicks")
    return [
        {"arrival_date": day, "surface": surface, "position": place, "examination": examination}
        | dict.fromkeys(counts, 0.0)
        for day in days
        for surface in surfaces.NAMES
        for place, examination in enumerate(CURVE)
    ]


def examined(row: Row, item: str) -> int:
    """How far an impression of an item was looked at, in millionths; 0 for any other event."""
    if row["event_type"] != "impression":
        return 0
    places = {one["item_id"]: one["position"] for one in row["shown"] or ()}
    return round(1_000_000 * CURVE[places.get(item, 0)])


def items_of(events: Iterable[Row]) -> list[Row]:
    """What is known of each item on the days that events name it: it changes as days go by."""
    heard: dict[tuple[date, str, str], None] = {}
    first: dict[tuple[str, str], date] = {}
    for row in sorted(events, key=lambda r: r["arrival_date"]):
        for kind, item in named(row):
            heard[row["arrival_date"], kind, item] = None
            first.setdefault((kind, item), row["arrival_date"])
    return [_item(day, kind, item, first[kind, item]) for day, kind, item in heard]


def _item(day: date, kind: str, item: str, first: date) -> Row:
    number, age = list(ITEMS).index(item), (day - FIRST).days
    _, category, brand, seller, host = ITEMS[item]
    moved = "hats" if item == "c" and age > 5 else category
    return dict.fromkeys(SILVER_ITEMS.column_names) | {
        "arrival_date": day,
        "item_no": number,
        "item_type": kind,
        "item_id": item,
        "first_arrival_date": first,
        "category": moved,
        "brand": brand,
        "seller_id": seller,
        "host_id": host,
        "title": f"Item {item} {age // 4}",
        "product_ids": ["a", "x"] if item == "v" else None,
        "duration_ms": 30_000 if item in ("v", "h1@sun-20") else None,
        "price_cents": None if item == "d" else 1_000 * (number + 1) + 10 * age,
        "stock": 0 if item == "e" and age % 3 == 0 else None,
        "known_at": dict.fromkeys(SILVER_ITEMS.schema["known_at"].dataType.names),
    }


def counted_day(row: Row) -> date:
    """The day from which an event is known to snapshots: stamped ahead, it waits for its day."""
    return max(row["arrival_date"], row["event_date"])


def end_of(day: date) -> datetime:
    """The instant at which a day ends."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def arrow_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of a table in Arrow, as Spark hands them to a kernel."""
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(table.schema)])
    return pa.Table.from_pylist(list(rows), schema)


def frame_of(spark: SparkSession, table: Table, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Rows of a table in Spark."""
    values = [tuple(row[name] for name in table.column_names) for row in rows]
    loose = StructType([StructField(f.name, f.dataType) for f in table.schema])
    return spark.createDataFrame(values, loose)


@contextmanager
def partitions(spark: SparkSession, number: int) -> Iterator[None]:
    """Shuffle into another number of tasks for a while."""
    name = "spark.sql.shuffle.partitions"
    usual = spark.conf.get(name)
    spark.conf.set(name, str(number))
    try:
        yield
    finally:
        spark.conf.set(name, usual)


def of_day(rows: pa.Table, day: date) -> pa.Table:
    """The rows of one partition."""
    return rows.filter(pc.equal(rows["arrival_date"], day))


def same_bits(made: pa.Table, other: pa.Table, *key: str) -> bool:
    """Tell whether two tables have the same rows, whatever their order."""
    order = [(name, "ascending") for name in key]
    left, right = (rows.sort_by(order).combine_chunks() for rows in (made, other))
    return left.schema.names == right.schema.names and left.equals(right.cast(left.schema))


def assert_rows(made: pa.Table, expected: Sequence[Row], *key: str) -> None:
    """Compare rows with an oracle's: numbers nearly, everything else exactly.

    Decayed counts are told in steps of 2^-24, affinities are sums in another order.
    """
    found = {tuple(row[k] for k in key): row for row in made.to_pylist()}
    wanted = {tuple(row[k] for k in key): row for row in expected}
    assert found.keys() == wanted.keys()
    for place, row in wanted.items():
        told = {name: found[place][name] for name in row}
        assert told == {n: _nearly(v) for n, v in row.items()}, place


def _nearly(value: object) -> object:
    return pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value
