"""What a simulated shop's log says of an evening, laid out as the product's nights lay it out.

Only what lines of the log hold is read: who was shown what at which place, and clicked. In memory,
without lake and Spark; days, users and items are the shop's numbers.

Shapes: U users, T topics, N items, I impressions of a day.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl import surfaces
from etl.arrow import arrow_schema, places_in_runs, run_starts
from etl.features import rates
from etl.features.positions import PARTS
from etl.tables.retrieval import COVISITATION, NEW_ITEMS
from simulator.behaviour.examination import examination
from simulator.day import EVENT_TYPES, Day
from simulator.serving.popularity import num_users, popular
from simulator.state import State
from simulator.world.world import World
from training.retrieval import latent_interests, source_lists
from training.retrieval.latent_interests import ResponsesConfig
from training.retrieval.source_lists import SourceLists
from training.user_side import Lists, UserBatch, end_of

_CLICK: Final = EVENT_TYPES.index("click")
_MOST_PLACES: Final = 1_000
_PRIOR_LOOKS: Final = 20.0
"""Looks at everybody's rate that an item's rate is drawn by."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The I impressions of a day, all surfaces."""

    user_I: np.ndarray
    item_I: np.ndarray
    looks_I: np.ndarray
    """int64: in parts of ``etl.features.positions``."""
    propensity_I: np.ndarray
    is_clicked_I: np.ndarray

    @classmethod
    def of(cls, day: Day) -> "Seen":
        """Read them off a day's requests and clicks."""
        asked = day.requests
        num_R = np.diff(asked.start_R)
        request_I = np.repeat(np.arange(len(num_R)), num_R)
        place_I = asked.first_position_R[request_I] + (
            np.arange(len(request_I)) - asked.start_R[request_I]
        )
        curves = np.stack([examination(n, _MOST_PLACES) for n in range(len(surfaces.ALL))])
        looks_I = (curves[asked.surface_R[request_I], place_I] * PARTS).round().astype(np.int64)
        clicked = (day.type_E == _CLICK) & (day.request_E >= 0)
        pairs = day.request_E[clicked] << 32 | day.item_E[clicked]
        is_clicked_I = np.isin(request_I << 32 | asked.item_I, pairs)
        user_I = day.user_E[asked.event_R][request_I]
        return cls(user_I, asked.item_I, looks_I, asked.propensity_I, is_clicked_I)


@dataclass(frozen=True, slots=True)
class Log:
    """What all days up to an evening say."""

    looks_UT: np.ndarray
    """int64: in parts."""
    clicks_UT: np.ndarray
    """int64: found without an impression too."""
    looks_N: np.ndarray
    clicks_N: np.ndarray

    @classmethod
    def empty(cls, world: World) -> "Log":
        """Before the first day."""
        shape = (len(world.users), len(world.topics))
        sizes = (shape, shape, len(world.items), len(world.items))
        return cls(*(np.zeros(size, np.int64) for size in sizes))

    def after(self, world: World, day: Day, seen: Seen) -> "Log":
        """Add a day."""
        log = Log(*(getattr(self, name).copy() for name in self.__slots__))
        np.add.at(log.looks_UT, (seen.user_I, world.items.topic_N[seen.item_I]), seen.looks_I)
        clicked = day.type_E == _CLICK
        topic = world.items.topic_N[day.item_E[clicked]]
        np.add.at(log.clicks_UT, (day.user_E[clicked], topic), 1)
        np.add.at(log.looks_N, seen.item_I, seen.looks_I)
        np.add.at(log.clicks_N, seen.item_I, seen.is_clicked_I)
        return log

    def rate_N(self) -> np.ndarray:
        """Give items' clicks per look, drawn towards everybody's: float64."""
        looks_N = self.looks_N / PARTS
        usual = rates.overall(self.clicks_N.sum(), looks_N.sum())
        return rates.drawn(self.clicks_N, looks_N, usual, _PRIOR_LOOKS)


def batch_of(world: World, log: Log, users: np.ndarray, evening: date) -> UserBatch:
    """Lay users out as a night's candidates do; histories of items are left out."""
    row, topic = np.nonzero((log.looks_UT[users] > 0) | (log.clicks_UT[users] > 0))
    columns = {
        "category": pa.array(world.topics.category).take(pa.array(topic)),
        "num_clicks": pa.array(log.clicks_UT[users][row, topic].astype(np.int32)),
        "examined": pa.array(log.looks_UT[users][row, topic]),
    }
    categories = Lists(row, pa.StructArray.from_arrays(list(columns.values()), list(columns)))
    nothing = Lists(np.zeros(0, np.int64), pa.array([], pa.struct([])))
    return UserBatch(
        num_users=len(users),
        evening_us=end_of(evening),
        user_id=world.names.user_id.take(pa.array(users)),
        segment=_segments(world, users),
        active_hours_UH=np.zeros((len(users), 24), np.int64),
        items=nothing,
        categories=categories,
        sellers=nothing,
        hosts=nothing,
        short=nothing,
        followed_hosts=nothing,
        query_words=nothing,
    )


def _segments(world: World, users: np.ndarray) -> pa.Array:
    parts = (world.users.country_U, world.users.platform_U, world.users.language_U)
    return pa.array(["|".join(map(str, one)) for one in np.stack(parts, axis=1)[users].tolist()])


def responses_of(batch: UserBatch) -> pa.Table:
    """Count how users respond: rows of ``tables.RETRIEVAL_LATENT_INTERESTS``."""
    segment = pa.chunked_array([batch.segment])
    most = ResponsesConfig().max_looks
    return latent_interests.counted(batch.evening, segment, batch.categories, most)


def lists_of(world: World, state: State, surface: int, responses: pa.Table) -> SourceLists:
    """Lay out what a night's sources read: responses, and what is popular in categories."""
    empty = [arrow_schema(table.schema).empty_table() for table in (NEW_ITEMS, COVISITATION)]
    arrays = source_lists.arrays_of(
        _popular_by_category(world, state, surface),
        new_items=empty[0],
        covisitation=empty[1],
        evening=world.config.start,
        half_life_days=1.0,
    )
    arrays |= latent_interests.arrays_of(responses)
    return SourceLists({name: pa.array(array) for name, array in arrays.items()})


def _popular_by_category(world: World, state: State, surface: int) -> pa.Table:
    """List every category's items by users of 7 days: rows of ``tables.RETRIEVAL_POPULARITY``."""
    item = popular(world, state, surface)
    topic = world.items.topic_N[item]
    order = np.argsort(topic, kind="stable")
    item, topic = item[order], topic[order]
    return pa.table(
        {
            "scope": pa.array(["category"] * len(item), pa.string()),
            "scope_value": pa.array(world.topics.category).take(pa.array(topic)),
            "rank": pa.array(places_in_runs(run_starts(topic)) + 1),
            "item_no": pa.array(item),
            "num_users": pa.array(num_users(world, state)[item]),
        }
    )
