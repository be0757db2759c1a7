"""The users: what they love, know, can pay, and when they come.

Shapes: U users, T topics, L long-term interests, A latent interests, M intents, D style
dimensions, P departments, H hours.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.dials import Dials
from simulator.seeds import generator
from simulator.world.topics import Topics
from simulator.world.words import (
    COUNTRIES,
    COUNTRY_SHARES,
    LANGUAGES,
    NATIVE,
    PLATFORM_SHARES,
    PLATFORMS,
    UTC_OFFSET_HOURS,
)

HOURS: Final = 24
_NUM_LATENT: Final = 2
_LEAST_INTERESTS: Final = 2
_BLOCK: Final = 8192
_NATIVE_SHARE: Final = 0.85
"""Users who read their country's own language; the others read any."""
_JOINING_DAYS: Final = 60
_PEAK_HOURS: Final = (7.5, 12.5, 18.0, 20.5, 22.5)
"""When people come, by their own clocks: each user has one of these peaks."""
_PEAK_SHARES: Final = (0.12, 0.13, 0.2, 0.35, 0.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Users:
    """U users as they were made; what changes is in ``simulator.state``."""

    country_U: np.ndarray
    """int8: place in ``words.COUNTRIES``."""
    platform_U: np.ndarray
    """int8: place in ``words.PLATFORMS``."""
    language_U: np.ndarray
    """int8: place in ``words.LANGUAGES``."""
    is_bot_U: np.ndarray
    """bool."""
    joined_U: np.ndarray
    """int32: the shop's day on which he comes for the first time; 0 or later."""
    activity_U: np.ndarray
    """float32: his sessions a day, on average."""
    hours_GH: np.ndarray
    """float64, G × 24: share of sessions in each UTC hour, for G kinds of days."""
    rhythm_U: np.ndarray
    """int16: which of the G is his."""
    sensitivity_U: np.ndarray
    """float32: to prices, 1 on average."""
    price_U: np.ndarray
    """float32: the price he looks for, in spreads of the topic above its mean."""
    taste_UD: np.ndarray
    """float32: his taste at the start, of length 1."""
    interest_UL: np.ndarray
    """int16: long-term interests, the strongest first; ``NONE`` behind the last."""
    strength_UL: np.ndarray
    """float32: their strengths in logits; 0 where there is none."""
    latent_UA: np.ndarray
    """int16: latent interests; ``NONE`` where there is none."""
    latent_strength_UA: np.ndarray
    """float32: their strengths in logits; 0 where there is none."""
    known_UL: np.ndarray
    """int16: topics that the old policy takes for his interests; ``NONE`` where none."""
    known_strength_UL: np.ndarray
    """float32: their strengths as the old policy takes them."""

    def __len__(self) -> int:
        return len(self.country_U)

    def affinity(self, num_topics: int) -> np.ndarray:
        """Lay long-term and latent interests out: float32, U × T, in logits."""
        table_UT = np.zeros((len(self), num_topics), np.float32)
        add_at(table_UT, self.interest_UL, self.strength_UL)
        add_at(table_UT, self.latent_UA, self.latent_strength_UA)
        return table_UT


def add_at(table_UT: np.ndarray, topic_UX: np.ndarray, strength_UX: np.ndarray | float) -> None:
    """Add strengths to a table, where there is a topic; no user has one topic twice."""
    strength_UX = np.broadcast_to(np.asarray(strength_UX, np.float32), topic_UX.shape)
    user, place = np.nonzero(topic_UX != NONE)
    np.add.at(table_UT, (user, topic_UX[user, place]), strength_UX[user, place])


def make_users(config: ShopConfig, topics: Topics) -> Users:
    """Draw the users of a shop."""
    return Users(
        **_places(config), **_habits(config), **_tastes(config), **_interests(config, topics)
    )


def directions(num: int, num_dims: int, rng: np.random.Generator) -> np.ndarray:
    """Draw directions, none more likely than another: float32, num × D, of length 1."""
    row = rng.normal(size=(num, num_dims))
    return (row / np.linalg.norm(row, axis=1, keepdims=True)).astype(np.float32)


def _places(config: ShopConfig) -> dict[str, np.ndarray]:
    rng, num = generator(config.seed, "places"), config.users
    country = rng.choice(len(COUNTRIES), num, p=COUNTRY_SHARES)
    is_native = rng.random(num) < _NATIVE_SHARE
    language = np.where(
        is_native, np.array(NATIVE)[country], rng.integers(len(LANGUAGES), size=num)
    )
    platform = rng.choice(len(PLATFORMS), num, p=PLATFORM_SHARES)
    return {
        "country_U": country.astype(np.int8),
        "language_U": language.astype(np.int8),
        "platform_U": platform.astype(np.int8),
        "rhythm_U": _rhythm(country, rng.choice(len(_PEAK_HOURS), num, p=_PEAK_SHARES)),
        "hours_GH": _hours(),
    }


def _rhythm(country_U: np.ndarray, peak_U: np.ndarray) -> np.ndarray:
    return (country_U * len(_PEAK_HOURS) + peak_U).astype(np.int16)


def _hours() -> np.ndarray:
    """Share of sessions by UTC hour for each country and peak: float64, G × 24."""
    peak = np.array(_PEAK_HOURS)[None, :] - np.array(UTC_OFFSET_HOURS)[:, None]
    distance = np.abs(np.arange(HOURS) + 0.5 - peak.reshape(-1, 1)) % HOURS
    distance = np.minimum(distance, HOURS - distance)
    share_GH = np.exp(-((distance / 1.4) ** 2) / 2) + 0.03
    return share_GH / share_GH.sum(axis=1, keepdims=True)


def _habits(config: ShopConfig) -> dict[str, np.ndarray]:
    rng, num, dials = generator(config.seed, "habits"), config.users, config.dials
    spread = dials.visit.activity_spread
    activity = dials.visit.sessions_per_day * np.exp(spread * rng.normal(size=num) - spread**2 / 2)
    is_joining = rng.random(num) < dials.world.joining_share
    joined = np.where(is_joining, rng.integers(1, _JOINING_DAYS + 1, num), 0)
    num_bots = max(1, round(dials.world.bot_share * num))
    is_bot = np.zeros(num, bool)
    is_bot[rng.choice(num, num_bots, replace=False)] = True
    return {
        "activity_U": activity.astype(np.float32),
        "joined_U": np.where(is_bot, 0, joined).astype(np.int32),
        "is_bot_U": is_bot,
    }


def _tastes(config: ShopConfig) -> dict[str, np.ndarray]:
    rng, num = generator(config.seed, "tastes"), config.users
    return {
        "taste_UD": directions(num, config.dials.world.style_dims, rng),
        "sensitivity_U": np.exp(0.4 * rng.normal(size=num) - 0.08).astype(np.float32),
        "price_U": (0.7 * rng.normal(size=num)).astype(np.float32),
    }


def _interests(config: ShopConfig, topics: Topics) -> dict[str, np.ndarray]:
    rng, dials = generator(config.seed, "interests"), config.dials
    drawn_UX = _drawn_topics(config.users, topics, dials, rng)
    num_long = min(dials.world.num_interests, drawn_UX.shape[1])
    long_UL = drawn_UX[:, :num_long].copy()
    least = min(_LEAST_INTERESTS, num_long)
    num_own_U = rng.integers(least, num_long + 1, config.users)
    long_UL[np.arange(num_long) >= num_own_U[:, None]] = NONE
    strength_UL = _strengths(long_UL, dials, rng)
    latent_UA = _latent(long_UL, drawn_UX[:, num_long:], topics, (dials, rng))
    strength_UA = dials.world.latent_strength * rng.uniform(0.7, 1.3, latent_UA.shape)
    known_UL, known_strength_UL = _as_known(long_UL, strength_UL, dials, rng)
    return {
        "interest_UL": long_UL,
        "strength_UL": strength_UL,
        "latent_UA": latent_UA,
        "latent_strength_UA": np.where(latent_UA != NONE, strength_UA, 0).astype(np.float32),
        "known_UL": known_UL,
        "known_strength_UL": known_strength_UL,
    }


def _drawn_topics(
    num_users: int, topics: Topics, dials: Dials, rng: np.random.Generator
) -> np.ndarray:
    """Draw distinct topics for each user, more from two departments that he likes: int16, U × X."""
    num_drawn = min(dials.world.num_interests + _NUM_LATENT, len(topics))
    num_departments = int(topics.department_T.max()) + 1
    drawn_UX = np.empty((num_users, num_drawn), np.int16)
    for start in range(0, num_users, _BLOCK):
        size = min(_BLOCK, num_users - start)
        liked = rng.integers(num_departments, size=(size, 2, 1)) == topics.department_T
        score = np.log(topics.weight_T) + 1.5 * liked.any(axis=1)
        score = score + rng.gumbel(size=score.shape)
        drawn_UX[start : start + size] = np.argsort(-score, axis=1)[:, :num_drawn]
    return drawn_UX


def _strengths(long_UL: np.ndarray, dials: Dials, rng: np.random.Generator) -> np.ndarray:
    world = dials.world
    falling_L = world.interest_first * world.interest_decay ** np.arange(long_UL.shape[1])
    strength_UL = falling_L * rng.uniform(0.75, 1.25, long_UL.shape)
    return np.where(long_UL != NONE, strength_UL, 0).astype(np.float32)


def _latent(
    long_UL: np.ndarray,
    spare_UA: np.ndarray,
    topics: Topics,
    drawing: tuple[Dials, np.random.Generator],
) -> np.ndarray:
    """Choose latent topics: spare ones, or the first interests' sisters: int16, U × A."""
    dials, rng = drawing
    num = spare_UA.shape[1]
    sister_UA = topics.sister_T[long_UL[:, :num]]
    is_taken_UA = (sister_UA[:, :, None] == long_UL[:, None, :]).any(axis=2)
    is_sister_UA = (rng.random(spare_UA.shape) < dials.world.sister_share) & ~is_taken_UA
    latent_UA = np.where(is_sister_UA & (long_UL[:, :num] != NONE), sister_UA, spare_UA)
    has_second_U = rng.random(len(latent_UA)) < dials.world.latent_mean - 1
    is_double_U = (latent_UA[:, :-1] == latent_UA[:, 1:]).any(axis=1)
    latent_UA[~has_second_U | is_double_U, 1:] = NONE
    return latent_UA


def _as_known(
    long_UL: np.ndarray, strength_UL: np.ndarray, dials: Dials, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What the old policy takes for a user's interests: some missed, all strengths blurred."""
    noise_UL = np.exp(dials.policy.strength_noise * rng.normal(size=long_UL.shape))
    is_missed_UL = rng.random(long_UL.shape) < dials.policy.missed_interests
    known_UL = np.where(is_missed_UL, NONE, long_UL).astype(np.int16)
    return known_UL, np.where(known_UL != NONE, strength_UL * noise_UL, 0).astype(np.float32)
