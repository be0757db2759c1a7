from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from etl.tables import (
    FEATURES_USER_HISTORY,
    FEATURES_USER_INTERESTS,
    FEATURES_USER_PAIRS,
)

OfDay = Callable[[date], object]
Faults = dict[str, object]
Row = dict[str, object]
Plant = Callable[..., Any]

GROUPS = {"categories": "category", "brands": "brand", "sellers": "seller_id", "hosts": "host_id"}


def at_noon(num_days: int) -> OfDay:
    return lambda day: datetime.combine(day + timedelta(days=num_days), time(12), UTC)


def changed(array: str, **values: object) -> Callable[[list[Row]], list[Row]]:
    """A change of the only element of an array."""
    return lambda rows: [{**r, array: [{**r[array][0], **values}]} for r in rows]


def broken_groups(array: str, name: str) -> Faults:
    counts = "num_clicks, num_orders, affinity, affinity_at"
    looks = ", examined, expected" if name == "category" else ""
    affinities = f"short_term_affinity, long_term_affinity{looks}"
    return {
        f"{array}: {name}, {counts}, {affinities} never null": changed(array, **{name: None}),
        f"{array}: counts from 0 on": changed(array, num_orders=-1),
        f"{array}: affinities from 0 on": changed(array, long_term_affinity=float("nan")),
        f"{array}: by {name}, each once": lambda rows: [
            {**r, array: [{**r[array][0], name: "b"}, {**r[array][0], name: "a"}]} for r in rows
        ],
        f"{array}: at most 1,000": lambda rows: [
            {**r, array: [{**r[array][0], name: f"{n:04}"} for n in range(1_001)]} for r in rows
        ],
    }


def test_each_fault_of_pairs_is_caught_with_an_example(plant: Plant) -> None:
    counts = "num_clicks, num_carts, num_orders, num_hides"
    faults = {
        "user_id is not empty": {"user_id": ""},
        "last_event_at is of the last 90 days": {"last_event_at": at_noon(-90)},
        f"items: item_no, {counts}, watch_ms, affinity, affinity_at never null": changed(
            "items", affinity_at=None
        ),
        "items: counts from 0 on": changed("items", num_hides=-1),
        "items: watch_ms from 0 on": changed("items", watch_ms=-1),
        "items: affinity from 0 on": changed("items", affinity=float("inf")),
        "items: by item_no, each once": lambda rows: [{**r, "items": r["items"] * 2} for r in rows],
        "it has every user of the day's events": {"user_id": "b"},
    }
    for array, name in GROUPS.items():
        faults |= broken_groups(array, name)

    planted = plant(FEATURES_USER_PAIRS, faults, related={"silver/events": {"event_type": "click"}})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def entry(day: date) -> dict[str, object]:
    return {
        "event_at": at_noon(0)(day),
        "event_code": 1,
        "item_no": 1,
        "price_cents": None,
        "entry_arrival_date": day,
        "event_id": "a",
    }


def broken_entries(array: str) -> Faults:
    def with_entry(**values: object) -> dict[str, OfDay]:
        return {array: lambda day: [{**entry(day), **values}]}

    never = "event_at, event_code, item_no, entry_arrival_date, event_id"
    return {
        f"{array}: {never} never null": with_entry(item_no=None),
        f"{array}: event_code is known": with_entry(event_code=9),
        f"{array}: in order of event time": {
            array: lambda day: [{**entry(day), "event_at": at_noon(1)(day)}, entry(day)]
        },
        f"{array}: nothing that arrived after the day": {
            array: lambda day: [entry(day + timedelta(days=1))]
        },
    }


def test_each_fault_of_a_history_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "user_id is not empty": {"user_id": ""},
        **broken_entries("short"),
        **broken_entries("long"),
        "short: ties of event time by event id": {
            "short": lambda day: [{**entry(day), "event_id": "b"}, entry(day)]
        },
        "short: at most 50": {"short": lambda day: [entry(day)] * 51},
        "short is the end of long": {"short": lambda day: [{**entry(day), "event_id": "b"}]},
        "num_events counts at least what is kept": {"num_events": 0},
        "it has every user of the day's events": {"user_id": "b"},
    }

    planted = plant(
        FEATURES_USER_HISTORY, faults, related={"silver/events": {"event_type": "click"}}
    )

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def broken_interests(array: str, num_kept: int) -> Faults:
    one = {"category": "a", "strength": 0.5, "num_events": 1}
    return {
        f"{array}: category, strength, num_events never null": {array: [{**one, "category": None}]},
        f"{array}: strength in (0, 1]": {array: [{**one, "strength": 0.0}]},
        f"{array}: num_events from 0 on": {array: [{**one, "num_events": -1}]},
        f"{array}: largest strength first": {
            array: [one, {**one, "category": "b", "strength": 0.6}]
        },
        f"{array}: each category once": {array: [one, one]},
        f"{array}: at most {num_kept}": {
            array: [{**one, "category": f"{n}"} for n in range(num_kept + 1)]
        },
    }


def test_each_fault_of_interests_is_caught_with_an_example(plant: Plant) -> None:
    faults = {
        "user_id is not empty": {"user_id": ""},
        "last_event_at is of the last 90 days": {"last_event_at": at_noon(2)},
        **broken_interests("short_term", 10),
        **broken_interests("long_term", 20),
        "it has every user of features/user_pairs": {"user_id": "b"},
    }

    planted = plant(FEATURES_USER_INTERESTS, faults)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
