from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from etl.features import dictionary
from etl.features.dictionary import Feature
from etl.tables import (
    FEATURES_ITEM_DAILY,
    FEATURES_USER_DAILY,
    FEATURES_USER_HISTORY,
    FEATURES_USER_INTERESTS,
    FEATURES_USER_PAIRS,
)

OfDay = Callable[[date], object]
Faults = dict[str, object]
Row = dict[str, object]
Plant = Callable[..., Any]

KINDS = ("impression", "click", "cart", "order", "cancel", "like", "hide")
BY_DAY = [*(f"num_{kind}s_by_day" for kind in KINDS), "watch_ms_by_day"]
GROUPS = {"categories": "category", "brands": "brand", "sellers": "seller_id"}


def at_noon(num_days: int) -> OfDay:
    return lambda day: datetime.combine(day + timedelta(days=num_days), time(12), UTC)


def out_of_range(features: tuple[Feature, ...]) -> Faults:
    """One fault a feature: below its range, above it where it has an end, or infinite."""
    below = {f.name: f.low - 1 for f in features}
    above = {f.name: f.high + 1 for f in features if f.high < float("inf")}
    infinite = {f.name: float("inf") for f in features if f.name.startswith("decayed")}
    values = {**below, **infinite, **above}
    ends = {f.name: "∞" if f.high == float("inf") else f"{f.high:g}" for f in features}
    return {
        f"{f.name} is in {f.low:g} … {ends[f.name]}": {
            f.name: int(values[f.name]) if f.is_integer else float(values[f.name])
        }
        for f in features
    }


def broken_windows() -> Faults:
    return {
        f"num_{kind}s: a longer window holds the shorter": {f"num_{kind}s_7d": 0}
        for kind in ("impression", "click", "cart", "order")
    }


def broken_days(columns: list[str]) -> Faults:
    """The first half of the arrays is too short, the others hold a number below 0."""
    faults = {name: [0] * 27 if n % 2 else [0] * 27 + [-1] for n, name in enumerate(columns)}
    return {f"{name}: 28 days, none below 0": {name: days} for name, days in faults.items()}


def test_each_fault_of_a_user_is_caught_with_an_example(plant: Plant) -> None:
    days = [*BY_DAY, "num_events_by_day"]
    good = {name: [0] * 28 for name in days}
    faults = {
        **out_of_range(dictionary.USER),
        **broken_windows(),
        **broken_days(days),
        "user_id is not empty": {"user_id": ""},
        "sum_price_cents is in 0 … ∞": {"sum_price_cents": -1},
        "num_priced is in 0 … ∞": {"num_priced": -1},
        "last_event_at is of the last 90 days": {
            "first_event_at": at_noon(-90),
            "last_event_at": at_noon(-90),
            "last_order_at": None,
        },
        "first_event_at is not after last_event_at": {"first_event_at": at_noon(1)},
        "last_order_at is not after last_event_at": {"last_order_at": at_noon(1)},
        "it has every user of the day's events": {"user_id": "b"},
    }

    planted = plant(FEATURES_USER_DAILY, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_an_item_is_caught_with_an_example(plant: Plant) -> None:
    item = {"item_type": "product", "item_id": "p1"}
    good = {**item, **{name: [0] * 28 for name in BY_DAY}}
    faults = {
        **out_of_range(dictionary.ITEM),
        **broken_windows(),
        **broken_days(BY_DAY),
        "item_type is one of its closed list": {"item_type": "house"},
        "item_id is not empty": {"item_id": ""},
        "item_no is in 0 … ∞": {"item_no": -1},
        "(item_type, item_id) is unique": lambda rows: [*rows, {**rows[0], "item_no": 2}],
        "last_event_at is of the last 90 days": {"last_event_at": at_noon(1)},
        "it has every item of the day's events": {"item_id": "p2"},
    }

    planted = plant(FEATURES_ITEM_DAILY, faults, good=good, related={"silver/events": item})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def changed(array: str, **values: object) -> Callable[[list[Row]], list[Row]]:
    """A change of the only element of an array."""
    return lambda rows: [{**r, array: [{**r[array][0], **values}]} for r in rows]


def broken_groups(array: str, name: str) -> Faults:
    counts = "num_clicks, num_orders, last_event_at, affinity, affinity_at"
    affinities = "short_term_affinity, long_term_affinity"
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
        f"items: item_no, {counts}, affinity, affinity_at never null": changed(
            ("items", {"affinity_at": None})
        ),
        "items: counts from 0 on": changed("items", num_hides=-1),
        "items: affinity from 0 on": changed("items", affinity=float("inf")),
        "items: by item_no, each once": lambda rows: [{**r, "items": r["items"] * 2} for r in rows],
        "it has every user of the day's events": {"user_id": "b"},
    }
    for array, name in GROUPS.items():
        faults |= broken_groups(array, name)

    planted = plant(FEATURES_USER_PAIRS, faults, related={"silver/events": {"event_type": "click"}})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


@pytest.fixture
def entry() -> OfDay:
    def of(day: date) -> dict[str, object]:
        return {
            "event_at": at_noon(0)(day),
            "event_code": 1,
            "item_no": 1,
            "price_cents": None,
            "entry_arrival_date": day,
            "event_id": "a",
        }

    return of


def broken_entries(entry: OfDay, array: str) -> Faults:
    def with_entry(**values: object) -> dict[str, OfDay]:
        return {array: lambda day: [{**entry(day), **values}]}

    never = "event_at, event_code, item_no, entry_arrival_date, event_id"
    return {
        f"{array}: {never} never null": with_entry(item_no=None),
        f"{array}: event_code is known": with_entry(event_code=9),
        f"{array}: in order of event time, then event id": {
            array: lambda day: [{**entry(day), "event_id": "b"}, entry(day)]
        },
        f"{array}: nothing that arrived after the day": {
            array: lambda day: [entry(day + timedelta(days=1))]
        },
    }


def test_each_fault_of_a_history_is_caught_with_an_example(plant: Plant, entry: OfDay) -> None:
    faults = {
        "user_id is not empty": {"user_id": ""},
        **broken_entries(entry, "short"),
        **broken_entries(entry, "long"),
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
