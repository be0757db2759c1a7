"""Departments and their topics: what items are about and users are interested in.

Shapes: T topics, P departments, V words of a topic.
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import numpy as np

from simulator.config import ShopConfig
from simulator.seeds import generator
from simulator.world.words import ASPECTS, DEPARTMENTS, LANGUAGES, SYLLABLES

NUM_VARIETIES: Final = 4
"""Invented words that only one topic's items carry."""
_NUM_FOLLOWERS: Final = 2
_FEWEST: Final = 10
"""Topics of the smallest shop: more than one user has interests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Topics:
    """T topics, the most popular first."""

    category: list[str]
    """``department.topic``."""
    department_T: np.ndarray
    """int16: place in ``simulator.world.words.DEPARTMENTS``."""
    weight_T: np.ndarray
    """float64, sums to 1: how often items and interests lie there."""
    follower_TF: np.ndarray
    """int16, T × 2: topics whose intent tends to follow an intent for this one."""
    sister_T: np.ndarray
    """int16: the topic that those who love this one often love too."""
    appeal_T: np.ndarray
    """float32: what its items' quality has in common, logits."""
    price_log_T: np.ndarray
    """float32: mean of log price in cents."""
    succession_TT: np.ndarray
    """float32, (T + 1) × T: what a user's last click in one topic adds to each, in logits; the last
    row, where ``NONE`` points, adds nothing."""

    def __len__(self) -> int:
        return len(self.category)

    def nouns(self) -> list[str]:
        """The word for each topic."""
        return [category.rpartition(".")[2] for category in self.category]

    def aspects(self) -> list[list[str]]:
        """Words of each topic's department."""
        return [ASPECTS[category.partition(".")[0]].split() for category in self.category]


def make_topics(config: ShopConfig) -> Topics:
    """Draw the topics of a shop."""
    dials = config.dials.world
    names = list(DEPARTMENTS)
    categories = _categories(round(dials.topics_per_root_product * config.items**0.5))
    rng = generator(config.seed, "topics")
    num = len(categories)
    department_T = np.array([names.index(c.partition(".")[0]) for c in categories], np.int16)
    weight_T = (np.arange(num) + 3.0) ** -dials.topic_skew
    price_T = np.log(dials.price_median_cents) + dials.price_spread_topics * rng.normal(size=num)
    other_FT = [_others(num, rng) for _ in range(_NUM_FOLLOWERS)]
    return Topics(
        category=categories,
        department_T=department_T,
        weight_T=weight_T / weight_T.sum(),
        follower_TF=np.stack(other_FT, axis=1),
        sister_T=_others(num, rng),
        appeal_T=(dials.appeal_spread * rng.standard_normal(num)).astype(np.float32),
        price_log_T=price_T.astype(np.float32),
        succession_TT=_succession(config, num),
    )


def varieties(language: str, topic: int, seed: int) -> list[str]:
    """Invent the words that only one topic's items carry, in one language."""
    rng = generator(seed, f"words {language}", topic)
    syllables = SYLLABLES[language].split()
    lengths = rng.integers(2, 4, NUM_VARIETIES)
    return ["".join(rng.choice(syllables, length)) for length in lengths]


def all_varieties(num_topics: int, seed: int) -> list[list[list[str]]]:
    """Invent words for each language and topic."""
    return [[varieties(name, topic, seed) for topic in range(num_topics)] for name in LANGUAGES]


def _categories(wanted: int) -> list[str]:
    """Take topics from the departments in turn: as many as wanted, or all there are."""
    rows = zip_longest(*([f"{d}.{t}" for t in text.split()] for d, text in DEPARTMENTS.items()))
    found = [category for row in rows for category in row if category is not None]
    return found[: max(wanted, _FEWEST)]


def _succession(config: ShopConfig, num: int) -> np.ndarray:
    """Draw what one topic adds to another, of low rank: float32, (T + 1) × T."""
    taste = config.dials.taste
    rng = generator(config.seed, "succession")
    from_TS, to_TS = rng.normal(size=(2, num, taste.succession_dims))
    table_TT = from_TS @ to_TS.T * taste.succession_spread / taste.succession_dims**0.5
    np.fill_diagonal(table_TT, 0)
    return np.vstack([table_TT, np.zeros(num)]).astype(np.float32)


def _others(num: int, rng: np.random.Generator) -> np.ndarray:
    """Draw for each topic another one, each of them once: int16, T."""
    circle = rng.permutation(num)
    other_T = np.empty(num, np.int16)
    other_T[circle] = np.roll(circle, -1)
    return other_T
