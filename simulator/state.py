"""What days change: what users feel, what the shelves hold, and what was done.

A state is as of the end of a day; a day's result depends on the world, the seed, and the state at
the end of the day before. States are values: a day makes a new one.

Shapes: U users, N items, T topics, H hosts, M intents at a time, D style dimensions.
"""

from dataclasses import dataclass, replace

import numpy as np

from etl.arrow import distinct
from simulator.day import NONE, Day
from simulator.ledger import Ledger, items_of
from simulator.world.items import PRODUCT, SLOT
from simulator.world.users import add_at
from simulator.world.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The shop at the end of a day."""

    day: int
    """The shop's day that ended; −1 before the first."""
    intent_UM: np.ndarray
    """int16: topics of short-term intents; ``NONE`` where a place is free."""
    affinity_UT: np.ndarray
    """float32: long-term and latent interests and intents, by topic, in logits."""
    taste_UD: np.ndarray
    """float32, of length 1."""
    price_cents_N: np.ndarray
    """int64: of products; ``NONE`` elsewhere."""
    price_z_N: np.ndarray
    """float32: log price, in spreads within the topic above its mean."""
    discount_N: np.ndarray
    """float32: 1 of products on sale, else 0."""
    stock_N: np.ndarray
    """int64: pieces of products, 0 when sold out; ``NONE`` elsewhere, which never sells out."""
    is_off_U: np.ndarray
    """bool: switched personalisation off."""
    seen_U: np.ndarray
    """int32: the shop's day of the user's last event; ``NONE`` of those who never came."""
    follows_UH: np.ndarray
    """bool, U × (H + 1): the last column, where ``NONE`` points, is never true."""
    examined_UT: np.ndarray
    """uint16: impressions that the user looked at, by topic, all surfaces."""
    clicked_UT: np.ndarray
    """uint16: those that he clicked."""
    last_U: np.ndarray
    """int16: topic of the user's last clicked impression; ``NONE`` before the first."""
    heard_N: np.ndarray
    """int32: the shop's day of the last event that names or shows the item; ``NONE`` before."""
    ledger: Ledger

    def is_showable_N(self, world: World) -> np.ndarray:
        """Tell which items there are, and not sold out, at the state's moment: bool, N."""
        return (world.items.born_N <= max(self.day, 0)) & (self.stock_N != 0)

    def done(self, world: World) -> np.ndarray:
        """List pairs that no slate may hold: int64, ascending.

        Hidden, or bought and kept; but a live slot comes again every week with other things to
        sell, and is not done with by an order (docs/decisions/0014).
        """
        bought = self.ledger.kept()
        is_bought_once = world.items.type_N[items_of(bought)] != SLOT
        return distinct(np.concatenate([bought[is_bought_once], self.ledger.hidden_B]))

    def hearing(self, day: Day) -> "State":
        """Remember what the events of the state's own day name and show."""
        heard_N = self.heard_N.copy()
        heard_N[day.item_E[day.item_E != NONE]] = self.day
        heard_N[day.requests.item_I] = self.day
        return replace(self, heard_N=heard_N)


def first_state(world: World) -> State:
    """Make the state before the first day."""
    users, items = world.users, world.items
    shape_UT = (len(users), len(world.topics))
    cents = np.exp(items.price_log_N).round().astype(np.int64)
    return State(
        day=-1,
        intent_UM=np.full((len(users), world.dials.change.num_intents), NONE, np.int16),
        affinity_UT=users.affinity(len(world.topics)),
        taste_UD=users.taste_UD,
        price_cents_N=np.where(items.type_N == PRODUCT, cents, NONE),
        price_z_N=price_z(world, items.price_log_N),
        discount_N=np.zeros(len(items), np.float32),
        stock_N=items.stock_N,
        is_off_U=np.zeros(len(users), bool),
        seen_U=np.full(len(users), NONE, np.int32),
        follows_UH=np.zeros((len(users), len(world.hosts) + 1), bool),
        examined_UT=np.zeros(shape_UT, np.uint16),
        clicked_UT=np.zeros(shape_UT, np.uint16),
        last_U=np.full(len(users), NONE, np.int16),
        heard_N=np.full(len(items), NONE, np.int32),
        ledger=Ledger.empty(),
    )


def price_z(world: World, price_log_N: np.ndarray) -> np.ndarray:
    """Say how far prices stand above the mean of their topic, in its spreads: float32, N."""
    mean_N = world.topics.price_log_T[world.items.topic_N]
    return ((price_log_N - mean_N) / world.dials.world.price_spread_items).astype(np.float32)


def affinity_with(world: World, intent_UM: np.ndarray) -> np.ndarray:
    """Lay interests and intents out: float32, U × T, in logits."""
    table_UT = world.users.affinity(len(world.topics))
    for intent_U in intent_UM.T:
        add_at(table_UT, intent_U[:, None], world.dials.taste.intent_strength)
    return table_UT
