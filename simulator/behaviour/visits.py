"""Who comes when, and what he asks for: sessions, and within them steps one after another.

A step is a request for a page of a slate, or a search. How long it takes, and so when the next one
begins, is up to what the user does in it (``simulator.behaviour.timeline``).

Shapes: U users, S sessions (by user and start), R steps (by session, in order), H hours.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import places_in_runs, run_starts
from simulator.dials import VisitDials
from simulator.seeds import generator
from simulator.world.items import PRODUCT, SLOT, VIDEO
from simulator.world.users import HOURS
from simulator.world.words import PLATFORMS
from simulator.world.world import World

SEARCH: Final = 3
"""A step's kind, beside the surfaces."""
FIRST_MS: Final = 60_000
"""No session begins earlier in the day: the morning's changes of the catalogue come first."""
LAST_MS: Final = 86_390_000
"""No session goes on after that: the evening's changes of the catalogue come last."""
_HOUR_MS: Final = 3_600_000
_SESSIONS_A_DAY: Final = 10**8
_APART_MS: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """One day's steps as they were meant; some are cut off when a session has to end."""

    user_S: np.ndarray
    """int64, ascending."""
    start_ms_S: np.ndarray
    """int64: milliseconds of the day."""
    end_ms_S: np.ndarray
    """int64: nothing of the session may happen later."""
    id_S: np.ndarray
    """int64: the session, unique over all days."""
    session_R: np.ndarray
    """int64, ascending: place among the sessions."""
    kind_R: np.ndarray
    """int8: place in ``etl.surfaces.ALL``, or ``SEARCH``."""
    page_R: np.ndarray
    """int64: 0 for the slate's first page."""

    def user_R(self) -> np.ndarray:
        """Who takes each step: int64."""
        return self.user_S[self.session_R]


def plan(world: World, day: int) -> Steps:
    """Draw a day's sessions and what they ask for."""
    rng = generator(world.config.seed, "visits", day)
    user_S = _comers(world, day, rng)
    start_ms = _starts(world, user_S, rng)
    order = np.lexsort((start_ms, user_S))
    user_S, start_ms = user_S[order], start_ms[order]
    kind_R, session_R, page_R = _steps(world, user_S, rng)
    return Steps(
        user_S=user_S,
        start_ms_S=start_ms,
        end_ms_S=_ends(user_S, start_ms),
        id_S=day * _SESSIONS_A_DAY + np.arange(len(user_S)),
        session_R=session_R,
        kind_R=kind_R,
        page_R=page_R,
    )


def is_sale(world: World, day: int) -> bool:
    """Tell whether the shop's day is a sale day."""
    return (day + 1) % world.dials.change.sale_every_days == 0


def _comers(world: World, day: int, rng: np.random.Generator) -> np.ndarray:
    """Say whose each session is: int64, ascending."""
    users, dials = world.users, world.dials
    factor = dials.visit.weekday_activity[world.weekday(day)]
    factor *= dials.change.sale_activity if is_sale(world, day) else 1.0
    num_U = rng.poisson(users.activity_U * factor)
    runs_U = rng.random(len(users)) < dials.visit.bot_days
    num_U = np.where(users.is_bot_U, runs_U * dials.visit.bot_sessions, num_U)
    num_U[users.joined_U > day] = 0
    return np.repeat(np.arange(len(users)), num_U)


def _starts(world: World, user_S: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw when sessions begin, by their users' rhythms; bots come all day: int64, ms."""
    users = world.users
    upto_GH = np.cumsum(users.hours_GH, axis=1)
    hour = (rng.random(len(user_S))[:, None] > upto_GH[users.rhythm_U[user_S]]).sum(axis=1)
    hour = np.where(users.is_bot_U[user_S], rng.integers(HOURS, size=len(user_S)), hour)
    start = np.minimum(hour, HOURS - 1) * _HOUR_MS + rng.integers(_HOUR_MS, size=len(user_S))
    return np.clip(start, FIRST_MS, LAST_MS - 1)


def _ends(user_S: np.ndarray, start_ms: np.ndarray) -> np.ndarray:
    """A session ends before its user's next one begins, and before the day does."""
    next_ms = np.r_[start_ms[1:], LAST_MS]
    is_last = np.r_[user_S[1:] != user_S[:-1], np.ones(min(len(user_S), 1), bool)]
    return np.where(is_last, LAST_MS, next_ms - _APART_MS)


def _steps(
    world: World, user_S: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw kind, session and page of every step, by session and in order.

    Live comes first, since its rooms are chosen by when the session begins; the rest comes in any
    order, the pages of one surface together.
    """
    dials = world.dials.visit
    pages_KS = np.stack(
        [
            *(_pages(dials, surface, len(user_S), rng) for surface in (PRODUCT, SLOT, VIDEO)),
            (rng.random(len(user_S)) < dials.search).astype(np.int64),
        ]
    )
    is_bot_S = world.users.is_bot_U[user_S]
    pages_KS[:, is_bot_S] = np.array([dials.bot_pages, 0, 0, 0])[:, None]
    when_KS = rng.random(pages_KS.shape)
    when_KS[SLOT] = -1
    kind, session = np.nonzero(pages_KS)
    order = np.lexsort((when_KS[kind, session], session))
    kind, session = kind[order], session[order]
    num = pages_KS[kind, session]
    kind_R, session_R = np.repeat(kind, num), np.repeat(session, num)
    page_R = places_in_runs(run_starts(session_R, kind_R)) if len(kind_R) else session_R
    return kind_R.astype(np.int8), session_R, page_R


def _pages(dials: VisitDials, surface: int, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draw how many pages sessions ask for: int64, 0 where the surface is not visited."""
    further = dials.further_page[surface]
    num_pages = rng.geometric(1 - further, num) if further else np.ones(num, np.int64)
    return np.where(rng.random(num) < dials.visits[surface], num_pages, 0)


def page_sizes(world: World, users: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Say how many items a page of users shows: int64; the web shows more products."""
    size = np.array([*world.dials.visit.page_size, 0])[kind]
    is_wide = (world.users.platform_U[users] == PLATFORMS.index("web")) & (kind == PRODUCT)
    return np.where(is_wide, size * 3 // 2, size)
