"""The shop's knowledge as tables: what an analyst would join the log with.

Rows are written from whole columns; who calls this decides where they go.

Shapes: U users, N items, T topics, L interests, M intents.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.surfaces import ITEM_TYPES
from simulator.behaviour.attraction import item_logits
from simulator.day import NONE
from simulator.state import State
from simulator.world.words import LANGUAGES
from simulator.world.world import World

_TYPES: Final = pa.array(ITEM_TYPES)


def write(world: World, state: State, folder: Path) -> None:
    """Write every table: users, items, interests, intents, topics, succession.

    Args:
        world: The shop.
        state: At the end of an evening.
        folder: Where; must exist.
    """
    tables = {
        "users": users(world, state),
        "items": items(world, state),
        "interests": interests(world),
        "intents": intents(world, state),
        "topics": topics(world),
        "succession": succession(world),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")


def users(world: World, state: State) -> pa.Table:
    """One row a user: who he is, and what attracts him besides topics, as of the evening."""
    about = world.users
    return pa.table(
        {
            "user_id": world.names.user_id,
            "is_bot": about.is_bot_U,
            "is_personalisation_off": state.is_off_U,
            "joined_day": about.joined_U,
            "last_seen_day": _or_null(state.seen_U),
            "sessions_per_day": about.activity_U,
            "hours": _lists(about.hours_GH[about.rhythm_U].astype(np.float32)),
            "price_sensitivity": about.sensitivity_U,
            "price_wanted": about.price_U,
            "taste": _lists(state.taste_UD),
            "people": _lists(world.renown.people_UD),
            "last_topic": _category(world, state.last_U),
        }
    )


def items(world: World, state: State) -> pa.Table:
    """One row an item known by the evening: what it is like, and what every user sees in it."""
    about = world.items
    known = np.flatnonzero(about.born_N <= state.day)
    topic = about.topic_N[known]
    categories = pa.array(world.topics.category)
    return pa.table(
        {
            "item_id": world.names.item_id.take(pa.array(known)),
            "item_type": _TYPES.take(pa.array(about.type_N[known])),
            "topic": categories.take(pa.array(topic)),
            "language": pa.array(LANGUAGES).take(pa.array(about.language_N[known])),
            "quality": about.quality_N[known],
            "style": _lists(about.style_ND[known]),
            "maker": _lists(world.renown.name_ND[known]),
            "born_day": about.born_N[known],
            "price_cents": _or_null(state.price_cents_N[known]),
            "price_z": state.price_z_N[known],
            "is_on_sale": state.discount_N[known] > 0,
            "stock": _or_null(state.stock_N[known]),
            "logit": item_logits(world, state.day + 1)[known],
        }
    )


def interests(world: World) -> pa.Table:
    """One row an interest of a user, long-term or latent, with its strength in logits."""
    long, latent = world.users.interest_UL, world.users.latent_UA
    strength = np.concatenate([world.users.strength_UL, world.users.latent_strength_UA], axis=1)
    topic = np.concatenate([long, latent], axis=1)
    user, place = np.nonzero(topic != NONE)
    return pa.table(
        {
            "user_id": world.names.user_id.take(pa.array(user)),
            "topic": _category(world, topic[user, place]),
            "strength": strength[user, place],
            "is_latent": place >= long.shape[1],
        }
    )


def intents(world: World, state: State) -> pa.Table:
    """One row an intent that a user has at the end of the evening."""
    user, place = np.nonzero(state.intent_UM != NONE)
    return pa.table(
        {
            "user_id": world.names.user_id.take(pa.array(user)),
            "topic": _category(world, state.intent_UM[user, place]),
            "strength": np.full(len(user), world.dials.taste.intent_strength, np.float32),
        }
    )


def topics(world: World) -> pa.Table:
    """One row a topic: how popular it is, and which topics go with it."""
    about = world.topics
    first, second = about.follower_TF.T
    return pa.table(
        {
            "topic": pa.array(about.category),
            "weight": about.weight_T,
            "quality": about.appeal_T,
            "price_cents": np.exp(about.price_log_T),
            "followed_by": _category(world, first),
            "or_by": _category(world, second),
            "sister": _category(world, about.sister_T),
        }
    )


def succession(world: World) -> pa.Table:
    """One row two topics: what a user's last click in the first adds to the other, in logits."""
    num = len(world.topics)
    first, second = (place.ravel() for place in np.indices((num, num)))
    return pa.table(
        {
            "last_topic": _category(world, first),
            "topic": _category(world, second),
            "logit": world.topics.succession_TT[first, second],
        }
    )


def _category(world: World, topic: np.ndarray) -> pa.StringArray:
    """Name topics; null where there is ``NONE``."""
    return pa.array(world.topics.category).take(pa.array(topic, mask=topic == NONE))


def _lists(rows: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])


def _or_null(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers, mask=numbers == NONE)
