"""Stored propensities are the chances: what 20,000 seeds show at a fixed prefix, counted.

Every count is held to the stored propensities by a chi-squared test that a right sampler fails once
in 10,000 times; seeds are fixed, so a passing test passes for good.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import chisquare

from scoring.explore import ExplorationConfig, Explored, explore
from scoring.grid import ABSENT, layout
from scoring.rerank import choose
from training.seeds import streams

NUM_SEEDS: Final = 20_000
FALSE_ALARM: Final = 1e-4
_BLOCK: Final = 30_000
_MOST_BLOCKS: Final = 10
FIRST: Final = date(2026, 1, 10)
DEFAULT: Final = ExplorationConfig()
UNCAPPED: Final = {"seller_cap": 1_000, "category_cap": 1_000}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One user's candidates, best first by number, and how his slate is made."""

    num_candidates: int
    k: int
    num_reserve: int = 2
    config: ExplorationConfig = DEFAULT
    sellers: int = 1_000
    """Candidate n is of seller n modulo this."""
    seller_cap: int = 1_000

    @property
    def caps(self) -> dict[str, int]:
        return UNCAPPED | {"seller_cap": self.seller_cap}

    def explored(self, stream_U: np.ndarray) -> Explored:
        """His slate with each of the seeds, by the product; columns are candidates."""
        num_users = len(stream_U)
        item = np.arange(self.num_candidates)
        user_R, item_R = np.repeat(np.arange(num_users), len(item)), np.tile(item, num_users)
        groups = {"seller_cap": item_R % self.sellers, "category_cap": np.zeros_like(item_R)}
        grid = layout(user_R, item_R, -item_R.astype(float), groups=groups, num_users=num_users)
        exploited = choose(grid, num_places=self.k + self.num_reserve, caps=self.caps)
        return explore(grid, exploited, k=self.k, stream_U=stream_U, config=self.config)

    def fits(self, items: list[int]) -> bool:
        """Whether no seller holds more than his cap."""
        return max(Counter(item % self.sellers for item in items).values()) <= self.seller_cap

    def kept(self) -> list[int]:
        """Slate and reserve before exploration, by plain loops."""
        found: list[int] = []
        for item in range(self.num_candidates):
            if len(found) < self.k + self.num_reserve and self.fits([*found, item]):
                found.append(item)
        return found

    def chances(self, prefix: tuple[int, ...]) -> dict[int, float]:
        """Whom DESIGN §6 gives the place behind a prefix, and how probably, by plain loops."""
        kept, place = self.kept(), len(prefix)
        others = [*prefix, *kept[place + 1 :]]
        outside = set(range(self.num_candidates)) - set(kept) - set(prefix)
        pool = [item for item in sorted(outside) if self.fits([*others, item])]
        pool = pool[: self.config.pool_size]
        if not pool:
            return {kept[place]: 1.0}
        drawn = dict.fromkeys(pool, self.config.rate / len(pool))
        return {kept[place]: 1 - self.config.rate} | drawn


@cache
def seeds(block: int) -> np.ndarray:
    """The streams of some users on one evening: uint64."""
    users = [f"user {number}" for number in range(block * _BLOCK, (block + 1) * _BLOCK)]
    return streams(pa.array(users), day=FIRST, surface="product_feed", purpose=DEFAULT.salt)


@cache
def slates(case: Case, block: int = 0) -> Explored:
    """Their slates."""
    return case.explored(seeds(block))


