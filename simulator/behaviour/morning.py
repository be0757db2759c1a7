"""What the night changed: intents come and go, prices move, sales begin and end.

Shapes: U users, M intents, N items.
"""

from dataclasses import replace

import numpy as np

from simulator.behaviour.events import Part, part
from simulator.behaviour.visits import FIRST_MS, LAST_MS, is_sale
from simulator.day import NONE
from simulator.seeds import generator
from simulator.state import State, affinity_with, price_z
from simulator.world.items import PRODUCT
from simulator.world.world import World

_BIRTH_FROM_MS, _BIRTH_TO_MS = 6 * 3_600_000, 20 * 3_600_000


def wake(world: World, state: State) -> State:
    """Make the morning's state out of the evening's. Its ``day`` is still that of the evening."""
    intent_UM = next_intents(world, state.intent_UM, state.day + 1)
    price_N, discount_N = _prices(world, state)
    price_log_N = np.where(
        world.items.type_N == PRODUCT,
        np.log(np.maximum(price_N, 1)).astype(np.float32),
        world.items.price_log_N,
    )
    return replace(
        state,
        intent_UM=intent_UM,
        affinity_UT=affinity_with(world, intent_UM),
        price_cents_N=price_N,
        discount_N=discount_N,
        price_z_N=price_z(world, price_log_N),
    )


def next_intents(world: World, intent_UM: np.ndarray, day: int) -> np.ndarray:
    """Let intents end and begin; what ended is often followed by one of its two followers."""
    dials, topics = world.dials.change, world.topics
    rng, shape = generator(world.config.seed, "intents", day), intent_UM.shape
    draw, which = rng.random((3, *shape)), rng.integers(2, size=shape)
    has = intent_UM != NONE
    ends = has & (draw[0] < dials.intent_end)
    is_followed = ends & (draw[1] < dials.intent_followed)
    begins = ~has & (draw[0] < dials.intent_start)
    fresh = _fresh(world, shape, rng)
    found = np.where(ends, NONE, intent_UM)
    found = np.where(is_followed, topics.follower_TF[intent_UM, which], found)
    found = np.where(begins, fresh, found)
    return _once(found).astype(np.int16)


def _fresh(world: World, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw new intents: out of long-term interests, or by the popularity of topics."""
    interest_UL = world.users.interest_UL
    num_own = (interest_UL != NONE).sum(axis=1)
    place = np.floor(rng.random(shape) * num_own[:, None]).astype(np.int64)
    own = np.take_along_axis(interest_UL, place, 1)
    upto_T = np.cumsum(world.topics.weight_T)
    other = np.minimum(np.searchsorted(upto_T, rng.random(shape)), len(upto_T) - 1)
    return np.where(rng.random(shape) < world.dials.change.intent_of_interest, own, other)


def _once(topic_UM: np.ndarray) -> np.ndarray:
    """Drop what stands further left in the same row already."""
    is_again = np.tril(topic_UM[:, :, None] == topic_UM[:, None, :], k=-1).any(axis=2)
    return np.where(is_again, NONE, topic_UM)


def _prices(world: World, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Move some prices for good, and cut or restore those on sale: int64, N and float32, N."""
    dials, day = world.dials.change, state.day + 1
    rng = generator(world.config.seed, "prices", day)
    is_product, num = world.items.type_N == PRODUCT, world.items.num_until(day - 1)
    factor_N, is_cut_N = np.ones(len(is_product)), np.zeros(len(is_product), bool)
    moves = rng.random(num) < dials.price_changes
    factor_N[:num] = np.where(moves, np.exp(dials.price_step * rng.standard_normal(num)), 1.0)
    is_cut_N[:num] = (rng.random(num) < dials.sale_share) & is_sale(world, day)
    is_cut_N &= is_product
    full_N = state.price_cents_N / (1 - dials.sale_discount * state.discount_N)
    price_N = np.maximum(full_N * factor_N * (1 - dials.sale_discount * is_cut_N), 1).round()
    return np.where(is_product, price_N, NONE).astype(np.int64), is_cut_N.astype(np.float32)


def announced(world: World, evening: State, morning: State) -> list[Part]:
    """Write the catalogue's lines of the night and of the day's new items.

    Args:
        world: The shop.
        evening: At the end of the day before.
        morning: On the day.
    """
    day = morning.day + 1
    rng = generator(world.config.seed, "announced", day)
    born = world.items.born_N
    if day == 0:
        start = np.flatnonzero(born < 0)
        first = lines(
            morning, start, np.sort(rng.integers(0, FIRST_MS // 2, len(start))), is_new=True
        )
    else:
        is_moved = (evening.price_cents_N != morning.price_cents_N) & (born < day)
        moved = np.flatnonzero(is_moved)
        first = lines(morning, moved, rng.integers(0, FIRST_MS, len(moved)), is_new=False)
    new = np.flatnonzero(born == day)
    at_ms = rng.integers(_BIRTH_FROM_MS, _BIRTH_TO_MS, len(new))
    return [first, lines(morning, new, at_ms, is_new=True)]


def restocked(world: World, before: State, after: State) -> Part:
    """Write the catalogue's lines of an evening: whatever stock is not what it was."""
    rng = generator(world.config.seed, "restocked", after.day)
    changed = np.flatnonzero(before.stock_N != after.stock_N)
    at_ms = rng.integers(LAST_MS + 1000, LAST_MS + 10_000, len(changed))
    return lines(after, changed, at_ms, is_new=False)


def lines(state: State, item: np.ndarray, at_ms: np.ndarray, *, is_new: bool) -> Part:
    """Write catalogue lines of some items."""
    return part(
        "item",
        at_ms,
        item=item,
        price_cents=state.price_cents_N[item],
        stock=state.stock_N[item],
        is_new_item=np.full(len(item), is_new),
    )
