from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from etl.tables import FEATURES_ITEM_DAILY, RETRIEVAL_NEW_ITEMS
from tests.training.known_evening import Row, batch_of, frame_of, lists_of_sources, own_group
from training.retrieval.new_items import NewItemsConfig, build, propose

DAYS = (date(2026, 1, 9), date(2026, 1, 10))


def drawn_items() -> list[Row]:
    rng = np.random.default_rng(4)
    return [
        {
            "arrival_date": day,
            "item_no": number,
            "item_type": "product" if number % 5 else "live_slot",
            "category": None if number % 7 == 0 else f"c{number % 2}",
            "is_eligible": number % 6 != 0,
            "age_days": float(rng.integers(9)),
            "num_clicks_7d": int(rng.integers(3)),
        }
        for day in DAYS
        for number in range(30)
    ]


def slowly(items: list[Row], config: NewItemsConfig) -> list[tuple]:
    """The same by pandas: an item stands in its category's list and in everybody's."""
    rows = pd.DataFrame(items)
    new = rows[(rows.age_days <= config.max_age_days) & rows.is_eligible]
    own = new[new.category.notna()]
    scoped = pd.concat([own, new.assign(category="*")])
    scoped["surface"] = scoped.item_type.map(
        {"product": "product_feed", "live_slot": "live_streams"}
    )
    scoped["less"] = -scoped.num_clicks_7d
    ordered = scoped.sort_values(["less", "age_days", "item_no"])
    by = ["arrival_date", "surface", "category"]
    ordered["rank"] = ordered.groupby(by).cumcount() + 1
    kept = ordered[ordered["rank"] <= config.num_per_category]
    kept = kept.assign(age_days=kept.age_days.astype(int))
    return sorted(kept[RETRIEVAL_NEW_ITEMS.column_names].itertuples(index=False, name=None))


def test_the_weeks_newcomers_are_listed_by_category_and_for_everybody(spark: SparkSession) -> None:
    items, config = drawn_items(), NewItemsConfig(num_per_category=4)
    rows = build(frame_of(spark, FEATURES_ITEM_DAILY, items), config=config)
    assert rows.columns == RETRIEVAL_NEW_ITEMS.column_names
    assert sorted(tuple(row) for row in rows.collect()) == slowly(items, config)


LISTS = lists_of_sources({}, new_items={"*": [1, 2, 3], "c0": [2, 4], "c1": [3]})


def test_a_user_is_proposed_the_newcomers_of_his_strongest_categories() -> None:
    categories = [own_group("category", "c0", affinity=3.0), own_group("category", "c1")]
    found = propose(batch_of({"categories": categories}), LISTS, num_items=9, num_categories=2)
    assert found.item_P.tolist() == [2, 4, 3]
    assert found.score_P.tolist() == pytest.approx([0.75, 0.375, 0.25])


def test_a_user_without_a_category_is_proposed_any_newcomer() -> None:
    with_one = {"categories": [own_group("category", "c1")]}
    found = propose(batch_of(None, with_one, {}), LISTS, num_items=2, num_categories=2)
    assert found.user_P.tolist() == [0, 0, 1, 2, 2]
    assert found.item_P.tolist() == [1, 2, 3, 1, 2]
