from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from etl.surfaces import PRODUCT_FEED
from etl.tables import (
    FEATURES_ITEM_DAILY,
    FEATURES_POSITIONS,
    FEATURES_USER_DAILY,
    FEATURES_USER_HISTORY,
    FEATURES_USER_PAIRS,
    PROPOSALS,
    SILVER_EVENTS,
    SILVER_IMPRESSIONS,
    SILVER_ITEMS,
)
from etl.tables.retrieval import SOURCE_CODES
from scoring.candidates import NightFiles
from scoring.mixes import CandidatesConfig
from scoring.proposals import Asked, ProposalsConfig, Visitors, build
from tests.training.known_evening import Row, frame_of, lists_of_sources, table_of, visit
from training import array_file, item_side

EVENING, DAY = date(2026, 1, 9), date(2026, 1, 10)
GROUPS: Row = {name: [] for name in ("items", "categories", "brands", "sellers", "hosts")}


def user(name: str, **said: Any) -> Row:  # noqa: ANN401
    same: Row = {"arrival_date": EVENING, "active_hours": [0] * 24, "query_words": []}
    return {**same, "followed_hosts": [], "user_id": name, "is_personalisation_off": False, **said}


def event(name: str, item: int, *, day: date = DAY) -> Row:
    return {
        "arrival_date": DAY,
        "event_date": day,
        "event_at": datetime(day.year, day.month, day.day, 12),
        "user_id": name,
        "event_type": "click",
        "item_type": "product",
        "item_id": f"p{item}",
    }


@pytest.fixture(scope="module")
def files(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[date, NightFiles]:
    folder: Path = tmp_path_factory.mktemp("files")
    rows = [
        {"item_no": n, "item_id": f"p{n}", "item_type": "product", "is_eligible": n != 4}
        for n in range(6)
    ]
    daily = table_of(FEATURES_ITEM_DAILY, rows).select(item_side.COLUMNS)
    lists = lists_of_sources({("all", "*"): [1, 2, 4]}, covisitation={2: {5: 1.0}})
    paths = [
        array_file.write(item_side.arrays_of(daily), folder),
        array_file.write(lists.arrays, folder),
    ]
    for path in paths:
        spark.sparkContext.addFile(str(path))
    return {EVENING: NightFiles(paths[0].name, paths[1].name)}


def shown(name: str, item: int, position: int, *, day: date = DAY) -> Row:
    same = {"arrival_date": DAY, "surface": "product_feed", "item_type": "product"}
    return {
        **same,
        "user_id": name,
        "item_id": f"p{item}",
        "position": position,
        "shown_date": day,
        "shown_at": datetime(day.year, day.month, day.day, 11),
    }


PLACES = [
    {"arrival_date": DAY, "surface": "product_feed", "position": n, "examination": 1 / (n + 1)}
    for n in range(3)
]


def proposed(
    spark: SparkSession,
    files: dict[date, NightFiles],
    *events: Row,
    impressions: Sequence[Row] = (),
    max_users: int = 10,
) -> dict[str, Row]:
    users = [user("a"), user("b"), user("off", is_personalisation_off=True)]
    # What became known on the day itself must not be asked with.
    history = [
        {"arrival_date": EVENING, "user_id": "a", "short": [visit(2)], "long": []},
        {"arrival_date": DAY, "user_id": "a", "short": [visit(2), visit(3)], "long": []},
    ]
    pairs = [{"arrival_date": row["arrival_date"], "user_id": "a", **GROUPS} for row in history]
    items = [{"item_no": n, "item_id": f"p{n}", "item_type": "product"} for n in range(6)]
    visitors = Visitors(
        events=frame_of(spark, SILVER_EVENTS, events),
        impressions=frame_of(spark, SILVER_IMPRESSIONS, impressions),
        positions=frame_of(spark, FEATURES_POSITIONS, PLACES),
        items=frame_of(spark, SILVER_ITEMS, items),
        users=frame_of(spark, FEATURES_USER_DAILY, users),
        pairs=frame_of(spark, FEATURES_USER_PAIRS, pairs),
        history=frame_of(spark, FEATURES_USER_HISTORY, history),
    )
    config = ProposalsConfig(max_users=max_users, num_buckets=2)
    asked = [Asked(PRODUCT_FEED, files, CandidatesConfig())]
    rows = build(visitors, asked=asked, keep=lambda kept: kept, config=config)
    assert rows.columns == ["surface", *PROPOSALS["product_feed"].column_names]
    return {row["user_id"]: row.asDict(recursive=True) for row in rows.collect()}


def test_visitors_are_proposed_what_the_evening_before_knew(
    spark: SparkSession, files: dict[date, NightFiles]
) -> None:
    late = event("b", 1, day=DAY - timedelta(days=1))
    found = proposed(spark, files, event("a", 5), event("a", 3), event("off", 1), late)

    # b came before the day, off has opted out.
    assert set(found) == {"a"}
    own = found["a"]
    assert own["arrival_date"] == DAY
    assert own["num_visits"] == 1
    assert own["visited"] == [3, 5]
    by_item = {one["item_no"]: one["proposals"] for one in own["items"]}
    # Item 4 is sold out, item 2 is popular too: nothing else is cut off.
    assert list(by_item) == [1, 2, 5]
    [covisited] = by_item[5]
    assert covisited["source"] == SOURCE_CODES["covisitation"]
    assert covisited["rank"] == 1


def test_a_day_of_many_visitors_is_sampled(
    spark: SparkSession, files: dict[date, NightFiles]
) -> None:
    events = [event("a", 5), event("b", 1)]
    whole = proposed(spark, files, *events)
    [drawn] = proposed(spark, files, *events, max_users=1).items()
    assert set(whole) == {"a", "b"}
    assert drawn == (drawn[0], whole[drawn[0]])


def test_what_a_visitor_was_shown_is_known_by_how_far_he_looked(
    spark: SparkSession, files: dict[date, NightFiles]
) -> None:
    earlier = DAY - timedelta(days=1)
    impressions = [
        shown("a", 1, 0),
        shown("a", 5, 1),
        shown("a", 5, 2),
        shown("a", 3, 0, day=earlier),
        shown("b", 2, 0),
    ]
    found = proposed(spark, files, event("a", 5), impressions=impressions)
    assert found["a"]["looked"] == [
        {"item_no": 1, "examined": 1_000_000},
        {"item_no": 5, "examined": 500_000 + 333_333},
    ]
    unseen = proposed(spark, files, event("a", 5))
    assert unseen["a"]["looked"] == []
