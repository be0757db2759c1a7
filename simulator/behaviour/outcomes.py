"""What follows a look: clicks, watches, carts, likes, comments, follows, hides, and orders to come.

All but orders happen while the user stays with what he clicked.

Shapes: C clicks of a day, by step.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.behaviour import talk
from simulator.behaviour.attraction import conversion
from simulator.behaviour.events import Part, part, taken
from simulator.behaviour.orders import placed
from simulator.day import NONE
from simulator.ledger import Columns
from simulator.seeds import generator
from simulator.state import State
from simulator.world.items import PRODUCT, SLOT, VIDEO
from simulator.world.world import World

_WHEN: Final = {"like": 0.3, "cart": 0.5, "comment": 0.7, "follow": 0.8}
"""How much of the stay has passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clicked:
    """C clicks, and how long users stay."""

    acts: Part
    """Clicks: at_ms, user, session, surface, request, position, item, room, cause_*."""
    dwell_ms_C: np.ndarray
    """int64."""
    watch_ms_C: np.ndarray
    """int64: of videos; 0 elsewhere."""

    def users(self) -> np.ndarray:
        """Who clicked: int64."""
        return self.acts["user"]

    def items(self) -> np.ndarray:
        """What was clicked: int32."""
        return self.acts["item"]

    def later(self, kind: str, chosen: np.ndarray, **columns: np.ndarray) -> Part:
        """Make what some of the clicks bring on during the stay."""
        acts = taken({k: v for k, v in self.acts.items() if k != "type"}, chosen)
        passed = (self.dwell_ms_C[chosen] * _WHEN[kind]).astype(np.int64)
        return part(kind, acts.pop("at_ms") + passed, **acts | columns)


def follow_up(world: World, state: State, clicked: Clicked) -> tuple[list[Part], Columns]:
    """Draw what clicks bring on.

    Args:
        world: The shop.
        state: In the morning of the day.
        clicked: The day's clicks.

    Returns:
        The events of the day, and the orders to come.
    """
    rng = generator(world.config.seed, "outcomes", state.day + 1)
    dials, num = world.dials.visit, len(clicked.dwell_ms_C)
    is_human = ~world.users.is_bot_U[clicked.users()]
    p_cart, p_order = conversion(world, state, clicked.users(), clicked.items())
    carted = np.flatnonzero(is_human & (rng.random(num) < p_cart))
    is_order = rng.random(len(carted)) * p_cart[carted] < p_order[carted]
    bought = _what_is_bought(world, clicked.items()[carted], rng)
    price = state.price_cents_N[bought]
    pieces = np.where(rng.random(len(carted)) < dials.two_pieces, 2, 1)
    carts = clicked.later("cart", carted, price_cents=price, quantity=pieces)
    liked = np.flatnonzero(is_human & (rng.random(num) < dials.like))
    said = np.flatnonzero(is_human & (rng.random(num) < dials.comment))
    comments = talk.comments(world, clicked.items()[said], rng)
    orders = taken(_orderable(world, carts, bought), np.flatnonzero(is_order))
    events = [
        _watches(clicked),
        carts,
        clicked.later("like", liked),
        clicked.later("comment", said, text=comments),
        _follows(world, state, clicked, rng),
    ]
    return events, placed(world, state.day + 1, orders, rng)


def _watches(clicked: Clicked) -> Part:
    """A watch is reported when it ends."""
    watched = np.flatnonzero(clicked.watch_ms_C > 0)
    acts = taken({k: v for k, v in clicked.acts.items() if k != "type"}, watched)
    watch_ms = clicked.watch_ms_C[watched]
    return part("watch", acts.pop("at_ms") + watch_ms, watch_ms=watch_ms, **acts)


def _what_is_bought(world: World, items: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A product itself, or one that is attached to the video or slot: int64."""
    attached_QX = world.items.attached_NX[items]
    place = np.floor(rng.random(len(items)) * (attached_QX != NONE).sum(axis=1)).astype(np.int64)
    # What is there need not stand in front: repetitions were struck out where they stood.
    there_first = np.argsort(attached_QX == NONE, axis=1, kind="stable")
    one = np.take_along_axis(attached_QX, np.take_along_axis(there_first, place[:, None], 1), 1)
    return np.where(world.items.type_N[items] == PRODUCT, items, one[:, 0])


def _orderable(world: World, carts: Part, bought: np.ndarray) -> Part:
    """Say what orders are of: out of a video the product itself, without surface or impression."""
    of_video = world.items.type_N[carts["item"]] == VIDEO
    columns = ("user", "item", "room", "surface", "price_cents", "quantity", "at_ms")
    orders = {name: carts[name] for name in columns}
    orders["item"] = np.where(of_video, bought, carts["item"])
    orders["surface"] = np.where(of_video, NONE, carts["surface"])
    return orders


def _follows(world: World, state: State, clicked: Clicked, rng: np.random.Generator) -> Part:
    """Users follow the hosts of what they clicked, once."""
    host = world.items.host_N[clicked.items()]
    users = clicked.users()
    may = (host != NONE) & ~state.follows_UH[users, host] & ~world.users.is_bot_U[users]
    chosen = np.flatnonzero(may & (rng.random(len(host)) < world.dials.visit.follow))
    _, first = np.unique(users[chosen] * (len(world.hosts) + 1) + host[chosen], return_index=True)
    chosen = chosen[np.sort(first)]
    follows = clicked.later("follow", chosen, host=host[chosen])
    return follows | {"item": np.full(len(chosen), NONE), "room": np.full(len(chosen), NONE)}


def live_watch_ms(world: World, clicked: Part, dwell_ms: np.ndarray, day: int) -> np.ndarray:
    """How long clicked live rooms are watched: while the user stays and the room lives: int64."""
    room = clicked["room"]
    end_ms = (world.rooms.ended_us_M[room] - world.midnight_us(day)) // 1000
    watched = np.minimum(dwell_ms, end_ms - clicked["at_ms"])
    is_live = world.items.type_N[clicked["item"]] == SLOT
    return np.where(is_live, np.maximum(watched, 0), 0)
