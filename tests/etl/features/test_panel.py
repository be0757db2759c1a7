from datetime import timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from etl.features import panel
from etl.features.panel import PanelConfig
from etl.tables import FEATURES_PANEL, FEATURES_POSITIONS, SILVER_ITEMS
from etl.tables import SILVER_IMPRESSIONS as IMPRESSIONS
from etl.tables import SILVER_OUTCOMES as OUTCOMES
from tests.etl.features.shop_log import FIRST, after, frame_of, partitions, same_bits

Row = dict[str, Any]
SECOND = FIRST + timedelta(days=1)
CURVE = (1.0, 0.5, 0.25)


def shown(day: int, event: str, user: str, *items: str) -> list[Row]:
    """A slate of items, from the first place on."""
    same = {
        "arrival_date": FIRST + timedelta(days=day),
        "source": "app",
        "event_id": event,
        "user_id": user,
        "item_type": "product",
        "surface": "product_feed",
        "shown_at": after(day),
        "shown_date": FIRST,
    }
    empty = dict.fromkeys(IMPRESSIONS.column_names)
    return [empty | same | {"position": n, "item_id": item} for n, item in enumerate(items)]


def clicked(row: Row, day: int, number: int = 0, *, kind: str = "click") -> Row:
    """What became known on a day of an impression."""
    return dict.fromkeys(OUTCOMES.column_names) | {
        "arrival_date": FIRST + timedelta(days=day),
        "source": "app",
        "event_id": f"{kind}-{row['event_id']}-{row['position']}-{number}",
        "event_type": kind,
        "event_at": after(day),
        "event_date": FIRST,
        "event_arrival_date": row["arrival_date"],
        "user_id": row["user_id"],
        "item_type": "product",
        "item_id": row["item_id"],
        "is_organic": False,
        "impression_source": "app",
        "impression_event_id": row["event_id"],
        "impression_position": row["position"],
    }


def numbered(day: int, **item_no: int) -> list[Row]:
    same = {"arrival_date": FIRST + timedelta(days=day), "item_type": "product"}
    empty = dict.fromkeys(SILVER_ITEMS.column_names)
    return [empty | same | {"item_id": name, "item_no": no} for name, no in item_no.items()]


def curve(day: int) -> list[Row]:
    same = {"arrival_date": FIRST + timedelta(days=day), "surface": "product_feed"}
    empty = dict.fromkeys(FEATURES_POSITIONS.column_names, 1.0)
    return [empty | same | {"position": n, "examination": part} for n, part in enumerate(CURVE)]


def made(
    spark: SparkSession, shows: list[Row], clicks: list[Row], halvings: dict[Any, int], num: int = 2
) -> pa.Table:
    items = [row for day in range(2) for row in numbered(day, a=4, b=2)]
    with partitions(spark, num):
        return panel.build(
            frame_of(spark, IMPRESSIONS, shows).repartition(num),
            outcomes=frame_of(spark, OUTCOMES, clicks),
            items=frame_of(spark, SILVER_ITEMS, items),
            positions=frame_of(spark, FEATURES_POSITIONS, [*curve(0), *curve(1)]),
            halvings=halvings,
        ).toArrow()


def said(rows: pa.Table) -> dict[tuple, dict[int, tuple[int, int]]]:
    return {
        (row["arrival_date"], row["user_id"]): {
            item["item_no"]: (item["examined"], item["num_clicks"]) for item in row["items"]
        }
        for row in rows.to_pylist()
    }


def test_looks_and_clicks_are_added_up_by_user_day_and_item(spark: SparkSession) -> None:
    first, again = shown(0, "e1", "u", "a", "b"), shown(0, "e2", "u", "b", "a", "b")
    late = shown(1, "e3", "v", "a")
    clicks = [
        clicked(first[1], 0),
        clicked(first[1], 0, 1, kind="view"),
        clicked(again[0], 0),
        clicked(again[1], 1),
        {**clicked(late[0], 1), "is_organic": True},
        clicked(late[0], 1, kind="order"),
    ]

    rows = made(spark, [*first, *again, *late], clicks, {FIRST: 0, SECOND: 0})

    assert said(rows) == {
        (FIRST, "u"): {2: (500_000 + 1_000_000 + 250_000, 2), 4: (1_000_000 + 500_000, 0)},
        (SECOND, "u"): {4: (0, 1)},
        (SECOND, "v"): {4: (1_000_000, 0)},
    }
    assert set(rows.column_names) == set(FEATURES_PANEL.column_names)
    assert [i["item_no"] for i in rows.sort_by("arrival_date")["items"][0].as_py()] == [2, 4]


def test_a_halved_panel_keeps_some_users_with_all_that_they_did_on_the_day(
    spark: SparkSession,
) -> None:
    users = [f"u{number:03}" for number in range(200)]
    shows = [
        row for day in range(2) for user in users for row in shown(day, f"{user}{day}", user, "a")
    ]
    clicks = [clicked(row, 0) for row in shows if row["arrival_date"] == FIRST]

    whole = said(made(spark, shows, clicks, {FIRST: 0, SECOND: 0}))
    halved = made(spark, shows, clicks, {FIRST: 2, SECOND: 0})
    found = said(halved)

    kept = [user for day, user in found if day == FIRST]
    assert 25 <= len(kept) <= 75
    assert len([user for day, user in found if day == SECOND]) == len(users)
    assert all(found[place] == whole[place] for place in found)
    key = ("arrival_date", "user_id")
    assert same_bits(halved, made(spark, shows, clicks, {FIRST: 2, SECOND: 0}, 5), *key)


def test_a_day_of_more_impressions_halves_its_panel_until_they_are_few() -> None:
    config = PanelConfig(max_impressions=100)
    assert [config.halvings(n) for n in (0, 100, 101, 200, 201, 400, 401, 1_600)] == [
        *(0, 0, 1, 1, 2, 2, 3, 4)
    ]
