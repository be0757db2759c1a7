"""What a day leaves behind: shelves emptied and filled, tastes moved, deeds remembered.

Shapes: U users, N items, T topics, H hosts, I impressions, C clicks, D style dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.behaviour.events import Part
from simulator.day import EVENT_TYPES
from simulator.ledger import Clicks, Columns, Ledger, items_of, pairs, users_of
from simulator.seeds import generator
from simulator.state import State
from simulator.world.world import World

_ACTS = ("click", "cart", "order")


@dataclass(frozen=True, kw_only=True, slots=True)
class Deeds:
    """What was done on a day."""

    user_I: np.ndarray
    """int64: who saw each impression that took place."""
    item_I: np.ndarray
    """int32: what he saw."""
    is_examined_I: np.ndarray
    """bool: he looked at it."""
    is_clicked_I: np.ndarray
    """bool: he clicked it."""
    clicks: Clicks
    """The clicked impressions."""
    events: Sequence[Part]
    """All of the day's events of users."""
    waiting: Columns
    """Orders and cancels to come."""

    def of(self, kind: str, column: str) -> np.ndarray:
        """One column of the day's events of one kind: int64."""
        code = EVENT_TYPES.index(kind)
        parts = [one for one in self.events if len(one["type"]) and one["type"][0] == code]
        return np.concatenate([np.zeros(0, np.int64), *(one[column] for one in parts)])

    def pairs_of(self, kind: str) -> np.ndarray:
        """Users and items of the day's events of one kind, as pairs."""
        return pairs(self.of(kind, "user"), self.of(kind, "item"))


def close(world: World, morning: State, deeds: Deeds) -> State:
    """Make the evening's state.

    Args:
        world: The shop.
        morning: The state in which the day went on.
        deeds: What was done.
    """
    is_off_U = morning.is_off_U.copy()
    is_off_U[deeds.of("personalisation_off", "user")] = True
    seen_U = morning.seen_U.copy()
    for one in deeds.events:
        seen_U[one["user"]] = morning.day + 1
    follows_UH = morning.follows_UH.copy()
    follows_UH[deeds.of("follow", "user"), deeds.of("follow", "host")] = True
    return replace(
        morning,
        day=morning.day + 1,
        taste_UD=_drifted(world, morning, deeds),
        stock_N=_stock(world, morning, deeds),
        is_off_U=is_off_U,
        seen_U=seen_U,
        follows_UH=follows_UH,
        examined_UT=_counted(world, morning.examined_UT, deeds, deeds.is_examined_I),
        clicked_UT=_counted(world, morning.clicked_UT, deeds, deeds.is_clicked_I),
        last_U=_last(world, morning, deeds.clicks),
        ledger=_remembered(morning.ledger, deeds),
    )


def _drifted(world: World, morning: State, deeds: Deeds) -> np.ndarray:
    """Move tastes towards the mean style of what was clicked: float32, U × D, of length 1."""
    user = deeds.user_I[deeds.is_clicked_I]
    style_CD = world.items.style_ND[deeds.item_I[deeds.is_clicked_I]]
    clickers, place, num = np.unique(user, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(place, c, len(clickers)) / num for c in style_CD.T], axis=1)
    drift = world.dials.change.taste_drift
    moved = (1 - drift) * morning.taste_UD[clickers] + drift * mean
    taste_UD = morning.taste_UD.copy()
    taste_UD[clickers] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return taste_UD


def _stock(world: World, morning: State, deeds: Deeds) -> np.ndarray:
    """Take what was ordered off the shelves; some that were empty are filled again: int64, N."""
    day, num_items = morning.day + 1, len(world.items)
    rng = generator(world.config.seed, "stock", day)
    num = world.items.num_until(day)
    comes_N, fresh_N = np.zeros(num_items, bool), np.zeros(num_items, np.int64)
    comes_N[:num] = rng.random(num) < world.dials.change.restock
    fresh_N[:num] = rng.geometric(1 / world.dials.world.stock_mean, num)
    sold = np.bincount(deeds.of("order", "item"), deeds.of("order", "quantity"), num_items)
    left_N = np.maximum(morning.stock_N - sold.astype(np.int64), 0)
    left_N = np.where(comes_N & (morning.stock_N == 0), fresh_N, left_N)
    return np.where(morning.stock_N < 0, morning.stock_N, left_N)


def _counted(
    world: World, before_UT: np.ndarray, deeds: Deeds, is_counted_I: np.ndarray
) -> np.ndarray:
    after_UT = before_UT.copy()
    topic = world.items.topic_N[deeds.item_I[is_counted_I]]
    np.add.at(after_UT, (deeds.user_I[is_counted_I], topic), np.uint16(1))
    return after_UT


def _last(world: World, morning: State, clicks: Clicks) -> np.ndarray:
    """Say in which topic each user's last click was: int16, U."""
    order = np.argsort(clicks.clicked_us_C, kind="stable")
    last_U = morning.last_U.copy()
    last_U[users_of(clicks.pair_C[order])] = world.items.topic_N[items_of(clicks.pair_C[order])]
    return last_U


def _remembered(ledger: Ledger, deeds: Deeds) -> Ledger:
    ordered, cancelled = deeds.pairs_of("order"), deeds.pairs_of("cancel")
    change = np.repeat([1, -1], [len(ordered), len(cancelled)])
    counted = ledger.with_orders(np.concatenate([ordered, cancelled]), change)
    return replace(
        counted.with_day(
            shown=pairs(deeds.user_I, deeds.item_I),
            acted=np.concatenate([deeds.pairs_of(kind) for kind in _ACTS]),
            hidden=deeds.pairs_of("hide"),
            clicks=deeds.clicks,
        ),
        pending=deeds.waiting,
    )
