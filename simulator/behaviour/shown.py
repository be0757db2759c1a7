"""What a day's requests show: pages of the slates, by the old policy or from the publication.

Shapes: U users, R steps, I impressions (by step, in the order shown), Q steps of one kind and
policy, K places.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from etl.arrow import distinct
from simulator.behaviour.visits import SEARCH, Steps, page_sizes
from simulator.day import NONE
from simulator.seeds import generator
from simulator.serving import live, policy
from simulator.serving.slates import Slates
from simulator.state import State
from simulator.world.items import SLOT
from simulator.world.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """I impressions of a day, before anybody looked at them."""

    step_I: np.ndarray
    """int64, ascending."""
    position_I: np.ndarray
    """int32: place in the slate."""
    item_I: np.ndarray
    """int32."""
    room_I: np.ndarray
    """int32; ``NONE`` for anything but live slots."""
    propensity_I: np.ndarray
    """float64."""
    is_published_I: np.ndarray
    """bool."""

    @classmethod
    def joined(cls, parts: list["Shown"]) -> "Shown":
        """Put parts together, by step."""
        order = np.argsort(np.concatenate([part.step_I for part in parts]), kind="stable")
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])[order]
                for name in cls.__slots__
            }
        )

    def where(self, is_kept_I: np.ndarray) -> "Shown":
        """Keep some of the impressions."""
        return Shown(**{name: getattr(self, name)[is_kept_I] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Published:
    """The current publication, and who is served from it."""

    slates: Mapping[int, Slates]
    """By surface, as places in ``etl.surfaces.ALL``; a surface may be missing."""
    share: float
    """Of the users; who is served at a share is served at every greater one."""

    def serves(self, world: World, surface: int, users: np.ndarray) -> np.ndarray:
        """Tell which users get a surface's slate from it: bool."""
        if surface not in self.slates:
            return np.zeros(len(users), bool)
        lot_U = generator(world.config.seed, "served").random(len(world.users))
        return (lot_U[users] < self.share) & self.slates[surface].has(users)


def show(world: World, state: State, steps: Steps, published: Published) -> Shown:
    """Answer every request of a day.

    Args:
        world: The shop.
        state: At the end of the day before.
        steps: What is asked for.
        published: The current publication.
    """
    user_R, parts = steps.user_R(), []
    for surface in range(SEARCH):
        asked = np.flatnonzero(steps.kind_R == surface)
        is_new = published.serves(world, surface, user_R[asked])
        of_surface = _live if surface == SLOT else _pages
        for chosen, slates in (
            (asked[~is_new], None),
            (asked[is_new], published.slates.get(surface)),
        ):
            if len(chosen):
                parts.append(of_surface(world, state, (steps, chosen, surface), slates))
    return Shown.joined(parts) if parts else _nothing()


def _pages(
    world: World, state: State, asked: tuple[Steps, np.ndarray, int], slates: Slates | None
) -> Shown:
    """Cut pages out of slates; those beyond the end show nothing."""
    steps, step_Q, surface = asked
    user_Q = steps.user_S[steps.session_R[step_Q]]
    size_Q = page_sizes(world, user_Q, steps.kind_R[step_Q])
    first_Q = steps.page_R[step_Q] * size_Q
    if slates is None:
        users = distinct(user_Q)
        depth_U = np.zeros(len(world.users), np.int64)
        np.maximum.at(depth_U, user_Q, first_Q + size_Q)
        filled = policy.fill(world, state, surface, users, depth_U[users])
    else:
        filled = slates
    num_Q = np.clip(filled.item_SK.shape[1] - first_Q, 0, size_Q)
    query = np.repeat(np.arange(len(step_Q)), num_Q)
    place = np.arange(len(query)) + np.repeat(first_Q - np.cumsum(num_Q) + num_Q, num_Q)
    row = filled.row_U[user_Q][query]
    item = filled.item_SK[row, place]
    shown = Shown(
        step_I=step_Q[query],
        position_I=place.astype(np.int32),
        item_I=item,
        room_I=np.full(len(item), NONE, np.int32),
        propensity_I=filled.propensity_SK[row, place],
        is_published_I=np.full(len(item), slates is not None),
    )
    return shown.where(item != NONE)


def _live(
    world: World, state: State, asked: tuple[Steps, np.ndarray, int], slates: Slates | None
) -> Shown:
    """Show the rooms that are live when the session begins, which is when live is asked for."""
    steps, step_Q, _ = asked
    session_Q, day = steps.session_R[step_Q], state.day + 1
    user_Q = steps.user_S[session_Q]
    at_us_Q = world.midnight_us(day) + steps.start_ms_S[session_Q] * 1000
    if slates is None:
        room_QK, propensity_QK = live.old_live(world, state, user_Q, at_us_Q)
    else:
        room_QK, propensity_QK = live.published_live(world, day, slates, (user_Q, at_us_Q))
    query, place = np.nonzero(room_QK != NONE)
    room = room_QK[query, place]
    return Shown(
        step_I=step_Q[query],
        position_I=place.astype(np.int32),
        item_I=world.rooms.item_M[room],
        room_I=room,
        propensity_I=propensity_QK[query, place],
        is_published_I=np.full(len(room), slates is not None),
    )


def _nothing() -> Shown:
    ints, bools = np.zeros(0, np.int32), np.zeros(0, bool)
    return Shown(
        step_I=ints.astype(np.int64),
        position_I=ints,
        item_I=ints,
        room_I=ints,
        propensity_I=ints.astype(float),
        is_published_I=bools,
    )
