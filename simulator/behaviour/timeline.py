"""When everything happens: each step after the one before, each act within its step.

So causes are clean: a click comes after its own request and before the next request of its user,
and what follows the click comes before that too, but for orders and cancels.

Shapes: S sessions, R steps, I impressions, A acts (clicked or hidden
impressions, by step), N requests that took place.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.behaviour.looking import Stays
from simulator.behaviour.shown import Shown
from simulator.behaviour.visits import SEARCH, Steps
from simulator.day import NONE
from simulator.seeds import generator
from simulator.world.world import World

GAP_MS: Final = 2_000
"""Between the last thing done in a step and the next step: apps of version 1 count in seconds."""
_SEARCH_MS: Final = 20_000
"""How long a search takes, with what is looked at after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """When steps and acts are, and which steps take place at all."""

    start_ms_R: np.ndarray
    """int64: milliseconds of the day."""
    is_kept_R: np.ndarray
    """bool: it shows something, or searches, and its session has time left."""
    number_R: np.ndarray
    """int64: the request's number on its day, by time; ``NONE`` of searches and of what is cut."""
    step_N: np.ndarray
    """int64: the step of each request."""
    at_ms_A: np.ndarray
    """int64: when each act would be, milliseconds of the day; acts of steps not kept never are."""


def arrange(world: World, day: int, steps: Steps, acted: tuple[Shown, Stays]) -> Timeline:
    """Set the day's times.

    Args:
        world: The shop.
        day: The shop's day.
        steps: What was meant to happen.
        acted: What the steps show, and what users do with it.
    """
    shown, stays = acted
    num_R = np.bincount(shown.step_I, minlength=len(steps.session_R))
    read_R = _read_ms(world, day, steps, num_R)
    is_there_R = (num_R > 0) | (steps.kind_R == SEARCH)
    step_A = shown.step_I[stays.act_A]
    dwell_R = np.bincount(step_A, stays.dwell_ms_A, len(num_R)).astype(np.int64)
    length_R = np.where(is_there_R, read_R + dwell_R + GAP_MS, 0)
    start_R = steps.start_ms_S[steps.session_R] + _before(length_R, steps.session_R)
    is_kept_R = is_there_R & (start_R + length_R <= steps.end_ms_S[steps.session_R])
    step_N = np.flatnonzero(is_kept_R & (steps.kind_R != SEARCH))
    step_N = step_N[np.argsort(start_R[step_N], kind="stable")]
    number_R = np.full(len(num_R), NONE, np.int64)
    number_R[step_N] = np.arange(len(step_N))
    return Timeline(
        start_ms_R=start_R,
        is_kept_R=is_kept_R,
        number_R=number_R,
        step_N=step_N,
        at_ms_A=start_R[step_A] + _offsets(step_A, stays, (num_R, read_R)),
    )


def _read_ms(world: World, day: int, steps: Steps, num_R: np.ndarray) -> np.ndarray:
    """Draw how long users look at what a step shows, without staying anywhere: int64."""
    rng = generator(world.config.seed, "reading", day)
    pace = np.exp(0.4 * rng.standard_normal(len(num_R)))
    read = (1 + num_R) * pace * world.dials.visit.read_seconds * 1000
    return np.where(steps.kind_R == SEARCH, _SEARCH_MS, read).astype(np.int64)


def _before(length_R: np.ndarray, group_R: np.ndarray) -> np.ndarray:
    """Sum what lies before each element in its group; groups lie one behind another: int64."""
    upto_R = np.cumsum(length_R) - length_R
    if len(upto_R) == 0:
        return upto_R
    first_R = np.searchsorted(group_R, group_R, "left")
    return upto_R - upto_R[first_R]


def _offsets(
    step_A: np.ndarray, stays: Stays, reading: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """How long after its request an act is: the reading up to it, and earlier stays: int64, ms."""
    num_R, read_R = reading
    first_R = np.cumsum(num_R) - num_R
    place_A = stays.act_A - first_R[step_A]
    read_A = read_R[step_A] * (place_A + 1) // (num_R[step_A] + 1)
    return np.maximum(read_A, 1) + _before(stays.dwell_ms_A, step_A)
