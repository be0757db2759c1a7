"""Days of events made by chance, of every type and on every surface, for whoever writes them."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from simulator.day import EVENT_TYPES, NONE, Day, Requests
from simulator.world.names import Names

DAY = date(2026, 1, 1)
MONDAY = date(2025, 12, 29)
DAY_US = 86_400_000_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NUM_PRODUCTS, NUM_VIDEOS, NUM_SLOTS = 6, 4, 3
NUM_ITEMS = NUM_PRODUCTS + NUM_VIDEOS + NUM_SLOTS
NUM_USERS, NUM_ROOMS = 40, 3
SLOT_HOURS = (3, 20, 9)
EMPTY = np.zeros(0, np.int64)
HELD_BY = {
    "request": ("impression", "click", "watch"),
    "item": ("click", "cart", "order", "cancel", "watch", "like", "hide", "comment", "item"),
    "price": ("cart", "order", "cancel", "item"),
    "quantity": ("cart", "order", "cancel"),
}


def midnight_us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_US


def names_of(texts: Sequence[str]) -> Names:
    """Names whose ids and texts hold the given ones."""
    hosts = [f"h{number}{texts[0]}" for number in range(NUM_SLOTS)]
    slots = [
        f"{host}@{WEEKDAYS[number]}-{hour:02}"
        for number, (host, hour) in enumerate(zip(hosts, SLOT_HOURS, strict=True))
    ]
    words = [texts[number % len(texts)] for number in range(NUM_ITEMS)]
    attached = [[]] * NUM_PRODUCTS + [[0, 1], None, [5], []] + [[2]] * NUM_SLOTS
    return Names(
        user_id=pa.array([f"u{n}{texts[n % len(texts)]}" for n in range(NUM_USERS)]),
        country=pa.array(["DE", None, texts[-1], "JP"] * (NUM_USERS // 4)),
        platform=pa.array([None, "ios", "android", "web"] * (NUM_USERS // 4)),
        language=pa.array(["de", "ja", None, "en"] * (NUM_USERS // 4)),
        item_id=pa.array(
            [f"{'p' if n < NUM_PRODUCTS else 'v'}{n}{words[n]}" for n in range(NUM_ITEMS)][
                :-NUM_SLOTS
            ]
            + slots
        ),
        item_type_N=np.repeat([0, 2, 1], [NUM_PRODUCTS, NUM_VIDEOS, NUM_SLOTS]).astype(np.int8),
        title=pa.array([None if n == 1 else words[n] for n in range(NUM_ITEMS)]),
        text=pa.array([None if n % 3 == 0 else words[-n] for n in range(NUM_ITEMS)]),
        category=pa.array([None if n % 4 == 1 else f"a.b{n}" for n in range(NUM_ITEMS)]),
        brand=pa.array([words[n] if n < NUM_PRODUCTS else None for n in range(NUM_ITEMS)]),
        seller=pa.array([f"s{n}" if n < NUM_PRODUCTS else None for n in range(NUM_ITEMS)]),
        duration_ms=pa.array([None] * NUM_PRODUCTS + [15_000] * (NUM_ITEMS - NUM_PRODUCTS)),
        host_N=np.array([-1] * NUM_PRODUCTS + [0, 1, 2, -1, 0, 1, 2], np.int32),
        products=pa.array(attached, pa.list_(pa.int32())),
        host_id=pa.array(hosts),
        room_host_M=np.arange(NUM_ROOMS, dtype=np.int32),
        room_started_us_M=midnight_us(MONDAY)
        + np.arange(NUM_ROOMS) * DAY_US
        + np.array(SLOT_HOURS) * 3_600_000_000,
    )


def made_day(
    seed: int, num_events: int, *, day: date = DAY, texts: Sequence[str] = ("words",)
) -> Day:
    """A day whose every column holds something where its type may."""
    rng = np.random.default_rng([seed, day.toordinal()])
    type_E = rng.integers(0, len(EVENT_TYPES), num_events).astype(np.int8)
    is_type = {name: type_E == code for code, name in enumerate(EVENT_TYPES)}
    surface_E = rng.integers(-1, 3, num_events).astype(np.int8)
    surface_E[is_type["impression"] & (surface_E < 0)] = 0
    item_E, room_E = items_on(surface_E, rng)
    requests = made_requests(np.flatnonzero(is_type["impression"]), surface_E, rng)

    def only(held: str, values: np.ndarray) -> np.ndarray:
        is_held = np.logical_or.reduce([is_type[name] for name in HELD_BY.get(held, (held,))])
        return np.where(is_held, values, NONE)

    request_E = only("request", rng.integers(0, max(1, len(requests.event_R)), num_events))
    request_E[requests.event_R] = np.arange(len(requests.event_R))
    is_said = is_type["search"] | is_type["comment"]
    said = [
        texts[n] if kept else None
        for n, kept in zip(rng.integers(0, len(texts), num_events), is_said, strict=True)
    ]
    return Day(
        date=day,
        at_us_E=midnight_us(day) + np.sort(rng.integers(0, DAY_US // 1_000, num_events)) * 1_000,
        type_E=type_E,
        user_E=np.where(is_type["item"], NONE, rng.integers(0, NUM_USERS, num_events)),
        session_E=np.where(is_type["item"], NONE, rng.integers(0, 10**12, num_events)),
        surface_E=np.where(is_type["item"], NONE, surface_E).astype(np.int8),
        request_E=request_E,
        position_E=np.where(
            is_type["impression"],
            NONE,
            np.where(request_E >= 0, rng.integers(0, 90, num_events), NONE),
        ),
        item_E=only("item", item_E),
        room_E=np.where(is_type["item"], NONE, only("item", room_E)),
        host_E=only("follow", rng.integers(0, NUM_SLOTS, num_events)),
        price_cents_E=only("price", rng.integers(0, 10**6, num_events)),
        stock_E=only("item", np.where(is_type["item"], rng.integers(-1, 50, num_events), NONE)),
        quantity_E=only("quantity", rng.integers(1, 4, num_events)),
        watch_ms_E=only("watch", rng.integers(0, 10**6, num_events)),
        text_E=pa.array(said, pa.string()),
        is_new_item_E=is_type["item"] & (rng.random(num_events) < 0.5),
        cause_day_E=np.where(request_E >= 0, (day - date(1970, 1, 1)).days, NONE),
        cause_request_E=request_E,
        requests=requests,
    )


def items_on(surface: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An item of the surface's type, and its room on live streams; products where none."""
    first = np.array([0, NUM_PRODUCTS + NUM_VIDEOS, NUM_PRODUCTS, 0])[surface]
    number = np.array([NUM_PRODUCTS, NUM_SLOTS, NUM_VIDEOS, NUM_PRODUCTS])[surface]
    item = first + (rng.random(len(surface)) * number).astype(int)
    room = np.where(surface == 1, item - NUM_PRODUCTS - NUM_VIDEOS, NONE)
    return item.astype(np.int32), room.astype(np.int32)


def made_requests(event_R: np.ndarray, surface_E: np.ndarray, rng: np.random.Generator) -> Requests:
    lengths = rng.integers(0, 7, len(event_R))
    surface_R = surface_E[event_R]
    item_I, room_I = items_on(np.repeat(surface_R, lengths), rng)
    return Requests(
        event_R=event_R,
        surface_R=surface_R,
        first_position_R=rng.integers(0, 3, len(event_R)).astype(np.int32) * 10,
        start_R=np.r_[0, np.cumsum(lengths)],
        item_I=item_I,
        room_I=room_I,
        propensity_I=1 - rng.random(len(item_I)) ** 4,
        is_published_R=np.zeros(len(event_R), bool),
        is_examined_I=np.ones(len(item_I), bool),
        attraction_I=np.full(len(item_I), 0.1),
    )
