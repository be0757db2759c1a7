from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.tables import FEATURES_ITEM_DAILY, RETRIEVAL_POPULARITY, SILVER_EVENTS
from tests.training.known_evening import Row, batch_of, frame_of, lists_of_sources, own_group
from training.retrieval.popularity import (
    PopularityConfig,
    build,
    propose,
    propose_in_categories,
    propose_in_segment,
)

FIRST = date(2026, 1, 8)
DAYS = Days(FIRST, FIRST + timedelta(days=2))
CONFIG = PopularityConfig(num_overall=6, num_per_category=2, num_per_segment=3)
TYPES = {"product": "product_feed", "short_video": "short_videos"}


def drawn_events(num_events: int) -> list[Row]:
    """Events of two surfaces that arrive late, in time, or before their day by the app's clock."""
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(num_events):
        number = int(rng.integers(12))
        item_type = "product" if number < 9 else "short_video"
        arrived = DAYS.last - timedelta(days=int(rng.integers(10)))
        happened = arrived - timedelta(days=int(rng.choice([-1, 0, 0, 0, 1, 4])))
        rows.append(
            {
                "arrival_date": arrived,
                "event_date": happened,
                "event_at": datetime.combine(happened, time(9), UTC),
                "event_type": str(rng.choice(["view", "click", "cart", "order", "hide", "watch"])),
                "surface": rng.choice([None, TYPES[item_type]]),
                "item_type": item_type,
                "item_id": f"i{number}",
                "user_id": rng.choice([None, "a", "b", "c", "d", "e"]),
                "country": rng.choice([None, "de"]),
            }
        )
    return rows


def items_of(days: Days) -> list[Row]:
    """Twelve items of each day; i1 is sold out on the last, i5 has no category."""
    return [
        {
            "arrival_date": day,
            "item_no": 100 - number,
            "item_id": f"i{number}",
            "item_type": "product" if number < 9 else "short_video",
            "category": None if number == 5 else f"c{number % 2}",
            "is_eligible": number != 1 or day != DAYS.last,
        }
        for day in days
        for number in range(12)
    ]


def slowly(events: list[Row], items: list[Row]) -> list[tuple]:
    """The same by pandas, one day after another."""
    known, catalogue = pd.DataFrame(events), pd.DataFrame(items)
    known = known[known.event_type.isin(["view", "click", "cart", "order"]) & known.user_id.notna()]
    found = []
    for day in DAYS:
        age = (pd.Timestamp(day) - pd.to_datetime(known.event_date)).dt.days
        recent = known[(known.arrival_date <= day) & age.between(0, 6)]
        alive = catalogue[(catalogue.arrival_date == day) & catalogue.is_eligible]
        rows = recent.merge(alive, on="item_id").assign(day=day)
        rows["surface"] = rows.item_type_y.map(TYPES)
        segment = rows.country.map(lambda country: f"{country}||" if country else None)
        scopes = {"all": ("*", 6), "category": (rows.category, 2), "segment": (segment, 3)}
        for scope, (value, most) in scopes.items():
            found += ranked(rows.assign(scope=scope, scope_value=value), most)
    return sorted(found)


def ranked(rows: pd.DataFrame, most: int) -> list[tuple]:
    """The items of each list by distinct users, ties by item_id."""
    by = ["day", "surface", "scope", "scope_value"]
    counts = rows.groupby([*by, "item_no", "item_id"]).user_id.nunique().reset_index(name="users")
    ordered = counts.sort_values(["users", "item_id"], ascending=[False, True])
    ordered["rank"] = ordered.groupby(by).cumcount() + 1
    kept = ordered[ordered["rank"] <= most][[*by, "rank", "item_no", "users"]]
    return list(kept.itertuples(index=False, name=None))


EVENTS, ITEMS = drawn_events(150), items_of(DAYS)


def built(spark: SparkSession, days: Days) -> list[tuple]:
    known = [e for e in EVENTS if days.first - timedelta(days=7) <= e["arrival_date"] <= days.last]
    items = [row for row in ITEMS if row["arrival_date"] in days]
    rows = build(
        frame_of(spark, SILVER_EVENTS, known),
        item_daily=frame_of(spark, FEATURES_ITEM_DAILY, items),
        days=days,
        config=CONFIG,
    )
    assert rows.columns == RETRIEVAL_POPULARITY.column_names
    return sorted(tuple(row) for row in rows.collect())


@pytest.fixture(scope="module")
def in_one_pass(spark: SparkSession) -> list[tuple]:
    return built(spark, DAYS)


def test_distinct_users_of_seven_days_are_counted_in_every_scope(in_one_pass: list[tuple]) -> None:
    assert in_one_pass == slowly(EVENTS, ITEMS)


def test_the_cases_that_matter_are_among_the_rows(in_one_pass: list[tuple]) -> None:
    on_the_last = [row for row in in_one_pass if row[0] == DAYS.last]
    overall = [row for row in on_the_last if row[1:3] == ("product_feed", "all")]
    counts = [row[6] for row in overall]
    assert len(set(counts)) < len(counts)  # ties
    assert 99 in {row[5] for row in in_one_pass} - {row[5] for row in on_the_last}  # sold out
    assert {row[2] for row in on_the_last} == {"all", "category", "segment"}


def test_a_night_leaves_the_rows_that_a_range_leaves(
    spark: SparkSession, in_one_pass: list[tuple]
) -> None:
    night = one_day(DAYS.last)
    assert built(spark, night) == [row for row in in_one_pass if row[0] == DAYS.last]


LISTS = lists_of_sources(
    {
        ("all", "*"): [1, 2, 3],
        ("category", "c0"): [4, 5],
        ("category", "c1"): [6, 4],
        ("segment", "de||"): [7, 1],
    }
)


def test_everybody_is_proposed_the_most_popular() -> None:
    found = propose(batch_of(None, {}), LISTS, num_items=2)
    assert found.user_P.tolist() == [0, 0, 1, 1]
    assert found.item_P.tolist() == [1, 2, 1, 2]
    assert found.score_P.tolist() == [3, 2, 3, 2]


def test_a_user_is_proposed_what_is_popular_in_his_segment() -> None:
    batch = batch_of(None, None, None, segments=["||", "de||", "fr||"])
    found = propose_in_segment(batch, LISTS, num_items=2)
    assert found.user_P.tolist() == [1, 1]
    assert found.item_P.tolist() == [7, 1]


def test_an_item_scores_a_categorys_share_over_its_place_there() -> None:
    categories = [own_group("category", "c0", affinity=3.0), own_group("category", "c1")]
    batch = batch_of({"categories": categories}, None)

    found = propose_in_categories(batch, LISTS, num_items=3, num_categories=2)

    # c0 has three quarters of his affinity: 4 → 0.75 + 0.25 / 2, 5 → 0.75 / 2, 6 → 0.25.
    assert found.user_P.tolist() == [0, 0, 0]
    assert found.item_P.tolist() == [4, 5, 6]
    assert found.score_P.tolist() == pytest.approx([0.875, 0.375, 0.25])


def test_only_the_strongest_categories_are_asked() -> None:
    categories = [own_group("category", "c0"), own_group("category", "c1", affinity=3.0)]
    batch = batch_of({"categories": categories})
    found = propose_in_categories(batch, LISTS, num_items=9, num_categories=1)
    assert found.item_P.tolist() == [6, 4]
