"""What attracts: p(click | examined), and what a click brings on.

Behaviour draws from these functions, and the truth is made of them; no other place knows them.

Every function takes arrays of users and items that broadcast against one another: pairs for
behaviour, a column of users against a row of items for the truth.

logit p(click | examined) = base(surface) + quality + freshness + affinity(user, topic)
    + style_weight · taste(user) · style(item)
    + sensitivity(user) · (discount(item) − price_weight · (price(item) − price(user))²)
    + cross(country × platform, department) + language(user, item) + follow(user, host)
    + succession(topic of the user's last click, topic) + people(user) · name(maker)

affinity = long-term + latent interests + intents, all of them by topic.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from simulator.state import State
from simulator.world.items import VIDEO
from simulator.world.world import World

_TYPICAL_VIDEO_MS: Final = 20_000.0


def attraction(
    world: World, state: State, users: np.ndarray, items: np.ndarray, day: int
) -> np.ndarray:
    """Give p(click | examined).

    Args:
        world: The shop.
        state: What is so at that moment; for the truth of an evening, at its end.
        users: int, users.
        items: int, items; broadcast against the users.
        day: The shop's day on which they are shown: decides what is fresh.

    Returns:
        float32, the common shape.
    """
    parts = logit_parts(world, state, users, items, day)
    logit = next(parts)[1] + next(parts)[1]
    for _, part in parts:
        logit += part
    return _sigmoid(logit)


def logit_parts(
    world: World, state: State, users: np.ndarray, items: np.ndarray, day: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Give the parts that the logit of ``attraction`` is the sum of, by name and in its order.

    The arguments are those of ``attraction``; each part broadcasts to the common shape. One at a
    time: of all users and items together a part is large.
    """
    taste, at = world.dials.taste, world.items
    users, items = users.astype(np.intp), items.astype(np.intp)  # once, not at every look-up
    yield "item", item_logits(world, day)[items]
    weight = np.array(taste.affinity_weight, np.float32)[at.type_N[items]]
    yield "affinity", weight * affinity(world, state, users, items)
    yield (
        "style",
        taste.style_weight * np.einsum("...d,...d->...", state.taste_UD[users], at.style_ND[items]),
    )
    appeal = state.discount_N[items] * np.float32(taste.discount_weight)
    appeal = appeal - np.float32(taste.price_weight) * _price_distance(world, state, users, items)
    yield "price", world.users.sensitivity_U[users] * appeal
    yield "cross", world.cross_GP[world.group_U[users], at.department_N[items]]
    yield "language", world.language_LL[world.users.language_U[users], at.language_N[items]]
    yield "follow", np.float32(taste.follow_weight) * state.follows_UH[users, at.host_N[items]]
    yield "succession", world.topics.succession_TT[state.last_U[users], at.topic_N[items]]
    people_UD, name_ND = world.renown.people_UD, world.renown.name_ND
    yield "renown", np.einsum("...d,...d->...", people_UD[users], name_ND[items])


def affinity(world: World, state: State, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Give what users feel for the items' topics, in logits: float32, the common shape."""
    return state.affinity_UT[users, world.items.topic_N[items]]


def conversion(
    world: World, state: State, users: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give p(cart | click) and p(order | click): float32, the common shape.

    An order comes out of a cart: p(order | click) = p(cart | click) · p(order | cart).
    """
    taste, kind = world.dials.taste, world.items.type_N[items]
    quality = np.float32(taste.conversion_quality) * world.items.quality_N[items]
    cart = np.array(taste.cart_base, np.float32)[kind] + quality
    cart = cart + np.float32(taste.conversion_affinity) * affinity(world, state, users, items)
    distance = _price_distance(world, state, users, items)
    cart -= np.float32(taste.conversion_price) * world.users.sensitivity_U[users] * distance
    p_cart = _sigmoid(cart)
    return p_cart, p_cart * _sigmoid(np.array(taste.order_base, np.float32)[kind] + quality)


def watch_share(world: World, state: State, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Give the expected share of a clicked video that is watched: float32, the common shape."""
    taste, at = world.dials.taste, world.items
    doublings = np.log2(np.maximum(at.duration_ms_N[items], 1) / _TYPICAL_VIDEO_MS)
    logit = taste.watch_base + at.quality_N[items] - taste.watch_length * doublings
    feeling = np.float32(taste.watch_affinity) * affinity(world, state, users, items)
    return _sigmoid(logit.astype(np.float32) + feeling)


def worth_of_click(world: World, state: State, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Give what a click on items of one type is worth with all that follows, in clicks.

    Products and live slots: click_value + order_value · p(order | click). Videos: click_value
    + watch_value · expected share watched + order_value · p(cart | click).
    """
    worth = world.dials.worth
    p_cart, p_order = conversion(world, state, users, items)
    is_video = world.items.type_N[items] == VIDEO
    if not is_video.any():
        return worth.click_value + worth.order_value * p_order
    share = watch_share(world, state, users, items)
    return worth.click_value + worth.watch_value * share + worth.order_value * p_cart


def item_logits(world: World, day: int) -> np.ndarray:
    """Give the part of the logit that is the same for every user: float32, N."""
    taste, items = world.dials.taste, world.items
    age_days = np.maximum(day - items.born_N, 0)
    fresh = np.array(taste.freshness)[items.type_N] * 0.5 ** (age_days / taste.freshness_days)
    base = np.array(taste.base)[items.type_N] + (
        np.array(taste.quality_weight)[items.type_N] * items.quality_N
    )
    return (base + fresh).astype(np.float32)


def _price_distance(world: World, state: State, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    return np.square(state.price_z_N[items] - world.users.price_U[users])


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))
