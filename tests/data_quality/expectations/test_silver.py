from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from etl.tables import (
    SILVER_DUPLICATE_LINES,
    SILVER_EVENTS,
    SILVER_IMPRESSIONS,
    SILVER_ITEMS,
    SILVER_LINE_COUNTS,
    SILVER_OUTCOMES,
    SILVER_REJECTED_LINES,
)

OfDay = Callable[[date], object]
Plant = Callable[..., Any]


def days_later(num_days: int) -> OfDay:
    return lambda day: day + timedelta(days=num_days)


def test_each_fault_of_a_rejected_line_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "reason is one of its closed list": {"reason": "bad_luck"},
        "line_number is in 1 … ∞": {"line_number": 0},
        "detail has at most 200 characters": {"detail": "a" * 201},
        "sample has at most 200 characters": {"sample": "a" * 201},
        "its file was sealed": {"file_name": "unsealed"},
    }

    planted = plant(SILVER_REJECTED_LINES, faults, good={"reason": "not_json"})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_a_duplicate_line_is_caught_with_an_example(plant: Plant) -> None:
    good = {"previous_arrival_date": days_later(-7)}
    faults = {
        "event_id is not empty": {"event_id": ""},
        "line_number is in 1 … ∞": {"line_number": 0},
        "previous_line_number is in 1 … ∞": {"previous_line_number": 0},
        "the previous line stands before it": {"previous_arrival_date": days_later(0)},
        "the previous line arrived at most 7 days before": {
            "previous_arrival_date": days_later(-8)
        },
        "its file was sealed": {"source": "unknown"},
    }

    planted = plant(SILVER_DUPLICATE_LINES, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_an_event_is_caught_with_an_example(plant: Plant) -> None:
    seen = {"position": 0, "item_id": "p1", "propensity": 0.5}
    good = {
        "event_type": "impression",
        "item_type": "product",
        "surface": "product_feed",
        "shown": [seen],
    }
    faults = {
        "event_type is one of its closed list": {"event_type": "teleport", "shown": None},
        "item_type is one of its closed list": {"item_type": "house"},
        "surface is one of its closed list": {"surface": "billboard"},
        "event_id is not empty": {"event_id": ""},
        "user_id is not empty": {"user_id": ""},
        "item_id is not empty": {"item_id": ""},
        "user_id is there but for event type item": {"user_id": None},
        "an item is there where the event needs one": {
            "event_type": "click",
            "item_id": None,
            "shown": None,
        },
        "item_type is there where item_id is": {"item_type": None},
        "event_date is the UTC day of event_at": {"event_date": days_later(-1)},
        "event_at is from 71 days before to 1 day after the day": {
            "event_at": lambda day: datetime(2025, 1, 1, 12, tzinfo=UTC),
            "event_date": lambda day: date(2025, 1, 1),
        },
        "position is in 0 … ∞": {"position": -1},
        "watch_ms is in 0 … ∞": {"watch_ms": -1},
        "price_cents is in 0 … ∞": {"price_cents": -1},
        "stock is in 0 … ∞": {"stock": -1},
        "duration_ms is in 0 … ∞": {"duration_ms": -1},
        "quantity is in 1 … ∞": {"quantity": 0},
        "line_number is in 1 … ∞": {"line_number": 0},
        "propensity is in (0, 1]": {"propensity": 0.0},
        "product_ids: never null or empty": {"product_ids": ["p1", None]},
        "shown is there for impressions only": {"event_type": "click"},
        "shown: position, item_id never null": {"shown": [seen, {**seen, "item_id": None}]},
        "shown: position from 0 on": {"shown": [seen, {**seen, "position": -1}]},
        "shown: propensity in (0, 1]": {"shown": [seen, {**seen, "propensity": 1.5}]},
        "its file was sealed": {"file_name": "unsealed"},
    }

    planted = plant(SILVER_EVENTS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_an_event_of_the_catalogue_needs_no_user(plant: Plant) -> None:
    good = {"event_type": "item", "user_id": None, "shown": None, "item_type": "product"}

    planted = plant(SILVER_EVENTS, {}, good={**good, "surface": None})

    assert [r.expectation for r in planted.good if not r.is_met] == []


def test_each_fault_of_a_balance_is_caught_with_an_example(plant: Plant) -> None:
    good = {"num_lines": 100, "num_events": 80, "num_rejected_lines": 10, "num_duplicate_lines": 10}
    bad = {"num_events": 40, "num_rejected_lines": 50}
    worse = {"num_events": 0, "num_rejected_lines": 100, "num_duplicate_lines": 0}
    faults = {
        "num_lines is in 0 … ∞": {"num_lines": -1},
        "num_events is in 0 … ∞": {"num_events": -1},
        "num_rejected_lines is in 0 … ∞": {"num_rejected_lines": -1},
        "num_duplicate_lines is in 0 … ∞": {"num_duplicate_lines": -1},
        "lines = events + rejected + duplicates": {"num_events": 79},
        "at most 20% of the day's lines are rejected": bad,
        "at most 90% of the day's lines are rejected": worse,
        "at most 90% of a file's lines are rejected": worse,
        "its file was sealed": {"file_name": "unsealed"},
    }
    of_the_day = tuple(name for name in faults if "of the day's lines" in name)

    planted = plant(SILVER_LINE_COUNTS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example(but=of_the_day)


def test_half_of_the_lines_rejected_is_a_warning_and_nearly_all_of_them_blocks(
    plant: Plant,
) -> None:
    faults = {
        "at most 20% of the day's lines are rejected": {"num_rejected_lines": 50},
        "at most 90% of the day's lines are rejected": {"num_rejected_lines": 91},
    }

    planted = plant(SILVER_LINE_COUNTS, faults, good={"num_lines": 100})

    found = {
        r.severity: (r.observed, r.is_met)
        for r in planted.of_fault.values()
        if "%" in r.expectation
    }
    assert found == {"warning": ("50.0%", False), "critical": ("91.0%", False)}


def test_each_fault_of_an_item_is_caught_with_an_example(plant: Plant) -> None:
    good = {"item_type": "product", "item_id": "p1"}
    faults = {
        "item_type is one of its closed list": {"item_type": "house"},
        "item_id is not empty": {"item_id": ""},
        "item_no is in 0 … ∞": {"item_no": -1},
        "price_cents is in 0 … ∞": {"price_cents": -1},
        "stock is in 0 … ∞": {"stock": -1},
        "duration_ms is in 0 … ∞": {"duration_ms": -1},
        "product_ids: never null or empty": {"product_ids": ["p1", ""]},
        "(item_type, item_id) is unique": lambda rows: [*rows, {**rows[0], "item_no": 2}],
        "first_arrival_date is not after the day": {"first_arrival_date": days_later(1)},
        "known_at dates what is known, and nothing else": {"brand": None},
        "it has every item of the day's events": {"item_id": "p2"},
    }

    planted = plant(SILVER_ITEMS, faults, good=good, related={"silver/events": good})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_an_impression_is_caught_with_an_example(plant: Plant) -> None:
    item = {"item_type": "product", "item_id": "p1"}
    faults = {
        "item_type is one of its closed list": {"item_type": "house"},
        "surface is one of its closed list": {"surface": "billboard"},
        "user_id is not empty": {"user_id": ""},
        "item_id is not empty": {"item_id": ""},
        "position is in 0 … ∞": {"position": -1},
        "propensity is in (0, 1]": {"propensity": float("nan")},
        "shown_date is the UTC day of shown_at": {"shown_date": days_later(1)},
        "its event is of the day": {"event_id": "of another day"},
        "its item is known": {"item_id": "p2"},
    }

    planted = plant(
        SILVER_IMPRESSIONS,
        faults,
        good={**item, "surface": "product_feed"},
        related={"silver/items": item},
    )

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_an_outcome_is_caught_with_an_example(plant: Plant) -> None:
    good = {
        "event_type": "click",
        "item_type": "product",
        "surface": "product_feed",
        "impression_surface": "live_streams",
        "shown_date": days_later(-7),
    }
    faults = {
        "event_type is one of its closed list": {"event_type": "search"},
        "item_type is one of its closed list": {"item_type": "house"},
        "surface is one of its closed list": {"surface": "billboard"},
        "impression_surface is one of its closed list": {"impression_surface": "billboard"},
        "user_id is not empty": {"user_id": ""},
        "item_id is not empty": {"item_id": ""},
        "price_cents is in 0 … ∞": {"price_cents": -1},
        "watch_ms is in 0 … ∞": {"watch_ms": -1},
        "impression_position is in 0 … ∞": {"impression_position": -1},
        "quantity is in 1 … ∞": {"quantity": 0},
        "event_date is the UTC day of event_at": {"event_date": days_later(-1)},
        "it names an impression unless organic": {"is_organic": True},
        "its event arrived at most 7 days before": {"event_arrival_date": days_later(-8)},
        "it was shown at most 7 days before": {"shown_date": days_later(1)},
    }

    planted = plant(SILVER_OUTCOMES, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
