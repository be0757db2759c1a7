"""What clicks of a simulated shop are made of, and what who knows its laws makes of its logs.

Belongs here: what only the shop knows. The observer is told how strong interests are in general,
how intents come, go and follow one another, how good every item is and how far down people look; of
a user he knows what the log holds, his looks and clicks on all surfaces. So he says how much of a
user's interests a ranker could know at best.

Shapes: U users, T topics, N impressions of a day, S states of a user's topic.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.simulated_counts import Impressions
from etl import surfaces
from simulator.behaviour.attraction import item_logits, logit_parts
from simulator.behaviour.examination import examination
from simulator.state import State
from simulator.world.world import World
from training.calibrators.calibrator import chance

PARTS: Final = (
    "item",
    "interests",
    "intents",
    "succession",
    "style",
    "price",
    "origin",
    "renown",
)
"""Parts of the logit of attraction: of the item alone; of a user's long-term and latent interests;
of his intents; of where he clicked last; of his taste; of price and sale; of his country, platform
and language by department; by maker."""
_STRENGTHS: Final = np.array([0.0, 0.7, 1.2, 1.7, 2.2, 2.9])
"""Logits of an interest that the observer tells apart."""
_SMALL: Final = 1e-6
_USUAL_INTENTS: Final = 0.98
"""Intents that a user has on average at first."""
_HALF_LIFE_DAYS: Final = 2.0
"""Of clicks that tell of an intent."""


def parts_of(
    world: World, before: State, after: State, day: int, pairs: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """Take the logit of attraction apart: float64, N, for each of ``PARTS``.

    Args:
        world: The shop.
        before: At the end of the day before: tastes are as of it.
        after: At the end of the day: intents and prices are.
        day: The shop's day.
        pairs: N users and N items, products.
    """
    user_N, item_N = pairs
    state = replace(after, taste_UD=before.taste_UD, last_U=before.last_U)
    parts = dict(logit_parts(world, state, user_N, item_N, day))
    is_meant_N = (after.intent_UM[user_N] == world.items.topic_N[item_N][:, None]).any(axis=1)
    of_intent_N = is_meant_N * world.dials.taste.intent_strength
    found = {
        "item": parts["item"],
        "interests": parts["affinity"] - of_intent_N,
        "intents": of_intent_N,
        "style": parts["style"],
        "price": parts["price"],
        "origin": parts["cross"] + parts["language"],
        "succession": parts["succession"],
        "renown": parts["renown"],
    }
    return {name: values.astype(np.float64) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Looks:
    """N impressions of one day on all surfaces, as the observer reads them."""

    user_N: np.ndarray
    topic_N: np.ndarray
    weight_N: np.ndarray
    """float64: of a user's feelings in the logit, by surface."""
    usual_N: np.ndarray
    """float64: the item's own logit."""
    look_N: np.ndarray
    """float64: chance that its place is looked at."""
    is_clicked_N: np.ndarray

    @classmethod
    def of(cls, world: World, number: int, seen: Impressions) -> "Looks":
        """Read them off the impressions of the shop's day of that number."""
        deepest = int(seen.place_I.max(initial=0)) + 1
        curve_SP = np.stack([examination(surface, deepest) for surface in range(len(surfaces.ALL))])
        return cls(
            seen.user_I,
            world.items.topic_N[seen.item_I].astype(np.int64),
            np.array(world.dials.taste.affinity_weight)[seen.surface_I],
            item_logits(world, number)[seen.item_I].astype(np.float64),
            curve_SP[seen.surface_I, seen.place_I],
            seen.is_clicked_I,
        )


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What logs count of users and topics on all surfaces by an evening: float64, U × T."""

    looks_UT: np.ndarray
    clicks_UT: np.ndarray
    recent_UT: np.ndarray
    """Clicks, halved every two days."""

    @classmethod
    def empty(cls, world: World) -> "Everywhere":
        """Before the first day."""
        nothing_UT = np.zeros((len(world.users), len(world.topics)))
        return cls(nothing_UT, nothing_UT, nothing_UT)

    def after(self, looks: Looks) -> "Everywhere":
        """Add a day."""
        shape = self.looks_UT.shape
        cell_N = looks.user_N * shape[1] + looks.topic_N
        looked_UT, clicked_UT = (
            np.bincount(cell_N, value_N, self.looks_UT.size).reshape(shape)
            for value_N in (looks.look_N, looks.is_clicked_N)
        )
        decay = 0.5 ** (1 / _HALF_LIFE_DAYS)
        return Everywhere(
            self.looks_UT + looked_UT,
            self.clicks_UT + clicked_UT,
            self.recent_UT * decay + clicked_UT,
        )

    def said(self, user_N: np.ndarray, topic_N: np.ndarray) -> dict[str, np.ndarray]:
        """Say what is counted of N users and topics: float64, N, by name."""
        return {
            "looks_everywhere": self.looks_UT[user_N, topic_N],
            "clicks_everywhere": self.clicks_UT[user_N, topic_N],
            "recent_clicks_everywhere": self.recent_UT[user_N, topic_N],
        }


@dataclass(frozen=True, slots=True)
class Observer:
    """What he thinks of every user's topics: chances of states, each topic by itself."""

    chance_UTS: np.ndarray
    """float64: of strength and intent, all strengths without one first."""

    @classmethod
    def first(cls, world: World) -> "Observer":
        """What he thinks before the first day: as of users at large, topic by topic."""
        of_strength_TL = _usual_strengths(world)
        has_T = np.clip(_USUAL_INTENTS * world.topics.weight_T, 0, 0.5)
        both_TS = np.concatenate(
            [of_strength_TL * (1 - has_T)[:, None], of_strength_TL * has_T[:, None]], axis=1
        )
        return cls(np.broadcast_to(both_TS, (len(world.users), *both_TS.shape)))

    def expecting(self, world: World) -> "Observer":
        """What he thinks in the morning, when intents have ended, followed and begun."""
        change, num = world.dials.change, len(_STRENGTHS)
        without, having = self.chance_UTS[..., :num], self.chance_UTS[..., num:]
        begins_UT1 = self._begins(world)[..., None]
        having_next = having * (1 - change.intent_end) + without * begins_UT1
        without_next = having * change.intent_end + without * (1 - begins_UT1)
        return Observer(np.concatenate([without_next, having_next], axis=-1))

    def after(self, world: World, looks: Looks) -> "Observer":
        """What he thinks when he has seen a day's looks and clicks."""
        shape, feelings_S = self.chance_UTS.shape, _feelings(world)
        cell_N = looks.user_N * shape[1] + looks.topic_N
        told = np.empty((shape[0] * shape[1], shape[2]))
        for state, feeling in enumerate(feelings_S):
            p_N = looks.look_N * chance(looks.usual_N + looks.weight_N * feeling)
            p_N = np.clip(p_N, _SMALL, 1 - _SMALL)
            log_N = np.where(looks.is_clicked_N, np.log(p_N), np.log1p(-p_N))
            told[:, state] = np.bincount(cell_N, log_N, len(told))
        told = np.exp(told - told.max(axis=1, keepdims=True)).reshape(shape)
        chance_UTS = self.chance_UTS * told
        return Observer(chance_UTS / chance_UTS.sum(axis=-1, keepdims=True))

    def said(self, world: World, user_N: np.ndarray, topic_N: np.ndarray) -> dict[str, np.ndarray]:
        """Say what he thinks of N users and topics, and of no item: float64, N, by name."""
        chance_NS = self.chance_UTS[user_N, topic_N]
        num, attraction_S = len(_STRENGTHS), chance(world.dials.taste.base[0] + _feelings(world))
        return {
            "observed_attraction": chance_NS @ attraction_S,
            "observed_interest": (chance_NS[:, :num] + chance_NS[:, num:]) @ _STRENGTHS,
            "observed_intent": chance_NS[:, num:].sum(axis=1),
        }

    def _begins(self, world: World) -> np.ndarray:
        """Chance that an intent for each topic begins this morning: float64, U × T."""
        change, num = world.dials.change, len(_STRENGTHS)
        has_UT = self.chance_UTS[..., num:].sum(axis=-1)
        followed_UT = np.zeros_like(has_UT)
        share = change.intent_end * change.intent_followed / world.topics.follower_TF.shape[1]
        for follower_T in world.topics.follower_TF.T.astype(np.int64):
            np.add.at(followed_UT.T, follower_T, share * has_UT.T)
        loves_UT = self.chance_UTS[..., 1:num].sum(axis=-1)
        own_UT = loves_UT / loves_UT.sum(axis=1, keepdims=True)
        mixed_UT = change.intent_of_interest * own_UT
        mixed_UT = mixed_UT + (1 - change.intent_of_interest) * world.topics.weight_T
        free_U = np.clip(change.num_intents - has_UT.sum(axis=1), 0, change.num_intents)
        begun_UT = free_U[:, None] * change.intent_start * mixed_UT
        return np.clip(followed_UT + begun_UT, 0, 0.9)


def _usual_strengths(world: World) -> np.ndarray:
    """Shares of users who feel so much for each topic, of all of them: float64, T × strengths."""
    strength_UT = world.users.affinity(len(world.topics))
    nearest_UT = np.abs(strength_UT[..., None] - _STRENGTHS).argmin(axis=-1)
    share_TL = np.stack([(nearest_UT == n).mean(axis=0) for n in range(len(_STRENGTHS))], axis=1)
    share_TL += _SMALL
    return np.array(share_TL / share_TL.sum(axis=1, keepdims=True))


def _feelings(world: World) -> np.ndarray:
    """Logits that each state adds: float64, S."""
    return np.concatenate([_STRENGTHS, _STRENGTHS + world.dials.taste.intent_strength])
