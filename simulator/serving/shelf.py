"""What the old policy knows of a surface's items in the morning: popularity, and what is mixed.

Shapes: N items, T topics, C items considered, U users, Z numbers of noise.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.day import NONE
from simulator.seeds import generator
from simulator.serving.popularity import num_users
from simulator.state import State
from simulator.world.world import World

_NUM_NOISE: Final = 1 << 14
_PRIOR_SPREAD: Final = 0.5
"""Standard deviation of the log of what the old policy takes for popularity before it knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What the old policy knows of one surface's items this morning."""

    surface: int
    score_N: np.ndarray
    """float32: log of popularity."""
    best_TC: np.ndarray
    """int32: each topic's most popular items; ``NONE`` behind the last."""
    best_C: np.ndarray
    """int32: the most popular of all."""
    mixed: np.ndarray
    """int32: all showable items in an order drawn for the day."""
    place_N: np.ndarray
    """int32: where each item stands among them; ``NONE`` of those that are not there."""
    start_U: np.ndarray
    """int32: where among the mixed each user's pool begins."""
    done: np.ndarray
    """int64, ascending: pairs that no slate may hold."""
    noise_Z: np.ndarray
    """float32: what moves scores today, of standard deviation 1; Z is a power of two."""
    noise_start_U: np.ndarray
    """int32: where each user's noise begins."""

    def rotation(self, users: np.ndarray, item_BC: np.ndarray) -> np.ndarray:
        """Say what moves users' scores of items today, and only depends on these: float32."""
        return self.noise_Z[(self.noise_start_U[users][:, None] + item_BC) & (_NUM_NOISE - 1)]


def shelf_of(world: World, state: State, surface: int) -> Shelf:
    """Look at the shelves of a surface at the end of the day before.

    Args:
        world: The shop.
        state: At the end of the day before.
        surface: Place in ``etl.surfaces.ALL``.
    """
    dials, items = world.dials.policy, world.items
    prior = generator(world.config.seed, "prior popularity")
    prior_N = dials.prior_users * np.exp(_PRIOR_SPREAD * prior.standard_normal(len(items)))
    count_N = num_users(world, state) + prior_N
    item = np.flatnonzero((items.type_N == surface) & state.is_showable_N(world))
    ranked = item[np.argsort(-count_N[item], kind="stable")]
    rng = generator(world.config.seed, f"shelf {surface}", state.day + 1)
    mixed = rng.permutation(item).astype(np.int32)
    place_N = np.full(len(items), NONE, np.int32)
    place_N[mixed] = np.arange(len(mixed))
    return Shelf(
        surface=surface,
        score_N=np.log(count_N).astype(np.float32),
        best_TC=_best_by_topic(ranked, world, dials.num_of_topic[surface]),
        best_C=ranked[: dials.num_of_all[surface]].astype(np.int32),
        mixed=mixed,
        place_N=place_N,
        start_U=rng.integers(max(len(mixed), 1), size=len(world.users), dtype=np.int32),
        noise_Z=rng.standard_normal(_NUM_NOISE, np.float32),
        noise_start_U=rng.integers(_NUM_NOISE, size=len(world.users), dtype=np.int32),
        done=state.done(world),
    )


def _best_by_topic(ranked: np.ndarray, world: World, num: int) -> np.ndarray:
    topic = world.items.topic_N[ranked]
    order = np.argsort(topic, kind="stable")
    first_T = np.searchsorted(topic[order], np.arange(len(world.topics) + 1))
    place = first_T[:-1, None] + np.arange(num)
    is_there = place < first_T[1:, None]
    safe = np.minimum(place, max(len(ranked) - 1, 0))
    return np.where(is_there, ranked[order][safe], NONE).astype(np.int32)
