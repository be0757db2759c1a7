"""What users do with what is shown: look, click, stay, hide.

When they do is ``simulator.behaviour.timeline``.

Shapes: I impressions, R steps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.behaviour.attraction import attraction, watch_share
from simulator.behaviour.examination import examination
from simulator.behaviour.shown import Shown
from simulator.behaviour.visits import SEARCH, Steps
from simulator.seeds import generator
from simulator.state import State
from simulator.world.items import VIDEO
from simulator.world.world import World

_BLOCK: Final = 1 << 17
"""Impressions at a time, so that they stay in the processor's cache."""
_LIVE_MEDIAN_S: Final = 60.0
_LONGEST_S: Final = 600.0
_LOADING_MS: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """What became of I impressions."""

    is_examined_I: np.ndarray
    """bool."""
    attraction_I: np.ndarray
    """float32: p(click | examined)."""
    is_clicked_I: np.ndarray
    """bool: only if examined."""
    is_hidden_I: np.ndarray
    """bool: only if examined and not clicked."""


def look(world: World, state: State, steps: Steps, shown: Shown) -> Looks:
    """Let users look at what is shown, each place by itself.

    Args:
        world: The shop.
        state: In the morning of the day.
        steps: The day's steps.
        shown: What they show.
    """
    rng = generator(world.config.seed, "looks", state.day + 1)
    parts = [
        _look(world, state, steps, (shown, slice(start, start + _BLOCK), rng))
        for start in range(0, len(shown.step_I), _BLOCK)
    ]
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)] if parts else [_NOTHING] * 4
    names = ("is_examined_I", "attraction_I", "is_clicked_I", "is_hidden_I")
    return Looks(**dict(zip(names, columns, strict=True)))


_NOTHING: Final = np.zeros(0, bool)


def _look(
    world: World,
    state: State,
    steps: Steps,
    block: tuple[Shown, slice, np.random.Generator],
) -> tuple[np.ndarray, ...]:
    shown, part, rng = block
    dials = world.dials.visit
    step, item = shown.step_I[part], shown.item_I[part]
    user = steps.user_S[steps.session_R[step]]
    attraction_I = attraction(world, state, user, item, state.day + 1)
    is_bot = world.users.is_bot_U[user]
    attraction_I[is_bot] = dials.bot_click
    num_places = int(shown.position_I[part].max()) + 1
    curves = np.concatenate([examination(surface, num_places) for surface in range(SEARCH)])
    place = steps.kind_R[step].astype(np.int64) * num_places + shown.position_I[part]
    is_examined = rng.random(len(item), np.float32) < curves.astype(np.float32)[place]
    draw = rng.random(len(item), np.float32)
    is_clicked = is_examined & (draw < attraction_I)
    p_hide = np.where(is_bot, 0, dials.hide * (1 - attraction_I) ** 4)
    is_hidden = is_examined & (draw > 1 - p_hide) & ~is_clicked
    return is_examined, attraction_I, is_clicked, is_hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Stays:
    """A acts: clicked or hidden impressions, in their order."""

    act_A: np.ndarray
    """int64: which impression."""
    dwell_ms_A: np.ndarray
    """int64: how long the user stays with it, doing nothing else; 0 of hides."""
    watch_ms_A: np.ndarray
    """int64: how long he watches, of clicked videos; 0 elsewhere."""


def stay(world: World, state: State, steps: Steps, seen: tuple[Shown, Looks]) -> Stays:
    """Draw how long users stay with what they clicked; with videos it is while they watch.

    Args:
        world: The shop.
        state: In the morning of the day.
        steps: The day's steps.
        seen: What they show, and what became of it.
    """
    shown, looks = seen
    rng = generator(world.config.seed, "stays", state.day + 1)
    act_A = np.flatnonzero(looks.is_clicked_I | looks.is_hidden_I)
    step, item = shown.step_I[act_A], shown.item_I[act_A]
    watch_ms = _watched_ms(world, state, (steps.user_R()[step], item), rng)
    median_s = np.array([world.dials.visit.dwell_seconds, _LIVE_MEDIAN_S, 0.0])[steps.kind_R[step]]
    stay_s = np.minimum(median_s * np.exp(0.8 * rng.standard_normal(len(item))), _LONGEST_S)
    dwell_ms = _LOADING_MS + (1000 * stay_s).astype(np.int64) + watch_ms
    is_clicked = looks.is_clicked_I[act_A]
    return Stays(
        act_A=act_A,
        dwell_ms_A=np.where(is_clicked, dwell_ms, 0),
        watch_ms_A=np.where(is_clicked, watch_ms, 0),
    )


def _watched_ms(
    world: World,
    state: State,
    clicked: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw how long clicked videos are watched: int64; 0 for anything else."""
    users, items = clicked
    mean = watch_share(world, state, users, items).astype(np.float64)
    strength = world.dials.taste.watch_concentration
    share = rng.beta(mean * strength, (1 - mean) * strength)
    is_video = world.items.type_N[items] == VIDEO
    return np.where(is_video, share * world.items.duration_ms_N[items], 0).astype(np.int64)
