from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from etl.tables import (
    DATA_QUALITY_RESULTS,
    PUBLICATIONS_LOG,
    REPORTS_CANDIDATES,
    REPORTS_SLATES,
    REPORTS_SOURCES,
    SLATES,
)

OfDay = Callable[[date], object]
Faults = dict[str, object]
Plant = Callable[..., Any]

ITEM = {
    "item_no": 1,
    "item_id": "p1",
    "value": 1.0,
    "p_click": 0.5,
    "p_cart": None,
    "p_order": None,
    "watch_share": 0.5,
    "sources": ["popularity"],
    "rules": [],
    "propensity": 1.0,
    "is_exploration": False,
}


def days_later(num_days: int) -> OfDay:
    return lambda day: day + timedelta(days=num_days)


def broken_places(array: str) -> Faults:
    never = "item_no, item_id, value, sources, rules, propensity, is_exploration"
    return {
        f"{array}: {never} never null": {array: [{**ITEM, "rules": None}]},
        f"{array}: value is finite": {array: [{**ITEM, "value": float("nan")}]},
        f"{array}: propensity in (0, 1]": {array: [{**ITEM, "propensity": 0.0}]},
        f"{array}: p_click, p_cart, p_order, watch_share in 0 … 1": {
            array: [{**ITEM, "p_order": 1.5}]
        },
    }


def test_each_fault_of_a_slate_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "audience": "default",
        "audience_key": "*",
        "items": [ITEM],
        "reserve": [],
        "short_reason": None,
    }
    faults = {
        **broken_places("items"),
        **broken_places("reserve"),
        "audience is one of its closed list": {"audience": "everyone", "audience_key": "a"},
        "audience_key is not empty": {"audience": "segment", "audience_key": ""},
        "ranker is not empty": {"ranker": ""},
        "audience_key is * for the default": {"audience_key": "a"},
        "there is one default slate": {"audience": "segment", "audience_key": "DE||"},
        "each item once, in items and reserve together": {"reserve": [ITEM]},
        "an empty slate says why": {"items": []},
        "ranker is none where no model is named": {"ranker": "none"},
        "model_date is not after the day": {"model_date": days_later(1)},
        "feature_date is not after the day": {"feature_date": days_later(1)},
        "every item is in features/item_daily": {"items": [{**ITEM, "item_id": "p2"}]},
        "every user is in features/user_daily": {"audience": "user", "audience_key": "b"},
    }

    planted = plant(
        SLATES["product_feed"],
        faults,
        good=good,
        related={"features/item_daily": {"item_id": "p1"}},
    )

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example(but=("there is one default slate",))


def test_each_fault_of_a_slate_report_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "surface": "product_feed",
        "slate_date": days_later(-1),
        "audience": "user",
        "policy": "slates",
    }
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "audience is one of its closed list": {"audience": "segment"},
        "policy is one of its closed list": {"policy": "oracle"},
        "metric is not empty": {"metric": ""},
        "horizon_days is 1 or 7": {"horizon_days": 2, "slate_date": days_later(-2)},
        "the horizon ends on the day": {"slate_date": days_later(0)},
        "value is in 0 … 1": {"value": 1.5},
        "num_users is in 0 … ∞": {"num_users": -1},
        "num_truths is in 0 … ∞": {"num_truths": -1},
    }

    planted = plant(REPORTS_SLATES, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_source_report_is_caught_with_an_example(plant: Plant) -> None:
    good = {"surface": "product_feed", "user_group": "all", "source": "popularity"}
    shares = ("recall_alone", "found_by_it_only", "share_of_found")
    losses = ("lost_without", "lost_without_low", "lost_without_high")
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "user_group is one of its closed list": {"user_group": "friends"},
        "source is one of its closed list": {"source": "hearsay"},
        "num_users is in 1 … ∞": {"num_users": 0},
        "num_visited is in 1 … ∞": {"num_visited": 0},
        "recall is in 0 … 1": {"recall": 1.5, "recall_high": 1.5},
        "recall_low is in 0 … 1": {"recall_low": -0.5},
        "recall_high is in 0 … 1": {"recall_high": 1.5},
        **{f"{share} is in 0 … 1": {share: 1.5} for share in shares},
        **{f"{loss} is in -1 … 1": {loss: -1.5} for loss in losses},
        "recall is within its interval": {"recall": 0.5},
    }

    planted = plant(REPORTS_SOURCES, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_candidate_report_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "measure is not empty": {"measure": ""},
        "num_users is in 1 … ∞": {"num_users": 0},
        "num_visited is in 1 … ∞": {"num_visited": 0},
        "value is in 0 … 1": {"value": 1.5, "low": None},
        "low is in 0 … 1": {"low": -0.5},
        "high is in 0 … 1": {"high": 1.5},
        "value is within its interval": {"value": 0.5},
    }

    planted = plant(REPORTS_CANDIDATES, faults, good={"surface": "product_feed"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_result_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "table_path is not empty": {"table_path": ""},
        "expectation is not empty": {"expectation": ""},
        "observed is not empty": {"observed": ""},
        "run_id is not empty": {"run_id": ""},
        "severity is one of its closed list": {"severity": "fatal"},
        "num_unexpected is in 0 … ∞": {"num_unexpected": -1},
        "what is met has nothing unexpected": {"is_met": True},
        "examples: at most 5": {"examples": ["a"] * 6},
    }

    planted = plant(DATA_QUALITY_RESULTS, faults, good={"severity": "warning"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_publication_is_caught_with_an_example(plant: Plant) -> None:
    good = {"action": "publish", "previous_id": "b", "surfaces": "{}"}
    faults = {
        "publication_id is not empty": {"publication_id": ""},
        "action is one of its closed list": {"action": "undo"},
        "slate_date is the day": {"slate_date": days_later(1)},
        "it replaces another publication": {"previous_id": "a"},
        "surfaces is JSON": {"surfaces": "{"},
    }

    planted = plant(PUBLICATIONS_LOG, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
