from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.arrow import arrow_schema
from etl.surfaces import PRODUCT_FEED
from etl.tables import (
    FEATURES_ITEM_DAILY,
    FEATURES_USER_PAIRS,
    RETRIEVAL_COVISITATION,
    RETRIEVAL_NEW_ITEMS,
    RETRIEVAL_POPULARITY,
    SLATES,
)
from scoring import stand_ins
from scoring.guarantees import Broken, Limits, check
from scoring.slates import SlateConfig
from training import array_file, item_side
from training.item_side import ItemSide
from training.retrieval import source_lists
from training.retrieval.source_lists import SourceLists

EVENING = date(2026, 1, 5)
CONFIG = SlateConfig(k=3, caps={"seller_cap": 2, "category_cap": 4})
LIMITS = Limits(k=3, reserve_share=0.2, max_per_seller=2, max_per_category=4, rate=0.05)
OPTED_OUT = {
    "arrival_date": EVENING,
    "audience": "user",
    "audience_key": "anna",
    "segment": "FR||",
    "items": [],
    "reserve": [],
    "short_reason": "personalisation_off",
    "ranker": "none",
    "feature_date": EVENING,
}


def items() -> pa.Table:
    """Six products: the first three of one seller, the sixth sold out."""
    rows = [
        {
            "item_no": number,
            "item_type": "product",
            "item_id": f"p{number}",
            "category": "c",
            "brand": None,
            "seller_id": "s1" if number < 4 else None,
            "is_sold_out": number == 6,
        }
        for number in range(1, 7)
    ]
    return pa.Table.from_pylist(rows, arrow_schema(FEATURES_ITEM_DAILY.schema))


def popularity() -> pa.Table:
    """Most popular first: 6, 1, 2, 3, 4, 5; in Germany 5 alone."""
    ranked = [("all", "*", n, item) for n, item in enumerate((6, 1, 2, 3, 4, 5), 1)]
    rows = [
        {"scope": scope, "scope_value": value, "rank": rank, "item_no": item, "num_users": 9 - rank}
        for scope, value, rank, item in [*ranked, ("segment", "DE||", 1, 5)]
    ]
    return pa.Table.from_pylist(rows, arrow_schema(RETRIEVAL_POPULARITY.schema))


@pytest.fixture
def made(tmp_path: Path) -> pa.Table:
    """The rows for users of Germany, of France, and of nowhere known."""
    arrays = source_lists.arrays_of(
        popularity(),
        new_items=arrow_schema(RETRIEVAL_NEW_ITEMS.schema).empty_table(),
        covisitation=arrow_schema(RETRIEVAL_COVISITATION.schema).empty_table(),
        evening=EVENING,
        half_life_days=30.0,
    )
    return stand_ins.build(
        SourceLists.read(array_file.write(arrays, tmp_path)),
        ItemSide.read(array_file.write(item_side.arrays_of(items()), tmp_path)),
        segments={"DE||", "FR||", "||"},
        surface=PRODUCT_FEED,
        evening=EVENING,
        config=CONFIG,
    )


def test_a_segment_in_which_nobody_acted_gets_the_defaults_items(made: pa.Table) -> None:
    found = {
        (row["audience"], row["audience_key"]): [shown["item_no"] for shown in row["items"]]
        for row in made.to_pylist()
    }
    assert found == {
        ("segment", "DE||"): [5, 1, 2],
        ("default", "*"): [1, 2, 4],
        ("segment", "FR||"): [1, 2, 4],
    }


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        (["DE||", "*", "FR||"], []),
        (["DE||", "*"], [Broken("stand_in_is_there", 1, ("segment:FR||",))]),
    ],
)
def test_they_keep_what_slates_promise(
    spark: SparkSession, made: pa.Table, kept: list[str], broken: list[Broken]
) -> None:
    rows = [row for row in made.to_pylist() if row["audience_key"] in kept]
    users = [("anna", True, "FR", None, None)]
    known = "user_id string, is_personalisation_off boolean, country string, platform string, "
    catalogue = "item_no int, item_id string, item_type string, is_sold_out boolean, "
    names = ("item_no", "item_id", "item_type", "is_sold_out", "seller_id", "category")
    found = check(
        spark.createDataFrame([*rows, OPTED_OUT], SLATES["product_feed"].schema),
        users=spark.createDataFrame(users, known + "language string"),
        pairs=spark.createDataFrame([], FEATURES_USER_PAIRS.schema),
        items=spark.createDataFrame(
            [tuple(row[name] for name in names) for row in items().to_pylist()],
            catalogue + "seller_id string, category string",
        ),
        surface=PRODUCT_FEED,
        limits=LIMITS,
    )
    assert found == broken
