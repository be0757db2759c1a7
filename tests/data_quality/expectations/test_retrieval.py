from collections.abc import Callable
from datetime import timedelta
from typing import Any

from etl.tables import (
    CANDIDATES,
    PROPOSALS,
    RETRIEVAL_COVISITATION,
    RETRIEVAL_FITS,
    RETRIEVAL_LATENT_INTERESTS,
    RETRIEVAL_NEW_ITEMS,
    RETRIEVAL_POPULARITY,
    RETRIEVAL_WEIGHTS,
    SIMILAR,
)

Faults = dict[str, object]
Plant = Callable[..., Any]


def test_each_fault_of_popularity_is_caught_with_an_example(plant: Plant) -> None:
    good = {"surface": "product_feed", "scope": "all", "scope_value": "*"}
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "scope is one of its closed list": {"scope": "world", "scope_value": "a"},
        "scope_value is * for all": {"scope_value": "shoes"},
        "rank is in 1 … ∞": {"rank": 0},
        "num_users is in 1 … ∞": {"num_users": 0},
        "(surface, scope, scope_value, item_no) is unique": lambda rows: [
            *rows,
            {**rows[0], "rank": 2},
        ],
        "its item is in features/item_daily": {"item_no": 2},
    }

    planted = plant(RETRIEVAL_POPULARITY, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_a_category_may_be_named_as_all_are(plant: Plant) -> None:
    good = {"surface": "product_feed", "scope": "category", "scope_value": "*"}

    planted = plant(RETRIEVAL_POPULARITY, {}, good=good)

    assert [r.expectation for r in planted.good if not r.is_met] == []


def broken_neighbours(one: dict[str, object], number: str, most: int) -> Faults:
    return {
        "item_no is in 0 … ∞": {"item_no": -1},
        "neighbours: each item_no once": {"neighbours": [one, one]},
        f"neighbours: largest {number} first": {
            "neighbours": [one, {**one, "item_no": 3, number: 9.0}]
        },
        f"neighbours: at most {most}": {
            "neighbours": [{**one, "item_no": n} for n in range(2, most + 3)]
        },
        "neighbours: not the item itself": {"neighbours": [{**one, "item_no": 1}]},
    }


def test_each_fault_of_covisitation_is_caught_with_an_example(plant: Plant) -> None:
    one = {"item_no": 2, "weight": 1.0}
    faults = {
        **broken_neighbours(one, "weight", 200),
        "surface is one of its closed list": {"surface": "billboard"},
        "weights_date is not after the day": {"weights_date": lambda day: day + timedelta(days=1)},
        "neighbours: item_no, weight never null": {"neighbours": [{**one, "item_no": None}]},
        "neighbours: weight above 0": {"neighbours": [{**one, "weight": 0.0}]},
    }

    planted = plant(
        RETRIEVAL_COVISITATION, faults, good={"surface": "product_feed", "neighbours": [one]}
    )

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_new_items_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "rank is in 1 … ∞": {"rank": 0},
        "age_days is in 0 … 7": {"age_days": 8},
        "(surface, category, item_no) is unique": lambda rows: [*rows, {**rows[0], "rank": 2}],
        "its item is in features/item_daily": {"item_no": 2},
    }

    planted = plant(RETRIEVAL_NEW_ITEMS, faults, good={"surface": "product_feed"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_latent_interests_is_caught_with_an_example(plant: Plant) -> None:
    good = {"scope": "category", "scope_value": "hats", "category": "shoes"}
    good |= {"num_users": 2, "looks": 4_000_000, "clicks": 1_000_000}
    faults = {
        "scope is one of its closed list": {"scope": "world"},
        "scope_value is * for all": {"scope": "all"},
        "the interested are not counted in their own category": {"category": "hats"},
        "category is not empty": {"category": ""},
        "num_users is in 1 … ∞": {"num_users": 0},
        "looks is in 1 … ∞": {"looks": 0},
        "clicks is in 0 … ∞": {"clicks": -1},
        "looks: at most 3 of a user": {"looks": 6_000_001},
    }

    planted = plant(RETRIEVAL_LATENT_INTERESTS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_similar_items_is_caught_with_an_example(plant: Plant) -> None:
    one = {"item_no": 2, "score": 1.0, "source": 4}
    faults = {
        **broken_neighbours(one, "score", 50),
        "neighbours: item_no, score, source never null": {"neighbours": [{**one, "score": None}]},
        "neighbours: source is known": {"neighbours": [{**one, "source": 99}]},
    }

    planted = plant(SIMILAR["product_feed"], faults, good={"neighbours": [one]})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_fit_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "surface": "product_feed",
        "is_fitted": True,
        "sha256": "0123456789abcdef" * 4,
        "parent_date": None,
        "manifest": "{}",
    }
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "reason is not empty": {"reason": ""},
        "num_users is in 0 … ∞": {"num_users": -1, "is_fitted": False},
        "num_items is in 0 … ∞": {"num_items": -1, "is_fitted": False},
        "num_visits is in 0 … ∞": {"num_visits": -1, "is_fitted": False},
        "sha256 is 64 hex digits": {"sha256": "../model"},
        "a fitted source says from what": {"num_visits": 0},
        "its parent was fitted before": {"parent_date": lambda day: day},
        "manifest is JSON": {"manifest": "{"},
    }

    planted = plant(RETRIEVAL_FITS["factors"], faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_weights_is_caught_with_an_example(plant: Plant) -> None:
    good = {"surface": "product_feed", "user_group": "new", "source": "popularity"}
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "user_group is one of its closed list": {"user_group": "friends"},
        "source is one of its closed list": {"source": "hearsay"},
        "weight is in 0 … ∞": {"weight": float("nan")},
        "num_users is in 0 … ∞": {"num_users": -1},
    }

    planted = plant(RETRIEVAL_WEIGHTS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_proposals_is_caught_with_an_example(plant: Plant) -> None:
    by_popularity = {"source": 1, "rank": 1, "score": 9.0}
    one = {"item_no": 1, "proposals": [by_popularity]}
    faults = {
        "user_id is not empty": {"user_id": ""},
        "num_visits is in 0 … ∞": {"num_visits": -1},
        "items: item_no, proposals never null": {"items": [{**one, "item_no": None}]},
        "items: each item_no once": {"items": [one, one]},
        "he visited something": {"visited": []},
        "items: proposed by known sources, ranks from 1 on": {
            "items": [{**one, "proposals": [{**by_popularity, "rank": 0}]}]
        },
    }

    planted = plant(PROPOSALS["product_feed"], faults, good={"items": [one]})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_candidates_is_caught_with_an_example(plant: Plant) -> None:
    by_popularity = {"source": 1, "rank": 1, "score": 9.0}
    one = {"item_no": 1, "fused_score": 1.0, "proposals": [by_popularity]}
    faults = {
        "user_id is not empty": {"user_id": ""},
        "items: item_no, fused_score, proposals never null": {"items": [{**one, "item_no": None}]},
        "items: each item_no once": {"items": [one, one]},
        "items: largest fused_score first": {
            "items": [one, {**one, "item_no": 2, "fused_score": 2.0}]
        },
        "items: at most 2,000": {"items": [{**one, "item_no": n} for n in range(2_001)]},
        "items: fused_score is finite": {"items": [{**one, "fused_score": float("nan")}]},
        "items: someone proposed it": {"items": [{**one, "proposals": []}]},
        "items: proposed by known sources, ranks from 1 on": {
            "items": [{**one, "proposals": [{**by_popularity, "source": 99}]}]
        },
        "there are candidates": {"items": []},
        "every item is in features/item_daily": {"items": [{**one, "item_no": 2}]},
        "every user is in features/user_daily": {"user_id": "b"},
    }

    planted = plant(CANDIDATES["product_feed"], faults, good={"items": [one]})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
