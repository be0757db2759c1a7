from collections import defaultdict
from dataclasses import fields

import numpy as np
import pytest

from etl import surfaces
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.world.hosts import DAY_US
from simulator.world.items import PRODUCT, SLOT, VIDEO
from tests.simulator.shops import simulated

CODE = {name: place for place, name in enumerate(EVENT_TYPES)}
WEEK_US = 7 * DAY_US
BUSY = ShopConfig(users=2500, items=1500, days=12, seed=4)
MEANT = ("click", "watch", "cart", "like", "comment", "follow", "hide")


def events(day: Day, *kinds: str) -> np.ndarray:
    return np.flatnonzero(np.isin(day.type_E, [CODE[kind] for kind in kinds]))


def epoch_day(day: Day) -> int:
    return int(day.at_us_E[0] // DAY_US)


def test_events_are_in_the_order_of_time_and_within_their_day() -> None:
    for day in simulated().days:
        assert (np.diff(day.at_us_E) >= 0).all()
        assert (day.at_us_E // DAY_US == epoch_day(day)).all()
        assert (day.at_us_E % 1000 == 0).all()
        assert all(len(getattr(day, f.name)) == len(day) for f in fields(day) if "_E" in f.name)


def test_requests_are_numbered_by_time_and_show_items_of_their_surface() -> None:
    shop = simulated()
    for day in shop.days:
        shown = day.requests
        asked = events(day, "impression")
        assert shown.event_R.tolist() == asked.tolist()
        assert day.request_E[asked].tolist() == list(range(len(asked)))
        assert (np.diff(shown.start_R) > 0).all()
        assert len(shown.item_I) == shown.start_R[-1]
        kind_I = np.repeat(shown.surface_R, np.diff(shown.start_R))
        assert (shop.world.items.type_N[shown.item_I] == kind_I).all()
        assert (day.surface_E[asked] == shown.surface_R).all()


def test_what_follows_an_impression_names_the_place_where_the_item_stood() -> None:
    for day in simulated().days:
        shown = day.requests
        for event in events(day, "click", "watch", "cart", "like", "comment", "hide"):
            request = day.request_E[event]
            if request != NONE:
                at = (
                    shown.start_R[request] + day.position_E[event] - shown.first_position_R[request]
                )
                assert shown.start_R[request] <= at < shown.start_R[request + 1]
                assert shown.item_I[at] == day.item_E[event]
                assert shown.room_I[at] == day.room_E[event]
                assert shown.is_examined_I[at]
                assert day.user_E[shown.event_R[request]] == day.user_E[event]


def test_what_follows_comes_after_its_request_and_a_second_before_the_users_next_one() -> None:
    for day in simulated().days:
        asked = events(day, "impression")
        by_user = defaultdict(list)
        for at_us, user in zip(day.at_us_E[asked], day.user_E[asked], strict=True):
            by_user[int(user)].append(int(at_us))
        for event in events(day, *MEANT):
            if day.request_E[event] == NONE:
                continue
            start = int(day.at_us_E[asked[day.request_E[event]]])
            later = [at for at in by_user[int(day.user_E[event])] if at > start]
            assert start < day.at_us_E[event]
            assert not later or day.at_us_E[event] // 10**6 < min(later) // 10**6


def test_carts_and_watches_follow_the_click_and_no_watch_is_longer_than_the_time_since() -> None:
    for day in simulated().days:
        clicked = {(day.request_E[e], day.item_E[e]): day.at_us_E[e] for e in events(day, "click")}
        for event in events(day, "cart", "watch", "like", "comment"):
            if day.request_E[event] != NONE:
                since = day.at_us_E[event] - clicked[day.request_E[event], day.item_E[event]]
                assert since > 0
                assert day.watch_ms_E[event] * 1000 <= since


def test_sessions_of_a_user_do_not_overlap() -> None:
    for day in simulated().days:
        spans: dict[tuple[int, int], list[int]] = defaultdict(list)
        for event in np.flatnonzero(day.session_E != NONE):
            spans[int(day.user_E[event]), int(day.session_E[event])].append(int(day.at_us_E[event]))
        by_user = defaultdict(list)
        for (user, _), at in spans.items():
            by_user[user].append((min(at), max(at)))
        for times in by_user.values():
            ordered = sorted(times)
            assert all(end < start for (_, end), (start, _) in zip(ordered, ordered[1:]))  # noqa: B905, RUF007


def all_shown(days: tuple[Day, ...]) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
    """For each user and item when it was shown, on which day, by which request."""
    found = defaultdict(list)
    for day in days:
        requests, today = day.requests, epoch_day(day)
        user_R, at_R = day.user_E[requests.event_R].tolist(), day.at_us_E[requests.event_R].tolist()
        of_I = np.repeat(np.arange(len(user_R)), np.diff(requests.start_R)).tolist()
        for item, request in zip(requests.item_I.tolist(), of_I, strict=True):
            found[user_R[request], item].append((at_R[request], today, request))
    return found


def all_clicked(days: tuple[Day, ...]) -> set[tuple[int, int, int]]:
    """Day, request and item of each clicked impression."""
    return {
        (epoch_day(day), int(day.cause_request_E[event]), int(day.item_E[event]))
        for day in days
        for event in events(day, "click")
    }


def test_every_cause_is_the_last_impression_that_the_log_allows() -> None:
    """By plain loops over all that was shown and clicked, as DESIGN §2 says it."""
    days = simulated(BUSY, 11).days
    shown, clicked = all_shown(days), all_clicked(days)
    num_late = num_organic = 0
    for day in days:
        for event in events(day, "click", "watch", "like", "hide", "cart", "order", "cancel"):
            item, at_us = int(day.item_E[event]), int(day.at_us_E[event])
            is_of_click = day.type_E[event] in (CODE["cart"], CODE["order"], CODE["cancel"])
            may = [
                one
                for one in shown[int(day.user_E[event]), item]
                if at_us - WEEK_US <= one[0] <= at_us
                and (not is_of_click or (*one[1:], item) in clicked)
            ]
            cause = max(may, default=(0, NONE, NONE))[1:]
            assert (day.cause_day_E[event], day.cause_request_E[event]) == cause
            num_late += 0 <= day.cause_day_E[event] < epoch_day(day)
            num_organic += day.cause_day_E[event] == NONE
    assert num_late > 20
    assert num_organic > 100


def test_orders_have_prices_of_the_day_of_their_cart_and_no_more_cancels_than_orders() -> None:
    net: dict[tuple[int, int], int] = defaultdict(int)
    num_cancels = 0
    for day in simulated(BUSY, 11).days:
        for event in events(day, "order", "cancel"):
            change = 1 if day.type_E[event] == CODE["order"] else -1
            net[int(day.user_E[event]), int(day.item_E[event])] += change
            assert day.price_cents_E[event] > 0
            assert day.quantity_E[event] in (1, 2)
            assert net[int(day.user_E[event]), int(day.item_E[event])] >= 0
            num_cancels += change < 0
    assert num_cancels > 5


def test_the_catalogue_says_every_item_before_it_is_shown_and_every_price_that_is_asked() -> None:
    shop = simulated()
    price: dict[int, int] = {}
    for day in shop.days:
        for event in events(day, "item", "cart"):
            item = int(day.item_E[event])
            if day.type_E[event] == CODE["item"]:
                assert day.is_new_item_E[event] == (item not in price)
                assert day.user_E[event] == NONE
                price[item] = int(day.price_cents_E[event])
            elif shop.world.items.type_N[item] == PRODUCT:
                assert day.price_cents_E[event] == price[item]
        assert set(day.requests.item_I.tolist()) <= set(price)
    assert len(price) > 400


def test_searches_and_comments_have_texts_and_nothing_else_has() -> None:
    for day in simulated().days:
        has_text = np.array(day.text_E.is_valid())
        assert (has_text == np.isin(day.type_E, [CODE["search"], CODE["comment"]])).all()


def test_bots_ask_for_hundreds_of_pages_and_buy_nothing() -> None:
    shop = simulated()
    num_requests = []
    for day in shop.days:
        is_bot = (day.user_E != NONE) & shop.world.users.is_bot_U[day.user_E]
        assert not (is_bot & np.isin(day.type_E, [CODE["cart"], CODE["order"], CODE["hide"]])).any()
        num_requests.append(int((is_bot & (day.type_E == CODE["impression"])).sum()))
    assert max(num_requests) > 100
    assert min(num_requests) == 0


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
def test_clicks_come_as_often_as_examination_and_attraction_say(surface: int) -> None:
    expected, seen = 0.0, 0
    variance = 0.0
    scale, power = {PRODUCT: (12, 0.9), SLOT: (4, 0.8), VIDEO: (16, 0.9)}[surface]
    for day in simulated(BUSY, 11).days:
        shown = day.requests
        lengths = np.diff(shown.start_R)
        of_surface = np.repeat(shown.surface_R == surface, lengths)
        place_I = np.arange(len(of_surface)) + np.repeat(
            shown.first_position_R - shown.start_R[:-1], lengths
        )
        p = ((1 + place_I / scale) ** -power * shown.attraction_I)[of_surface]
        expected += p.sum()
        variance += (p * (1 - p)).sum()
        seen += int(((day.surface_E == surface) & (day.type_E == CODE["click"])).sum())

    assert abs(seen - expected) < 4 * np.sqrt(variance)


@pytest.mark.parametrize("surface", [PRODUCT, SLOT, VIDEO])
def test_clicks_and_orders_are_as_rare_as_they_are_in_shops(surface: int) -> None:
    num = dict.fromkeys(("shown", "click", "order"), 0)
    for day in simulated(BUSY, 11).days[2:]:
        shown = day.requests
        num["shown"] += int(np.diff(shown.start_R)[shown.surface_R == surface].sum())
        for kind in ("click", "order"):
            of = (day.surface_E == surface) & (day.type_E == CODE[kind]) & (day.position_E != NONE)
            num[kind] += int(of.sum())

    assert 0.03 < num["click"] / num["shown"] < 0.08
    if surface != VIDEO:  # what is ordered out of a video is the product
        assert 0.01 < num["order"] / num["click"] < 0.05


def test_surfaces_and_item_types_are_numbered_alike() -> None:
    assert surfaces.NAMES == ("product_feed", "live_streams", "short_videos")
    assert surfaces.ITEM_TYPES == ("product", "live_slot", "short_video")
    assert (PRODUCT, SLOT, VIDEO) == (0, 1, 2)


def test_the_topic_of_the_last_click_on_any_surface_is_remembered() -> None:
    shop = simulated()
    last = dict.fromkeys(range(len(shop.world.users)), NONE)
    for day, state in zip(shop.days, shop.states[1:], strict=True):
        for event in events(day, "click"):
            if day.position_E[event] != NONE:
                topic = shop.world.items.topic_N[day.item_E[event]]
                last[int(day.user_E[event])] = int(topic)
        assert state.last_U.tolist() == list(last.values())


def test_who_clicked_in_one_topic_clicks_next_day_where_its_succession_leads() -> None:
    """Clicks of a day over those expected of every topic alike, by what the last click adds."""
    shop = simulated(BUSY, 12)
    added, clicked = [], []
    for day, before in zip(shop.days[1:], shop.states, strict=False):
        shown = day.requests
        user = np.repeat(day.user_E[shown.event_R], np.diff(shown.start_R))
        topic = shop.world.items.topic_N[shown.item_I]
        added.append(shop.world.topics.succession_TT[before.last_U[user], topic])
        clicked.append(shown.attraction_I[added[-1] != 0])
        added[-1] = added[-1][added[-1] != 0]
    add, attraction = np.concatenate(added), np.concatenate(clicked)
    low, high = np.quantile(add, [0.2, 0.8])
    assert attraction[add > high].mean() > 1.5 * attraction[add < low].mean()