def behind(case: Case, prefix: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What the first 20,000 seeds that show a prefix show behind it, and with which propensity."""
    place, found, num = len(prefix), [], 0
    for block in range(_MOST_BLOCKS):
        explored = slates(case, block)
        is_meant_U = (explored.column_UK[:, :place] == prefix).all(axis=1)
        columns = explored.column_UK[is_meant_U, place], explored.propensity_UK[is_meant_U, place]
        found.append(columns)
        num += len(columns[0])
        if num >= NUM_SEEDS:
            item, propensity = (np.concatenate(c)[:NUM_SEEDS] for c in zip(*found, strict=True))
            return item, propensity
    raise AssertionError(f"only {num} seeds show {prefix}")


def said(item: np.ndarray, propensity: np.ndarray) -> dict[int, float]:
    """The one propensity that is stored with each item."""
    pairs = set(zip(item.tolist(), propensity.tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs})
    return dict(pairs)


def is_plausible(counts: Counter, chances: dict) -> bool:
    """Whether counts agree with chances, by a chi-squared test."""
    assert set(counts) <= set(chances)
    if len(chances) == 1:
        return True
    observed = [counts[one] for one in chances]
    expected = np.array(list(chances.values())) * counts.total()
    return bool(chisquare(observed, expected).pvalue > FALSE_ALARM)


FREE = Case(num_candidates=75, k=6)
OFTEN = ExplorationConfig(rate=0.8, pool_size=4)
CAPPED = Case(num_candidates=24, k=5, config=OFTEN, sellers=4, seller_cap=2)
FEW = Case(num_candidates=8, k=4, num_reserve=1, config=ExplorationConfig(rate=0.9))
ONE_MORE = Case(num_candidates=6, k=4, num_reserve=1, config=ExplorationConfig(rate=0.5))

CASES: dict[str, tuple[Case, tuple[int, ...]]] = {
    "first place": (FREE, ()),
    "last place, nothing drawn before": (FREE, tuple(range(5))),
    "behind a drawn item": (replace(CAPPED, sellers=1_000), (8,)),
    "caps bind": (CAPPED, ()),
    "caps bind otherwise behind a drawn item": (CAPPED, (7,)),
    "one left in the pool": (FEW, (5, 6)),
    "nobody left in the pool": (FEW, (7, 5, 6)),
    "K near the number of candidates": (ONE_MORE, (0, 1)),
    "K near it, and its only other item drawn": (ONE_MORE, (5,)),
}


@pytest.mark.parametrize("name", CASES)
def test_items_are_shown_as_often_as_their_propensities_say(name: str) -> None:
    case, prefix = CASES[name]

    item, propensity = behind(case, prefix)

    assert said(item, propensity) == pytest.approx(case.chances(prefix))
    assert is_plausible(Counter(item.tolist()), said(item, propensity))


def test_the_cases_are_what_they_are_called() -> None:
    sizes = {name: len(case.chances(prefix)) - 1 for name, (case, prefix) in CASES.items()}

    assert sizes == {
        "first place": 64,
        "last place, nothing drawn before": 64,
        "behind a drawn item": 4,
        "caps bind": 4,
        "caps bind otherwise behind a drawn item": 4,
        "one left in the pool": 1,
        "nobody left in the pool": 0,
        "K near the number of candidates": 1,
        "K near it, and its only other item drawn": 0,
    }
    uncapped = replace(CAPPED, seller_cap=1_000)
    assert CAPPED.chances(()) != uncapped.chances(())
    assert CAPPED.chances((7,)) != uncapped.chances((7,))


@pytest.mark.parametrize("num_candidates", [3, 5])
def test_without_others_to_draw_from_everything_is_certain(num_candidates: int) -> None:
    case = replace(ONE_MORE, num_candidates=num_candidates)

    explored = slates(case)

    kept = [*range(min(4, num_candidates)), *[ABSENT] * (4 - num_candidates)]
    assert (explored.column_UK == kept).all()
    assert (explored.propensity_UK == 1).all()


def test_a_slate_is_as_probable_as_the_product_of_its_propensities() -> None:
    case = Case(num_candidates=6, k=3, num_reserve=1, config=ExplorationConfig(rate=0.5))
    explored = slates(case)
    shown = [tuple(slate) for slate in explored.column_UK.tolist()]

    chances = dict(zip(shown, explored.propensity_UK.prod(axis=1).tolist(), strict=True))

    assert len(chances) == 1 + 3 * 2 + 3 * 2  # none, one or both of the two others drawn
    assert sum(chances.values()) == pytest.approx(1)
    assert is_plausible(Counter(shown), chances)


def test_a_users_evenings_are_as_good_as_users() -> None:
    evenings = [FIRST + timedelta(days=number) for number in range(NUM_SEEDS)]
    stream = [
        streams(pa.array(["anna"]), day=day, surface="product_feed", purpose=OFTEN.salt)
        for day in evenings
    ]

    explored = CAPPED.explored(np.concatenate(stream))

    assert is_plausible(Counter(explored.column_UK[:, 0].tolist()), CAPPED.chances(()))


def test_a_propensity_that_is_a_little_wrong_would_be_noticed() -> None:
    item, _ = behind(CAPPED, ())

    right = CAPPED.chances(())
    wrong = replace(CAPPED, config=replace(OFTEN, rate=0.82)).chances(())

    assert is_plausible(Counter(item.tolist()), right)
    assert not is_plausible(Counter(item.tolist()), wrong)
