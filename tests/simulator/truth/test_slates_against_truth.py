"""Slates of a simulated shop hold what they may, as told by what the shop knows to have arrived."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from etl.arrow import days_of_epoch
from etl.surfaces import ITEM_TYPES, LIVE_STREAMS, NAMES
from simulator.app_log.arrivals import DAY_US
from simulator.day import NONE
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator import arrived
from tests.simulator.dirty_shop import DAYS, SHOP
from tests.simulator.shops import simulated
from tests.simulator.slated_shop import EVENINGS, Slated

Pairs = set[tuple[str, str]]


def ids() -> np.ndarray:
    return np.array(simulated(SHOP, SHOP.days).world.names.item_id.to_pylist(), object)


def types() -> np.ndarray:
    return simulated(SHOP, SHOP.days).world.items.type_N


def events_by(evening: date) -> pd.DataFrame:
    """What had arrived by an evening, by event time as silver breaks its ties."""
    events = arrived.events(SHOP)
    here = events[events.arrival_day <= days_of_epoch(evening)]
    return here.sort_values(["at_us", "arrival_day", "event_id"])


def sold_out_by(evening: date) -> set[str]:
    """Items of whose stock nothing was left, by the newest line that had arrived."""
    events = events_by(evening)
    stock = events[events.event_type == "item"].groupby("item").stock.last()
    return set(ids()[stock.index[stock == 0]])


def pairs_of(events: pd.DataFrame) -> pd.Series:
    users = np.array(simulated(SHOP, SHOP.days).world.names.user_id.to_pylist(), object)
    return pd.Series(list(zip(users[events.user], ids()[events.item], strict=True)), dtype=object)


def bought_by(evening: date) -> Pairs:
    """What users had ordered and not cancelled, as far as that had arrived."""
    events = events_by(evening)
    ordered, cancelled = (
        pairs_of(events[events.event_type == kind]).value_counts() for kind in ("order", "cancel")
    )
    net = ordered.sub(cancelled, fill_value=0)
    return set(net.index[net > 0])


def hidden_by(evening: date) -> Pairs:
    events = events_by(evening)
    return set(pairs_of(events[events.event_type == "hide"]))


def shown_on(slated: Slated, surface: str) -> Iterator[tuple[date, str, list[str]]]:
    """Evening, user and items of slate and reserve."""
    for row in slated.slates[surface].to_pylist():
        places = row["items"] + row["reserve"]
        yield row["arrival_date"], row["audience_key"], [place["item_id"] for place in places]


@pytest.mark.parametrize("surface", NAMES)
def test_every_item_is_one_of_the_shop_and_no_room(slated: Slated, surface: str) -> None:
    of_surface = set(ids()[types() == NAMES.index(surface)])

    shown = {item for _, _, items in shown_on(slated, surface) for item in items}

    assert len(shown) > 10
    assert shown <= of_surface
    assert not any(item.startswith("room") for item in shown)


def test_nothing_that_was_sold_out_by_the_evening_is_shown(slated: Slated) -> None:
    gone = {evening: sold_out_by(evening) for evening in EVENINGS}

    for evening, _, items in shown_on(slated, "product_feed"):
        assert not gone[evening] & set(items)

    # Others were still for sale, and people had clicked what was not.
    events = events_by(EVENINGS.last)
    clicked = set(ids()[events[events.event_type == "click"].item])
    assert len(gone[EVENINGS.last] & clicked) > 3


@pytest.mark.parametrize("surface", NAMES)
def test_nothing_that_a_user_hid_or_bought_for_good_is_shown_to_him(
    slated: Slated, surface: str
) -> None:
    is_bought_once = surface != LIVE_STREAMS.name
    done = {
        evening: hidden_by(evening) | (bought_by(evening) if is_bought_once else set())
        for evening in EVENINGS
    }

    for evening, user, items in shown_on(slated, surface):
        assert not done[evening] & {(user, item) for item in items}


def test_a_buyer_is_shown_what_others_bought(slated: Slated) -> None:
    bought = bought_by(EVENINGS.last)
    buyers, of_others = {user for user, _ in bought}, {item for _, item in bought}
    lists = {
        user: set(items)
        for evening, user, items in shown_on(slated, "product_feed")
        if evening == EVENINGS.last
    }

    served = [user for user in buyers if lists.get(user)]

    assert len(served) > 20
    assert any(lists[user] & of_others for user in served)


def test_live_slates_hold_the_next_days_slots_only(slated: Slated) -> None:
    world = simulated(SHOP, SHOP.days).world
    weekday = dict(zip(ids().tolist(), world.items.weekday_N.tolist(), strict=True))
    by_evening: dict[date, set[str]] = {evening: set() for evening in EVENINGS}

    for evening, _, items in shown_on(slated, "live_streams"):
        assert {weekday[item] for item in items} <= {(evening.weekday() + 1) % 7}
        assert len(set(items)) == len(items)
        by_evening[evening] |= set(items)

    assert min(map(len, by_evening.values())) > 3
    assert not by_evening[EVENINGS.first] & by_evening[EVENINGS.last]


def test_live_slates_differ_from_user_to_user(slated: Slated) -> None:
    orders = {
        tuple(items)
        for evening, _, items in shown_on(slated, "live_streams")
        if evening == EVENINGS.last
    }

    assert len(orders) > 20


def test_every_item_is_eligible_on_every_evening_by_what_had_arrived(slated: Slated) -> None:
    found = slated.item_daily.select(["arrival_date", "item_type", "item_id", "is_eligible"])
    rows = {(d, t, i): may for d, t, i, may in zip(*found.to_pydict().values(), strict=True)}

    expected = {
        (evening, ITEM_TYPES[types()[item]], ids()[item]): is_eligible
        for evening in DAYS
        for item, is_eligible in eligible_by(evening).items()
    }

    assert rows == expected
    assert {may for (_, kind, _), may in rows.items() if kind == ITEM_TYPES[SLOT]} == {True, False}


def eligible_by(evening: date) -> dict[int, bool]:
    """Whether each item that was heard of may be shown on the next day: by decision 13."""
    world, shown = simulated(SHOP, SHOP.days).world, arrived.shown(SHOP)
    events, day = events_by(evening), days_of_epoch(evening)
    seen = shown[shown.arrival_day <= day]
    named = events[events.item != NONE]
    last_us = pd.concat([seen, named]).groupby("item").at_us.max()
    gone = sold_out_by(evening)
    fortnight_us = (day + 1 - 14) * DAY_US
    found = {}
    for item, at_us in last_us.items():
        is_due = {
            PRODUCT: True,
            VIDEO: True,
            SLOT: world.items.weekday_N[item] == (evening.weekday() + 1) % 7
            and at_us >= fortnight_us,
        }[int(types()[item])]
        found[item] = bool(is_due) and ids()[item] not in gone
    return found
