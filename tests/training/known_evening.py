"""Small evenings: rows of tables as kernels get them, and an evening drawn by a seed.

What a row does not say is null, or the same everywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, StructType

from etl.arrow import arrow_schema
from etl.features import dictionary
from etl.features.positions import PARTS
from etl.surfaces import PRODUCT_FEED, Surface
from etl.tables import (
    CANDIDATES,
    FEATURES_ITEM_DAILY,
    FEATURES_USER_DAILY,
    FEATURES_USER_PAIRS,
    RETRIEVAL_COVISITATION,
    RETRIEVAL_LATENT_INTERESTS,
    RETRIEVAL_NEW_ITEMS,
    RETRIEVAL_POPULARITY,
)
from etl.tables.schema import Table
from etl.tables.user_states import EVENT_CODES, USER_HISTORY
from training import item_side
from training.item_side import ItemSide
from training.retrieval import latent_interests, source_lists
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

EVENING: Final = date(2026, 1, 10)
END: Final = datetime.combine(EVENING + timedelta(days=1), time(), UTC)
"""The instant at which the evening's day ends."""
Row = dict[str, Any]


def ago(days: float) -> datetime:
    """The instant so many days before the evening ended."""
    return END - timedelta(days=days)


def table_of(table: Table, rows: Sequence[Mapping[str, Any]], **same: Any) -> pa.Table:  # noqa: ANN401
    """Rows of a table in Arrow, as Spark hands them to a kernel."""
    schema = arrow_schema(table.schema)
    complete = [{**dict.fromkeys(schema.names), **same, **row} for row in rows]
    return pa.Table.from_pylist(complete, pa.schema([f.with_nullable(True) for f in schema]))


