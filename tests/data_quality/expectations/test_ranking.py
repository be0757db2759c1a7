from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from etl.tables import (
    EXAMPLES,
    RANKERS,
    RANKERS_CALIBRATORS,
    RANKERS_CHAMPIONS,
    RANKERS_IMPORTANCE,
    RANKERS_REPORTS,
)
from etl.tables.ranking import numeric_features

OfDay = Callable[[date], object]
Plant = Callable[..., Any]

SHA = "0123456789abcdef" * 4


def days_later(num_days: int) -> OfDay:
    return lambda day: day + timedelta(days=num_days)


def below(name: str, low: float) -> float:
    """A value under the range; a position is an integer column."""
    return int(low - 1) if name == "position" else float(low - 1)


def test_each_fault_of_an_example_is_caught_with_an_example(plant: Plant) -> None:
    features = numeric_features()
    ends = {f.name: "∞" if f.high == float("inf") else f"{f.high:g}" for f in features}
    faults = {
        **{
            f"{f.name} is in {f.low:g} … {ends[f.name]}": {f.name: below(f.name, f.low)}
            for f in features
        },
        "user_id is not empty": {"user_id": ""},
        "example_id is not empty": {"example_id": ""},
        "feature_date is the day before shown_date": {"feature_date": days_later(0)},
        "shown_date is at most a day after the day": {
            "shown_date": days_later(2),
            "feature_date": days_later(1),
        },
        "item_no is in 0 … ∞": {"item_no": -1},
        "watch_ms is in 0 … ∞": {"watch_ms": -1},
        "sampling_weight is in 1 … ∞": {"sampling_weight": 0.5},
        "propensity is in (0, 1]": {"propensity": 1.5},
        "an order is a cart, a cart is a click": {"is_order": True},
    }

    planted = plant(EXAMPLES["product_feed"], faults, good={"feature_date": days_later(-1)})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_fit_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "surface": "product_feed",
        "is_fitted": True,
        "sha256": SHA,
        "fit_first_date": days_later(-28),
        "fit_last_date": days_later(-2),
        "stop_date": days_later(-1),
        "manifest": "{}",
    }
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "ranker is not empty": {"ranker": ""},
        "reason is not empty": {"reason": ""},
        "num_examples is in 0 … ∞": {"num_examples": -1},
        "num_clicks is in 0 … ∞": {"num_clicks": -1},
        "num_orders is in 0 … ∞": {"num_orders": -1},
        "model_date is the day": {"model_date": days_later(1)},
        "sha256 is 64 hex digits": {"sha256": "../model"},
        "a fitted ranker says from what": {"sha256": None},
        "it was fitted before it was stopped, and stopped before it is judged": {
            "fit_last_date": days_later(-1)
        },
        "manifest is JSON": {"manifest": "{"},
    }

    planted = plant(RANKERS["gbdt"], faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_report_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "task is one of its closed list": {"task": "smile"},
        "ranker is not empty": {"ranker": ""},
        "metric is not empty": {"metric": ""},
        "segment is not empty": {"segment": ""},
        "num_users is in 0 … ∞": {"num_users": -1},
        "num_positives is in 0 … ∞": {"num_positives": -1},
        "value is within its interval": {"value": 1.5},
        "difference is within its interval": {"difference": 1.5},
        "model_date is not after examples_date, nor that after the day": {
            "model_date": days_later(1)
        },
        "maturity is in 0 … 1": {"maturity": 1.5},
    }

    planted = plant(RANKERS_REPORTS, faults, good={"surface": "product_feed", "task": "click"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_calibration_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "surface": "product_feed",
        "task": "click",
        "is_fitted": True,
        "family": "platt",
        "calibration": "{}",
        "sha256": sha256(b"{}").hexdigest(),
        "first_date": days_later(-3),
        "last_date": days_later(-1),
        "shown_by": "us",
        "known_share": 1.0,
    }
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "task is one of its closed list": {"task": "smile"},
        "ranker is not empty": {"ranker": ""},
        "reason is not empty": {"reason": ""},
        "shown_by is one of its closed list": {"shown_by": "them"},
        "num_examples is in 0 … ∞": {"num_examples": -1},
        "num_positives is in 0 … ∞": {"num_positives": -1},
        "num_exploration is in 0 … ∞": {"num_exploration": -1},
        "known_share is in (0, 1]": {"known_share": 0.0},
        "a calibration has its JSON, its hash and its days": {"sha256": SHA},
        "it was fitted before the night, and its ranker by then": {"last_date": days_later(0)},
    }

    planted = plant(RANKERS_CALIBRATORS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_an_importance_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "ranker is not empty": {"ranker": ""},
        "feature is not empty": {"feature": ""},
        "shap is in 0 … ∞": {"shap": -1.0},
        "num_examples is in 0 … ∞": {"num_examples": -1},
        "gain is in 0 … 1": {"gain": 1.5},
        "model_date is the day": {"model_date": days_later(1)},
    }

    planted = plant(RANKERS_IMPORTANCE, faults, good={"surface": "product_feed"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_champion_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "surface is one of its closed list": {"surface": "billboard"},
        "ranker is not empty": {"ranker": ""},
        "decided_by is not empty": {"decided_by": ""},
        "reason is not empty": {"reason": ""},
        "model_date is not after the day": {"model_date": days_later(1)},
        "since_date is not after the day": {"since_date": days_later(1)},
    }

    planted = plant(RANKERS_CHAMPIONS, faults, good={"surface": "product_feed"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
