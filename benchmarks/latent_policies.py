"""Policies of exploration: what each would show a user out of what he has shown no interest in.

All fill the same places of the same slates. A policy ranks items of topics of which the log holds
fewer than ``LEAST_CLICKS`` clicks of the user's.

Shapes: U users, S users with a slate, T topics, X items that a policy ranks, K places.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.latent_log import Log, batch_of, lists_of, responses_of
from etl import surfaces
from etl.arrow import places_in_runs, run_starts
from simulator.day import NONE
from simulator.seeds import generator
from simulator.serving.popularity import num_users
from simulator.state import State
from simulator.truth.oracle import showable
from simulator.world.world import World
from training.retrieval import latent_interests
from training.retrieval.latent_response import LEAST_CLICKS, LatentConfig

NUM_RANKED: Final = 60
"""Items that a policy ranks for one user: more than any slate has places of chance."""


@dataclass(frozen=True)
class Evening:
    """What a policy knows at the end of a day, and the shop itself for who may ask the truth."""

    world: World
    state: State
    log: Log
    surface: int
    users: np.ndarray
    """int64, S."""

    @property
    def date(self) -> date:
        """The day that ended."""
        return self.world.config.start + timedelta(days=self.state.day)

    @cached_property
    def item_C(self) -> np.ndarray:
        """int64: what the surface may show."""
        return showable(self.world, self.state, self.surface)

    @cached_property
    def is_open_ST(self) -> np.ndarray:
        """bool: topics that the user has shown no interest in."""
        return self.log.clicks_UT[self.users] < LEAST_CLICKS

    def seeded(self, name: str) -> np.random.Generator:
        """Draw numbers of the day and surface."""
        return generator(self.world.config.seed, f"{name} {self.surface}", self.state.day)

    def first_of(self, score_SC: np.ndarray, is_open_ST: np.ndarray) -> np.ndarray:
        """Rank open topics' items by score: int32, S × X; ``NONE`` behind the last."""
        topic_C = self.world.items.topic_N[self.item_C]
        score_SC = np.where(is_open_ST[:, topic_C], score_SC, -np.inf)
        order = np.argsort(-score_SC, axis=1, kind="stable")[:, :NUM_RANKED]
        is_there = np.take_along_axis(score_SC, order, 1) > -np.inf
        return np.where(is_there, self.item_C[order], NONE).astype(np.int32)


Policy = Callable[[Evening], np.ndarray]
"""Ranks items for the users of an evening: int32, S × X; ``NONE`` behind the last."""


def random_items(evening: Evening) -> np.ndarray:
    """Any item of an open topic."""
    shape = (len(evening.users), len(evening.item_C))
    return evening.first_of(evening.seeded("random items").random(shape), evening.is_open_ST)


def popularity(evening: Evening) -> np.ndarray:
    """The most popular of 7 days."""
    return evening.first_of(_popular(evening), evening.is_open_ST)


def random_topics(evening: Evening) -> np.ndarray:
    """The most popular of topics drawn anew every day."""
    rank_ST = evening.seeded("random topics").random(evening.is_open_ST.shape).argsort(axis=1)
    return _by_topic(evening, rank_ST)


def truth(evening: Evening) -> np.ndarray:
    """The most popular of topics that the user does love: a bound, nobody's policy."""
    affinity_UT = evening.world.users.affinity(len(evening.world.topics))
    is_loved_ST = affinity_UT[evening.users] > 0
    return evening.first_of(_popular(evening), evening.is_open_ST & is_loved_ST)


def _popular(evening: Evening) -> np.ndarray:
    """Users of 7 days of each item: float64, S × C."""
    count_C = num_users(evening.world, evening.state)[evening.item_C]
    return np.broadcast_to(count_C.astype(float), (len(evening.users), len(count_C)))


def _by_topic(evening: Evening, rank_ST: np.ndarray) -> np.ndarray:
    """Take the most popular item of each topic, lower ranks first, then the second of each."""
    count_C, topic_C = _popular(evening)[0], evening.world.items.topic_N[evening.item_C]
    order = np.lexsort((-count_C, topic_C))
    place_C = np.empty(len(order), np.int64)
    place_C[order] = places_in_runs(run_starts(topic_C[order]))
    score_SC = -(place_C * rank_ST.shape[1] + rank_ST[:, topic_C]).astype(float)
    return evening.first_of(score_SC, evening.is_open_ST)


def latent(config: LatentConfig, *scopes: str) -> Policy:
    """The product's own source, with what groups of some scopes tell."""

    def rank(evening: Evening) -> np.ndarray:
        world, day = evening.world, evening.date
        everybody = batch_of(world, evening.log, np.arange(len(world.users)), day)
        rows = responses_of(everybody)
        kept = rows.filter(pc.is_in(rows.column("scope"), pa.array(["all", *scopes])))
        found = latent_interests.propose(
            batch_of(world, evening.log, evening.users, day),
            lists_of(world, evening.state, evening.surface, kept),
            surface=surfaces.NAMES[evening.surface],
            num_items=NUM_RANKED,
            config=config,
        )
        ranked_SX = np.full((len(evening.users), NUM_RANKED), NONE, np.int32)
        place = places_in_runs(run_starts(found.user_P))
        ranked_SX[found.user_P, place] = found.item_P
        return ranked_SX

    return rank
