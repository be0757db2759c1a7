"""Touches of users with items: what the kernels of user_pairs and user_history walk."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import pyarrow as pa

from etl.arrow import arrow_schema
from etl.days import Days, is_full
from etl.features.touches import LOOK_CODE
from etl.tables import SILVER_EVENTS, SILVER_ITEMS
from tests.etl.features.shop_log import FIRST, Row, end_of, event, examined, named

CODE_OF: Final = {
    "view": 1,
    "click": 2,
    "cart": 3,
    "order": 4,
    "cancel": 5,
    "watch": 6,
    "like": 7,
    "hide": 8,
}
_GROUPS: Final = ("category", "brand", "seller_id", "host_id")
_OF_EVENT: Final = ("arrival_date", "user_id", "event_at", "event_id", "source")


def touch(
    name: str,
    kind: str,
    day: float,
    *,
    user: str = "u",
    item: int = 0,
    arrived: int | None = None,
    **more: Any,  # noqa: ANN401
) -> Row:
    """One event of a user with an item."""
    row = event(name, kind, day, arrived, user_id=user)
    said = {column: row[column] for column in _OF_EVENT}
    nothing = dict.fromkeys(("price_cents", "watch_ms", *_GROUPS))
    return (
        said
        | {"event_code": CODE_OF[kind], "item_no": item, "examined": 0, "expected": 0}
        | nothing
        | more
    )


def look(day: float, category: str, examined: int, *, user: str = "u", expected: int = 0) -> Row:
    """What a user was shown of a category on a day, in millionths of a look and of a click."""
    row = touch("", "view", day, user=user, category=category)
    none = dict.fromkeys(("event_id", "source", "item_no"))
    return row | none | {"event_code": LOOK_CODE, "examined": examined, "expected": expected}


def rate_of(item: Row) -> float:
    """An item's appeal_click_rate: some items have none."""
    return 0.25 * (item["item_no"] % 3)


def appeal_of(items: Iterable[Row]) -> list[Row]:
    """Rows of features/item_appeal of the days on which items were touched."""
    return [
        {
            "arrival_date": item["arrival_date"],
            "item_no": item["item_no"],
            "appeal": 1.5,
            "appeal_click_rate": rate_of(item),
            "appeal_expected": 2.0,
        }
        for item in items
        if rate_of(item)
    ]


def looks_of(events: Iterable[Row], items: Iterable[Row]) -> list[Row]:
    """What each user was shown on each day, with the items as known when that arrived."""
    known = {(i["arrival_date"], i["item_type"], i["item_id"]): i for i in items}
    found: dict[tuple, Row] = {}
    for row in events:
        for kind, item in named(row) if row["event_type"] == "impression" else ():
            category = known[row["arrival_date"], kind, item]["category"]
            if category is None:
                continue
            place = (row["arrival_date"], row["user_id"], category)
            new = look(0, category, 0, user=row["user_id"])
            new |= {"arrival_date": row["arrival_date"], "event_at": row["event_at"]}
            one = found.setdefault(place, new)
            seen = examined(row, item)
            one["examined"] += seen
            one["expected"] += round(seen * rate_of(known[row["arrival_date"], kind, item]))
            one["event_at"] = max(one["event_at"], row["event_at"])
    return list(found.values())


def touches_of(events: Iterable[Row], items: Iterable[Row]) -> list[Row]:
    """Each event of a user with an item, with the item as known when the event arrived."""
    known = {(i["arrival_date"], i["item_type"], i["item_id"]): i for i in items}
    found = []
    for row in events:
        if row["user_id"] is None or row["item_id"] is None or row["event_type"] not in CODE_OF:
            continue
        item = known[row["arrival_date"], row["item_type"], row["item_id"]]
        price = item["price_cents"] if row["price_cents"] is None else row["price_cents"]
        said = {column: row[column] for column in _OF_EVENT}
        more = {"watch_ms": row["watch_ms"]}
        words = {column: item[column] for column in ("item_no", *_GROUPS)}
        found.append(
            {
                **said,
                **words,
                **more,
                "event_code": CODE_OF[row["event_type"]],
                "price_cents": price,
                "examined": 0,
                "expected": 0,
            }
        )
    return found


def arrow_of_touches(rows: Iterable[Row], days: Days) -> pa.Table:
    """Those that arrived on some days, as Spark hands them to a kernel."""
    events, items = arrow_schema(SILVER_EVENTS.schema), arrow_schema(SILVER_ITEMS.schema)
    schema = pa.schema(
        [events.field(name).with_nullable(True) for name in _OF_EVENT]
        + [pa.field("event_code", pa.int8()), items.field("item_no").with_nullable(True)]
        + [items.field(name) for name in ("price_cents", *_GROUPS)]
        + [events.field("watch_ms")]
        + [pa.field(name, pa.int64()) for name in ("examined", "expected")]
    )
    return pa.Table.from_pylist([row for row in rows if row["arrival_date"] in days], schema)


def shown_users(rows: list[Row], day: date) -> list[str]:
    """Who has a row in a touched-only table: who was touched, on full days all alive."""
    if is_full(day, FIRST):
        known = [r for r in rows if r["arrival_date"] <= day]
        alive = [r for r in known if (end_of(day) - r["event_at"]).days < 90]
        return sorted({r["user_id"] for r in alive})
    return sorted({r["user_id"] for r in rows if r["arrival_date"] == day})


def as_of(rows: pa.Table, day: date) -> pa.Table:
    """Each user's newest row, of those since the last full partition, known at the end of a day."""
    last_full = max(full for full in Days(FIRST, day) if is_full(full, FIRST))
    newest = {
        row["user_id"]: row
        for row in sorted(rows.to_pylist(), key=lambda r: r["arrival_date"])
        if row["arrival_date"] >= last_full
    }
    return pa.Table.from_pylist(list(newest.values()), rows.schema)
