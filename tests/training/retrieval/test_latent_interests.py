from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features.positions import PARTS
from etl.tables import FEATURES_USER_DAILY, FEATURES_USER_PAIRS, RETRIEVAL_LATENT_INTERESTS
from tests.training.known_evening import Row, batch_of, frame_of, lists_of_sources, own_group
from training.retrieval.latent_interests import ResponsesConfig, build, propose
from training.retrieval.latent_response import LatentConfig

FIRST = date(2026, 1, 8)
DAYS = Days(FIRST, FIRST + timedelta(days=2))
CONFIG = ResponsesConfig(num_categories=3, num_buckets=2)
COUNTRIES = {"a": "de", "b": "de", "c": "fr", "d": None, "e": "fr"}


def seen(category: str, num_clicks: int, looks: float) -> Row:
    return own_group("category", category, num_clicks=num_clicks, examined=int(looks * PARTS))


def drawn_pairs() -> list[Row]:
    """Touched-only rows: everybody's on the first day, of some of the users on the others."""
    rng = np.random.default_rng(5)
    return [
        {
            "arrival_date": day,
            "user_id": user,
            "categories": [
                seen(f"c{n}", int(rng.integers(4)), float(rng.choice([0, 0.5, 2, 7])))
                for n in range(5)
            ],
        }
        for day in DAYS
        for user in COUNTRIES
        if day == DAYS.first or rng.random() < 0.5
    ]


PAIRS = drawn_pairs()
USERS = [
    {
        "arrival_date": day,
        "user_id": user,
        "country": country,
        "is_personalisation_off": user == "e" and day == DAYS.last,
    }
    for day in DAYS
    for user, country in COUNTRIES.items()
]


def slowly() -> list[tuple]:
    """The same by pandas, one day and user after another."""
    found: list[dict[str, Any]] = []
    for said in USERS:
        own = [p for p in PAIRS if p["user_id"] == said["user_id"]]
        state = [p for p in own if p["arrival_date"] <= said["arrival_date"]][-1]["categories"]
        looks, clicks = (sum(c[name] for c in state) for name in ("examined", "num_clicks"))
        groups = [("all", "*"), ("segment", f"{said['country']}||")]
        for one in state:
            is_eager = one["num_clicks"] * looks >= clicks * one["examined"]
            if one["num_clicks"] >= 2 and is_eager:
                groups.append(("category", one["category"]))
        if not said["is_personalisation_off"]:
            found += [
                {"day": said["arrival_date"], "scope": scope, "value": value, **counted_of(one)}
                for scope, value in groups
                for one in state
                if one["examined"] > 0 and one["category"] != value and value != "None||"
            ]
    by = ["day", "scope", "value", "category"]
    total = pd.DataFrame(found).groupby(by).agg("sum").reset_index()
    ordered = total.sort_values(["looks", "category"], ascending=[False, True])
    place = ordered.groupby(by[:3]).cumcount()
    kept = ordered[(ordered.scope == "all") | (place < CONFIG.num_categories)]
    return sorted(kept.itertuples(index=False, name=None))


def counted_of(one: Row) -> Row:
    share = min(1.0, 3 * PARTS / one["examined"]) if one["examined"] else 0.0
    looks = min(one["examined"], 3 * PARTS)
    clicks = int(one["num_clicks"] * PARTS * share)
    return {"category": one["category"], "num_users": 1, "looks": looks, "clicks": clicks}


def built(spark: SparkSession, days: Days) -> list[tuple]:
    users = [row for row in USERS if row["arrival_date"] in days]
    known = [row for row in PAIRS if row["arrival_date"] <= days.last]
    rows = build(
        frame_of(spark, FEATURES_USER_DAILY, users),
        pairs=frame_of(spark, FEATURES_USER_PAIRS, known),
        config=CONFIG,
    )
    assert rows.columns == RETRIEVAL_LATENT_INTERESTS.column_names
    return sorted(tuple(row) for row in rows.collect())


@pytest.fixture(scope="module")
def in_one_pass(spark: SparkSession) -> list[tuple]:
    return built(spark, DAYS)


def test_users_of_every_group_are_counted_by_category(in_one_pass: list[tuple]) -> None:
    assert in_one_pass == slowly()
    assert {row[1] for row in in_one_pass} == {"all", "segment", "category"}


def test_a_night_leaves_the_rows_that_a_range_leaves(
    spark: SparkSession, in_one_pass: list[tuple]
) -> None:
    night = one_day(DAYS.last)
    assert built(spark, night) == [row for row in in_one_pass if row[0] == DAYS.last]


RESPONSES = {("all", "*", name): (1e9, 1e8) for name in ("bags", "hats", "shoes", "ties")}
POINTS = {("category", "hats", "shoes"): (1e9, 2e8), ("category", "hats", "bags"): (1e9, 1e8)}
LISTS = lists_of_sources(
    {
        ("category", "hats"): [1, 2],
        ("category", "shoes"): [3, 4],
        ("category", "bags"): [5, 6, 7],
        ("all", "*"): [9],
    },
    responses=RESPONSES | POINTS,
)


def proposed(*users: list[Row], num_items: int = 9, lists: Any = LISTS) -> dict[int, list[int]]:  # noqa: ANN401
    batch = batch_of(*({"categories": found} for found in users))
    config = LatentConfig(per_category=2)
    found = propose(batch, lists, surface="product_feed", num_items=num_items, config=config)
    assert (found.score_P > 0).all()
    return {n: found.item_P[found.user_P == n].tolist() for n in range(len(users))}


def test_what_his_interest_points_to_comes_first_and_of_each_category_the_popular() -> None:
    found = proposed([seen("hats", 3, 6)])
    # Shoes: twice as usual times 2 users; bags: as usual times 3, a third of it for the second.
    assert found[0] == [3, 5, 4, 6]


def test_only_the_best_are_proposed() -> None:
    assert proposed([seen("hats", 3, 6)], num_items=1)[0] == [3]


def test_what_returned_nothing_is_not_proposed_again() -> None:
    found = proposed([seen("hats", 3, 6), seen("shoes", 0, 30)])
    assert found[0] == [5, 6]


def test_a_log_without_impressions_proposes_nothing() -> None:
    popular = lists_of_sources({("category", "hats"): [1, 2]})
    assert proposed([seen("shoes", 3, 0)], lists=popular)[0] == []


def test_draws_are_the_same_for_the_same_day_and_others_on_another_surface() -> None:
    few = lists_of_sources(
        {("category", f"c{n}"): [n] for n in range(20)},
        responses={("all", "*", f"c{n}"): (10, 1) for n in range(20)},
    )
    batch = batch_of({"categories": []}, {"categories": []})
    first, again, other = (
        propose(batch, few, surface=surface, num_items=9, config=LatentConfig())
        for surface in ("product_feed", "product_feed", "short_videos")
    )
    assert first.item_P.tolist() == again.item_P.tolist() != other.item_P.tolist()
    assert first.item_P[first.user_P == 0].tolist() != first.item_P[first.user_P == 1].tolist()
