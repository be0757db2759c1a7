from datetime import date

import pytest
from pyspark.sql import SparkSession

from etl.surfaces import PRODUCT_FEED
from etl.tables import (
    CANDIDATES,
    FEATURES_ITEM_DAILY,
    FEATURES_USER_DAILY,
    FEATURES_USER_HISTORY,
    FEATURES_USER_PAIRS,
)
from scoring.candidates import NightFiles, build
from scoring.mixes import CandidatesConfig
from tests.training.known_evening import (
    Row,
    frame_of,
    lists_of_sources,
    own_item,
    table_of,
    visit,
)
from training import array_file, item_side

FIRST, SECOND = date(2026, 1, 9), date(2026, 1, 10)
EVENINGS = (FIRST, SECOND)
GROUPS: Row = {"categories": [], "brands": [], "sellers": [], "hosts": []}


def users_of(evening: date) -> list[Row]:
    """a is touched on the first evening only, b never; off has opted out."""
    same: Row = {"arrival_date": evening, "active_hours": [0] * 24}
    same |= {"followed_hosts": [], "query_words": []}
    return [{**same, "user_id": u, "is_personalisation_off": u == "off"} for u in ("a", "b", "off")]


PAIRS = [
    {"arrival_date": FIRST, "user_id": "a", **GROUPS, "items": [own_item(2, num_orders=1)]},
    {"arrival_date": FIRST, "user_id": "off", **GROUPS, "items": []},
]
HISTORY = [
    {"arrival_date": FIRST, "user_id": "a", "short": [visit(2, days_ago=3)], "long": []},
    {"arrival_date": FIRST, "user_id": "off", "short": [], "long": []},
]


@pytest.fixture(scope="module")
def files(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[date, NightFiles]:
    """On the second evening item 1 is sold out and item 3 has become the most popular."""
    folder = tmp_path_factory.mktemp("files")
    sent = {}
    for evening, popular in ((FIRST, [1, 2, 3]), (SECOND, [3, 2, 1])):
        rows = [
            {
                "item_no": n,
                "item_id": f"p{n}",
                "item_type": "product",
                "is_eligible": n != 1 or evening != SECOND,
            }
            for n in range(6)
        ]
        daily = table_of(FEATURES_ITEM_DAILY, rows).select(item_side.COLUMNS)
        items = array_file.write(item_side.arrays_of(daily), folder)
        lists = lists_of_sources({("all", "*"): popular}, covisitation={2: {5: 1.0}})
        read = array_file.write(lists.arrays, folder)
        for path in (items, read):
            spark.sparkContext.addFile(str(path))
        sent[evening] = NightFiles(items.name, read.name)
    return sent


def built(
    spark: SparkSession, files: dict[date, NightFiles], *evenings: date
) -> list[tuple[date, str, list[int]]]:
    rows = build(
        frame_of(spark, FEATURES_USER_DAILY, [row for e in evenings for row in users_of(e)]),
        pairs=frame_of(spark, FEATURES_USER_PAIRS, PAIRS),
        history=frame_of(spark, FEATURES_USER_HISTORY, HISTORY),
        surface=PRODUCT_FEED,
        files={evening: files[evening] for evening in evenings},
        config=CandidatesConfig(num_buckets=2),
    )
    assert rows.columns == CANDIDATES["product_feed"].column_names
    found = rows.orderBy("arrival_date", "user_id").collect()
    return [(r["arrival_date"], r["user_id"], [c["item_no"] for c in r["items"]]) for r in found]


def test_a_range_leaves_the_candidates_that_its_nights_leave(
    spark: SparkSession, files: dict[date, NightFiles]
) -> None:
    in_one_pass = built(spark, files, *EVENINGS)

    # What a bought is left out, what people went on to from it comes first; off has no row.
    assert in_one_pass == [
        (FIRST, "a", [5, 1, 3]),
        (FIRST, "b", [1, 2, 3]),
        (SECOND, "a", [5, 3]),
        (SECOND, "b", [3, 2]),
    ]
    assert [row for evening in EVENINGS for row in built(spark, files, evening)] == in_one_pass
