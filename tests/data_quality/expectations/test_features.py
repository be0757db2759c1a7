from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from etl.features import dictionary
from etl.features.dictionary import Feature
from etl.tables import (
    FEATURES_ITEM_APPEAL,
    FEATURES_ITEM_DAILY,
    FEATURES_PANEL,
    FEATURES_POSITIONS,
    FEATURES_USER_DAILY,
)

OfDay = Callable[[date], object]
Faults = dict[str, object]
Row = dict[str, object]
Plant = Callable[..., Any]

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


def recent(num_days: int, code: int, number: int | None = 1) -> OfDay:
    return lambda day: {
        "event_date": day + timedelta(days=num_days),
        "code": code,
        "number": number,
    }


def list_of(*values: OfDay) -> OfDay:
    return lambda day: [value(day) for value in values]


def broken_recent() -> Faults:
    return {
        "recent: event_date, code, number never null": {"recent": list_of(recent(0, 1, None))},
        "recent: code is known": {"recent": list_of(recent(0, 13))},
        "recent: number above 0": {"recent": list_of(recent(0, 1, 0))},
        "recent: of the last 28 days": {"recent": list_of(recent(-28, 1))},
        "recent: by event_date and code, each once": {
            "recent": list_of(recent(0, 1), recent(0, 1))
        },
    }


def broken_list(array: str, name: str, at: str, num_kept: int, later: list) -> Faults:
    """Faults of a list of things with the last time that he said them; ``later`` holds two."""

    def with_element(**values: object) -> Callable[[list[Row]], list[Row]]:
        return lambda rows: [{**r, array: [{**r[array][0], **values}]} for r in rows]

    def repeated(num: int) -> Callable[[list[Row]], list[Row]]:
        return lambda rows: [
            {**r, array: [{**r[array][0], name: f"{n:04}"} for n in range(num)]} for r in rows
        ]

    return {
        f"{array}: {name}, {at} never null": with_element(**{name: None}),
        f"{array}: each {name} once": lambda rows: [{**r, array: r[array] * 2} for r in rows],
        f"{array}: largest {at} first": lambda rows: [
            {**r, array: [{name: str(n), at: time} for n, time in enumerate(later)]} for r in rows
        ],
        f"{array}: at most {num_kept}": repeated(num_kept + 1),
    }


def broken_lists() -> Faults:
    hours = {"active_hours: 24 numbers, 0 … 28": {"active_hours": [29] * 24}}
    old = [{"word": "a", "searched_date": date(2025, 1, 1)}]
    instants = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]
    far = [date(2100, 1, 1), date(2100, 1, 2)]
    return {
        **hours,
        **broken_list("followed_hosts", "host_id", "followed_at", 200, instants),
        **broken_list("query_words", "word", "searched_date", 50, far),
        "query_words: of the last 7 days": {"query_words": old},
    }


def test_each_fault_of_a_user_is_caught_with_an_example(plant: Plant) -> None:
    good = {"recent": list_of(recent(-27, 2), recent(0, 1), recent(0, 11))}
    good["active_hours"] = [28, *[0] * 23]
    faults = {
        **out_of_range(dictionary.USER),
        **broken_windows(),
        **broken_recent(),
        **broken_lists(),
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
    good = {**item, "recent": []}
    faults = {
        **out_of_range(dictionary.ITEM),
        **broken_windows(),
        **broken_recent(),
        "item_type is one of its closed list": {"item_type": "house"},
        "item_id is not empty": {"item_id": ""},
        "what is sold out is not eligible": {"is_sold_out": True, "is_eligible": True},
        "only live slots of the next day are eligible": {
            "item_type": "live_slot",
            "item_id": lambda day: f"h@{day:%a}-20".lower(),
            "is_eligible": True,
        },
        "item_no is in 0 … ∞": {"item_no": -1},
        "(item_type, item_id) is unique": lambda rows: [*rows, {**rows[0], "item_no": 2}],
        "last_event_at is of the last 90 days": {"last_event_at": at_noon(1)},
        "it has every item of the day's events": {"item_id": "p2"},
    }

    planted = plant(FEATURES_ITEM_DAILY, faults, good=good, related={"silver/events": item})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_places_is_caught_with_an_example(plant: Plant) -> None:
    good = {"surface": "product_feed", "position": 0, "examination": 1.0}
    good |= {"num_impressions": 9.0, "num_clicks": 4.0}
    good |= {"num_chance_impressions": 3.0, "num_chance_clicks": 2.0}
    faults = {
        "surface is one of its closed list": {"surface": "cellar"},
        "(surface, position) is unique": lambda rows: rows * 2,
        "position is in 0 … ∞": {"position": -1},
        "num_impressions is in 0 … ∞": {"num_impressions": -1.0},
        "num_clicks is in 0 … ∞": {"num_clicks": -1.0},
        "num_chance_impressions is in 0 … ∞": {"num_chance_impressions": -1.0},
        "num_chance_clicks is in 0 … ∞": {"num_chance_clicks": float("nan")},
        "examination is in (0, 1]": {"examination": 0.0},
        "the first place counts whole": {"examination": 0.9},
        "no more clicks than impressions": {"num_clicks": 9.5},
        "chance has a part of all": {"num_chance_clicks": 4.5},
    }

    planted = plant(FEATURES_POSITIONS, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_the_panel_is_caught_with_an_example(plant: Plant) -> None:
    def looks(**said: object) -> list[Row]:
        return [{"item_no": 1, "examined": 5, "num_clicks": 0, **said}]

    faults = {
        "user_id is not empty": {"user_id": ""},
        "(user_id) is unique": lambda rows: rows * 2,
        "items: item_no, examined, num_clicks never null": {"items": looks(examined=None)},
        "items: counts from 0 on": {"items": looks(num_clicks=-1)},
        "items: by item_no, each once": {"items": looks() * 2},
        "items is not empty": {"items": []},
    }

    planted = plant(FEATURES_PANEL, faults, good={"user_id": "u", "items": looks()})

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()


def test_each_fault_of_appeals_is_caught_with_an_example(plant: Plant) -> None:
    good = {"item_no": 1, "appeal": 1.0, "appeal_click_rate": 0.1, "appeal_expected": 2.0}
    faults = {
        "(item_no) is unique": lambda rows: rows * 2,
        "item_no is in 0 … ∞": {"item_no": -1},
        "appeal is above 0 and finite": {"appeal": 0.0},
        "appeal_click_rate is above 0 and finite": {"appeal_click_rate": float("inf")},
        "appeal_expected is in 0 … ∞": {"appeal_expected": -0.5},
    }

    planted = plant(FEATURES_ITEM_APPEAL, faults, good=good)

    planted.assert_each_is_caught()
    planted.assert_each_has_its_example()