def frame_of(spark: SparkSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """Rows of a table in Spark."""
    values = [tuple(row.get(name) for name in table.column_names) for row in rows]
    return spark.createDataFrame(
        values, StructType([StructField(f.name, f.dataType) for f in table.schema])
    )


def item_daily(*rows: Row) -> pa.Table:
    """Rows of features/item_daily: products in stock."""
    same = {"item_type": "product", "is_sold_out": False, "arrival_date": EVENING}
    same |= {"is_eligible": True}
    named = [{"item_id": f"p{row['item_no']}", **row} for row in rows]
    return table_of(FEATURES_ITEM_DAILY, named, **same)


def side_of(*rows: Row) -> ItemSide:
    """The item side of rows of features/item_daily, without a file."""
    arrays = item_side.arrays_of(item_daily(*rows).select(item_side.COLUMNS))
    return ItemSide({name: pa.array(array) for name, array in arrays.items()})


def shelf_of(*rows: Row, surface: Surface = PRODUCT_FEED) -> Shelf:
    """What a surface may show, of rows of features/item_daily."""
    return Shelf(side_of(*rows), surface)


def user_daily(*rows: Row) -> pa.Table:
    """Rows of features/user_daily."""
    same: Row = {"arrival_date": EVENING, "is_personalisation_off": False}
    same |= {"active_hours": [0] * 24, "followed_hosts": [], "query_words": []}
    return table_of(FEATURES_USER_DAILY, rows, **same)


def own_item(item_no: int, **said: Any) -> Row:  # noqa: ANN401
    """An element of features/user_pairs.items: nothing happened, a day ago."""
    counts = {f"num_{what}": 0 for what in ("clicks", "carts", "orders", "hides")}
    counts["watch_ms"] = 0
    return {"item_no": item_no, **counts, "affinity": 1.0, "affinity_at": ago(1), **said}


def own_group(name: str, value: str, **said: Any) -> Row:  # noqa: ANN401
    """An element of features/user_pairs.categories, brands or sellers."""
    same = {"num_clicks": 1, "num_orders": 0, "last_event_at": ago(1)}
    looked = {"examined": 0, "expected": 0} if name == "category" else {}
    return {name: value, **same, **looked, "affinity": 1.0, "affinity_at": ago(1), **said}


def visit(item_no: int, *, days_ago: float = 1.0, what: str = "view") -> Row:
    """An element of features/user_history.short."""
    return {
        "event_at": ago(days_ago),
        "event_code": EVENT_CODES[what],
        "item_no": item_no,
        "entry_arrival_date": ago(days_ago).date(),
        "event_id": f"{days_ago}",
    }


def state_of(*rows: Row | None) -> pa.Table:
    """Users' rows of features/user_pairs and user_history.short; None for a user without any."""
    lists = ("items", "categories", "brands", "sellers", "hosts")
    complete = [{name: [] for name in lists} | row if row is not None else {} for row in rows]
    pairs = table_of(FEATURES_USER_PAIRS, complete)
    short = arrow_schema(USER_HISTORY.schema).field("short").type
    found = [None if row is None else row.get("short", []) for row in rows]
    return pairs.append_column("short", pa.array(found, short))


def batch_of(
    *states: Row | None, segments: Sequence[str] | None = None, said: Sequence[Row] | None = None
) -> UserBatch:
    """Users as sources read them, of the segment ``||`` unless said; ``said`` in user_daily."""
    found = segments if segments is not None else ["||"] * len(states)
    found_said = said if said is not None else [{}] * len(states)
    users = user_daily(*({"user_id": f"u{n}", **row} for n, row in enumerate(found_said)))
    asked = users.append_column("segment", pa.array(found))
    return UserBatch.of(EVENING, asked, state_of(*states))


def lists_of_sources(
    popularity: Mapping[tuple[str, str], Sequence[int]],
    *,
    new_items: Mapping[str, Sequence[int]] | None = None,
    covisitation: Mapping[int, Mapping[int, float]] | None = None,
    responses: Mapping[tuple[str, str, str], tuple[float, float]] | None = None,
) -> SourceLists:
    """What sources read: items by (scope, value), by category, weights by item and neighbour, and
    looks and clicks by (scope, value, category).

    Of n popular items the first was touched by n users, the last by one.
    """
    popular = [
        {"scope": scope, "scope_value": value, "rank": rank, "item_no": item, "num_users": n}
        for (scope, value), items in popularity.items()
        for rank, (item, n) in enumerate(zip(items, range(len(items), 0, -1), strict=True), 1)
    ]
    new = [
        {"category": category, "rank": rank, "item_no": item}
        for category, items in (new_items or {}).items()
        for rank, item in enumerate(items, 1)
    ]
    visited = [
        {
            "item_no": item,
            "weights_date": EVENING,
            "neighbours": [{"item_no": to, "weight": w} for to, w in neighbours.items()],
        }
        for item, neighbours in (covisitation or {}).items()
    ]
    arrays = source_lists.arrays_of(
        table_of(RETRIEVAL_POPULARITY, popular),
        new_items=table_of(RETRIEVAL_NEW_ITEMS, new),
        covisitation=table_of(RETRIEVAL_COVISITATION, visited),
        evening=EVENING,
        half_life_days=30.0,
    )
    arrays |= latent_interests.arrays_of(responses_of(responses or {}))
    return SourceLists({name: pa.array(array) for name, array in arrays.items()})


def responses_of(found: Mapping[tuple[str, str, str], tuple[float, float]]) -> pa.Table:
    """Rows of retrieval/latent_interests: looks and clicks by (scope, value, category)."""
    rows = [
        {
            "scope": scope,
            "scope_value": value,
            "category": category,
            "num_users": 1,
            "looks": int(looks * PARTS),
            "clicks": int(clicks * PARTS),
        }
        for (scope, value, category), (looks, clicks) in found.items()
    ]
    return table_of(RETRIEVAL_LATENT_INTERESTS, rows)


def candidate(item_no: int, fused: float, *proposals: tuple[int, int, float]) -> Row:
    """An element of candidates/<surface>.items; proposals are (source code, rank, score)."""
    names = ("source", "rank", "score")
    found = [dict(zip(names, proposal, strict=True)) for proposal in proposals]
    return {"item_no": item_no, "fused_score": fused, "proposals": found}


def candidates_of(*users: Sequence[Row] | None) -> pa.ChunkedArray:
    """Column ``items`` of candidates/<surface>: one list a user."""
    rows = [{"items": user} for user in users]
    return table_of(CANDIDATES["product_feed"], rows).column("items")


def _maybe(rng: np.random.Generator, value: object) -> object:
    """The value, or nothing known one time in four."""
    return None if rng.random() < 0.25 else value


_TYPES: Final = ("product", "product", "short_video", "live_slot")
_TITLES: Final = ("Red SHOES", "red hat, red", "blue", "—", "Été 2026")


def drawn_item(rng: np.random.Generator, item_no: int) -> Row:
    """An item with random words and features, of any type; videos and slots show products."""
    item_type = str(rng.choice(_TYPES))
    is_slot = item_type == "live_slot"
    item_id = f"h{rng.integers(3)}@fri-{rng.integers(24):02}" if is_slot else f"p{item_no}"
    features = {
        f.name: _maybe(rng, int(rng.integers(9)) if f.is_integer else float(rng.random() * 99))
        for f in dictionary.ITEM
    }
    words = {
        "category": _maybe(rng, f"c{rng.integers(4)}"),
        "brand": _maybe(rng, f"b{rng.integers(3)}"),
        "seller_id": _maybe(rng, f"s{rng.integers(3)}"),
        "host_id": _maybe(rng, f"h{rng.integers(4)}"),
        "title": _maybe(rng, str(rng.choice(_TITLES))),
    }
    shown = [f"p{n}" for n in rng.integers(0, 14, 4)]
    words |= {"product_ids": None if item_type == "product" else _maybe(rng, shown)}
    words |= {"item_id": item_id, "item_type": item_type}
    return {"item_no": item_no, **words, **features}


def drawn_user(rng: np.random.Generator, user_id: str) -> Row:
    """A user with random words and features."""
    features = {
        f.name: _maybe(rng, int(rng.integers(9)) if f.is_integer else float(rng.integers(3)))
        for f in dictionary.USER
    }
    words = {name: _maybe(rng, f"{name}{rng.integers(3)}") for name in ("country", "language")}
    is_silent, has_searched, follows = rng.random(3) < (0.2, 0.7, 0.7)
    said = {
        "active_hours": [0] * 24 if is_silent else rng.integers(0, 9, 24).tolist(),
        "query_words": _some(rng, "word", ("red", "été", "green", "shoes")) if has_searched else [],
        "followed_hosts": _some(rng, "host_id", ("h0", "h1", "h9")) if follows else [],
    }
    return {"user_id": user_id, **words, **features, **said}


def _some(rng: np.random.Generator, name: str, values: Sequence[str]) -> list[Row]:
    """A few values, as elements of a list; when he said them nobody asks."""
    return [{name: value} for value in values if rng.random() < 0.6]


def drawn_state(rng: np.random.Generator, num_items: int) -> Row | None:
    """A user's history with items and groups, some of which the catalogue does not have."""
    if rng.random() < 0.2:
        return None
    item_nos = np.flatnonzero(rng.random(num_items + 3) < 0.4).tolist()
    return {
        "items": [_drawn_pair(rng, item_no) for item_no in item_nos],
        "categories": _drawn_groups(rng, "category", "c", 6),
        "brands": _drawn_groups(rng, "brand", "b", 4),
        "sellers": _drawn_groups(rng, "seller_id", "s", 4),
        "hosts": _drawn_groups(rng, "host_id", "h", 5),
    }


def _drawn_pair(rng: np.random.Generator, item_no: int) -> Row:
    counts = {f"num_{what}": int(rng.integers(3)) for what in ("clicks", "carts", "orders")}
    instants = {
        f"last_{what}_at": _maybe(rng, ago(float(rng.random() * 30)))
        for what in ("click", "cart", "watch")
    }
    counts["watch_ms"] = int(rng.integers(4)) * 20
    affinity = {"affinity": float(rng.random() * 5), "affinity_at": ago(float(rng.random() * 30))}
    return own_item(item_no, **counts, **instants, **affinity)


def _drawn_looks(rng: np.random.Generator) -> Row:
    examined = int(rng.integers(9_000_000))
    return {"examined": examined, "expected": int(examined * rng.random())}


def _drawn_groups(rng: np.random.Generator, name: str, prefix: str, most: int) -> list[Row]:
    return [
        own_group(
            name,
            f"{prefix}{number}",
            **(_drawn_looks(rng) if name == "category" else {}),
            num_clicks=int(rng.integers(4)),
            num_orders=int(rng.integers(3)),
            last_event_at=ago(float(rng.random() * 30)),
            affinity=float(rng.random() * 5),
            affinity_at=ago(float(rng.random() * 30)),
        )
        for number in range(most)
        if rng.random() < 0.6
    ]


def drawn_candidates(rng: np.random.Generator, num_items: int) -> list[Row]:
    """Some items, best first; some without any proposal, some the catalogue does not have."""
    item_nos = rng.permutation(num_items + 3)[: rng.integers(0, num_items)]
    found = []
    for place, item_no in enumerate(item_nos.tolist()):
        codes = np.flatnonzero(rng.random(6) < 0.3) + 1
        proposals = [(int(c), int(rng.integers(1, 60)), float(rng.random())) for c in codes]
        found.append(candidate(item_no, 1.0 / (1 + place), *proposals))
    return found
