"""A batch of lines of several logs, without Spark."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.silver.parse import parse_batch, schema
from etl.tables import BRONZE_LINES

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
PRODUCT = {"type": "product", "id": "p1"}
CLICK = {"v": 3, "id": "e", "type": "click", "at": NOON_US // 1_000, "user": "ana", "item": PRODUCT}
FOREIGN = {"v": 1, "file": "f", "line": 1, "type": "view", "time_us": NOON_US, "user": "ana"}
APP_LINE = msgspec.json.encode(CLICK)
ENVELOPE = msgspec.json.encode({**FOREIGN, "id": "e", "item": "p1"})


def bronze(*lines: tuple[str, bytes], cut: int | None = None) -> pa.RecordBatch:
    """Lines by source; ``cut`` is the place of one in which its file ended."""
    rows = [
        {
            "arrival_date": NOON.date(),
            "source": source,
            "file_name": "12-a",
            "line_number": place,
            "arrival_at": NOON,
            "line": line,
            "is_cut_off": place == cut,
        }
        for place, (source, line) in enumerate(lines)
    ]
    return pa.RecordBatch.from_pylist(rows, arrow_schema(BRONZE_LINES.schema))


def told(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    columns = arrow_schema(schema())
    made = list(parse_batch(batch, columns))
    assert all(rows.schema == columns for rows in made)
    rows = [row for rows in made for row in rows.to_pylist()]
    return sorted((r["line_number"], r["source"], r["event_type"], r["reason"]) for r in rows)


def test_the_source_says_how_a_line_is_read() -> None:
    got = told(bronze(("shop", APP_LINE), ("web", ENVELOPE), ("shop", ENVELOPE), ("web", APP_LINE)))

    assert got == [
        (0, "shop", "click", None),
        (1, "web", "view", None),
        (2, "shop", None, "wrong_type"),
        (3, "web", None, "wrong_type"),
    ]


def test_the_end_of_a_cut_file_is_no_event_even_where_it_reads_like_one() -> None:
    got = told(bronze(("shop", APP_LINE), ("shop", APP_LINE), ("web", ENVELOPE), cut=1))

    assert got == [
        (0, "shop", "click", None),
        (1, "shop", None, "file_cut_off"),
        (2, "web", "view", None),
    ]


def test_each_kind_of_lines_fills_its_own_columns() -> None:
    lines = [
        {**CLICK, "type": "impression", "shown": [PRODUCT, {**PRODUCT, "id": "p2"}]},
        {**CLICK, "type": "item", "user": None, "item": {**PRODUCT, "products": [], "stock": 3}},
        {**CLICK, "type": "order", "quantity": 2, "item": {**PRODUCT, "title": "not of an order"}},
    ]
    batch = bronze(*(("shop", msgspec.json.encode(line)) for line in lines))

    made = [row for rows in parse_batch(batch, arrow_schema(schema())) for row in rows.to_pylist()]

    names = ("line_number", "item_id", "title", "stock", "product_ids", "quantity")
    assert sorted(tuple(row[name] for name in names) for row in made) == [
        (0, None, None, None, None, None),
        (1, "p1", None, 3, [], None),
        (2, "p1", None, None, None, 2),
    ]
    assert [[one["item_id"] for one in row["shown"]] for row in made if row["shown"]] == [
        ["p1", "p2"]
    ]


def test_a_batch_without_lines_gives_none() -> None:
    assert told(bronze()) == []
