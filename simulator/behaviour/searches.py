"""Searches, and what users find by them: clicks, carts and orders without an impression.

Whatever was shown to the user in the last days is left out, since a click on it would follow that
impression.

Shapes: R steps, Q searches.
"""

import numpy as np

from etl.arrow import distinct, is_in
from simulator.behaviour import talk
from simulator.behaviour.events import Part, part
from simulator.behaviour.orders import placed
from simulator.behaviour.shown import Shown
from simulator.behaviour.timeline import Timeline
from simulator.behaviour.visits import SEARCH, Steps
from simulator.day import NONE
from simulator.ledger import Columns, pairs
from simulator.seeds import generator
from simulator.serving.shelf import shelf_of
from simulator.state import State
from simulator.world.items import PRODUCT
from simulator.world.world import World

_FOUND_MS, _CART_MS = 6_000, 5_000
_OF_INTENT, _OF_LATENT = 0.6, 0.05


def search(
    world: World, state: State, walked: tuple[Steps, Timeline, Shown]
) -> tuple[list[Part], Columns]:
    """Draw a day's searches.

    Args:
        world: The shop.
        state: In the morning of the day.
        walked: The day's steps, their times, and what was shown.

    Returns:
        The events of the day, and the orders to come.
    """
    steps, timeline, shown = walked
    rng = generator(world.config.seed, "searches", state.day + 1)
    step = np.flatnonzero((steps.kind_R == SEARCH) & timeline.is_kept_R)
    session = steps.session_R[step]
    user, at_ms = steps.user_S[session], timeline.start_ms_R[step]
    who = {"user": user, "session": steps.id_S[session]}
    topic = _topics(world, state, user, rng)
    searches = part("search", at_ms, **who, text=talk.queries(world, topic, rng))
    item = _found(world, state, topic, rng)
    known = [pairs(steps.user_R()[shown.step_I], shown.item_I)]
    known += [*state.ledger.shown, state.done(world)]
    is_new = ~np.any([is_in(pairs(user, item), distinct(one)) for one in known], axis=0)
    may = is_new & (item != NONE)
    clicked = np.flatnonzero(may & (rng.random(len(item)) < world.dials.visit.search_click))
    events, orders = _organic(world, state, (at_ms, who, item), (clicked, rng))
    return [searches, *events], orders


def _organic(
    world: World,
    state: State,
    searched: tuple[np.ndarray, Columns, np.ndarray],
    draw: tuple[np.ndarray, np.random.Generator],
) -> tuple[list[Part], Columns]:
    at_ms, who, item = searched
    clicked, rng = draw

    def of(chosen: np.ndarray) -> Columns:
        return {name: column[chosen] for name, column in who.items()} | {"item": item[chosen]}

    clicks = part("click", at_ms[clicked] + _FOUND_MS, **of(clicked))
    chosen = clicked[rng.random(len(clicked)) < world.dials.visit.organic_order]
    price = {
        "price_cents": state.price_cents_N[item[chosen]],
        "quantity": np.ones(len(chosen), np.int64),
    }
    carts = part("cart", at_ms[chosen] + _FOUND_MS + _CART_MS, **of(chosen), **price)
    none = np.full(len(chosen), NONE)
    orders = {name: carts[name] for name in ("user", "item", "at_ms")} | price
    return [clicks, carts], placed(
        world, state.day + 1, orders | {"room": none, "surface": none}, rng
    )


def _topics(world: World, state: State, user: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose what is searched for: an intent, else an interest, now and then a latent one."""
    interest_QL = world.users.interest_UL[user]
    num_own = (interest_QL != NONE).sum(axis=1)
    place = np.floor(rng.random(len(user)) * num_own).astype(np.int64)
    topic = interest_QL[np.arange(len(user)), place]
    intent, latent = state.intent_UM[user, 0], world.users.latent_UA[user, 0]
    draw = rng.random(len(user))
    topic = np.where((draw < _OF_INTENT) & (intent != NONE), intent, topic)
    return np.where((draw > 1 - _OF_LATENT) & (latent != NONE), latent, topic)


def _found(world: World, state: State, topic: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose what of a topic's popular products is found: int64; ``NONE`` where there is none."""
    best_TC = shelf_of(world, state, PRODUCT).best_TC
    num = (best_TC != NONE).sum(axis=1)[topic]
    place = np.floor(rng.random(len(topic)) * num).astype(np.int64)
    return np.where(num > 0, best_TC[topic, place], NONE).astype(np.int64)
