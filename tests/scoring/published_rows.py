"""Small slates, catalogues and neighbours for the tests of publications."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.arrow import arrow_schema
from etl.tables import SIMILAR, SLATES
from scoring.publish import Offer, PublishConfig, publish
from scoring.published import Manifest

DAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 6, 3, 15, tzinfo=UTC)
SEGMENT = "DE|ios|de"
CONFIG = PublishConfig(versions={"nightmarket": "0.1.0"})
Row = dict[str, Any]


def place(number: int, **changes: object) -> Row:
    """An item in a slate."""
    usual: Row = {
        "item_no": number,
        "item_id": f"p{number}",
        "value": 10.0 - number,
        "p_click": 0.5,
        "p_cart": None,
        "p_order": 0.25,
        "watch_share": None,
        "sources": ["popularity"],
        "rules": [],
        "propensity": 0.95,
        "is_exploration": False,
    }
    return usual | changes


def row(key: str, items: list[Row], *, audience: str = "user", **changes: object) -> Row:
    """A row of slates/product_feed."""
    usual: Row = {
        "arrival_date": DAY,
        "audience": audience,
        "audience_key": key,
        "segment": SEGMENT,
        "items": items,
        "reserve": [],
        "short_reason": None,
        "ranker": "gbdt" if audience == "user" else "none",
        "model_date": date(2026, 1, 3) if audience == "user" else None,
        "feature_date": DAY,
    }
    return usual | changes


DEFAULT = row("*", [place(9)], audience="default", segment="")


def slates(*rows: Row) -> pa.Table:
    """Rows as the lake gives them."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(SLATES["product_feed"].schema))


def similar(*rows: Row) -> pa.Table:
    """Rows of similar/product_feed."""
    schema = arrow_schema(SIMILAR["product_feed"].schema)
    return pa.Table.from_pylist([{"arrival_date": DAY} | one for one in rows], schema=schema)


def catalogue(**titles: str | None) -> pa.Table:
    """The items p1 to p9, with titles where given."""
    numbers = range(1, 10)
    return pa.table(
        {
            "item_no": pa.array(numbers, pa.int32()),
            "item_id": [f"p{number}" for number in numbers],
            "title": pa.array([titles.get(f"p{number}") for number in numbers], pa.string()),
        }
    )


def offer(*rows: Row, day: date = DAY, neighbours: tuple[Row, ...] = ()) -> Offer:
    """One surface's rows, the default row among them."""
    dated = [{**one, "arrival_date": day} for one in (*rows, DEFAULT)]
    return Offer(day=day, slates=[slates(*dated)], similar=[similar(*neighbours)])


def publish_feed(publications: Path, *rows: Row, **changes: Any) -> Manifest:  # noqa: ANN401
    """Publish slates of product_feed."""
    usual: Row = {
        "surfaces": {"product_feed": offer(*rows)},
        "items": catalogue(p1="Tea", p9="Soap"),
        "now": NOW,
        "config": CONFIG,
    }
    return publish(publications, **usual | changes)
