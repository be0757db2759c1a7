"""Rankers of trees that differ in what they make of the place, and what they are judged on.

All learn clicks on the same examples with the same trees. Shapes: N examples, P places, M pairs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import numpy as np

from benchmarks.simulated_examples import Simulated
from etl.arrow import is_in
from etl.days import Days
from etl.features.examination import ExaminationConfig
from simulator.behaviour.attraction import attraction
from simulator.ledger import pairs
from simulator.seeds import generator
from simulator.truth.oracle import active_users, showable
from simulator.world.items import PRODUCT
from training.inputs import Inputs, Layout
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Batch
from training.split import Split

_PLACE: Final = "place"
_NO_CURVE: Final = ExaminationConfig(min_clicks=1 << 60)
"""Asks for more clicks than there are: every place counts alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DebiasConfig:
    """What is learned from and judged."""

    num_days: int = 12
    """Days that are learned from, those of stopping included; before the judged ones."""
    num_stopping: int = 2
    """Of them the newest, which growth is stopped on."""
    num_judged: int = 3
    """The newest days."""
    num_asked: int = 4_000
    """Users, at most, who are asked about items that they were not shown."""
    num_unseen: int = 50
    """Such items a user, drawn at random."""
    ranker: GbdtConfig = field(
        default_factory=lambda: GbdtConfig(
            num_rounds=120, stop_after=15, learning_rate=0.15, max_depth=4, max_bin=32
        )
    )
    """Fewer and larger steps than a night's."""

    def split(self, simulated: Simulated) -> Split:
        """Choose the days before the judged ones."""
        night = simulated.shop.world.config.days - self.num_judged
        stop = Days(simulated.day(night - self.num_stopping), simulated.day(night - 1))
        first = simulated.day(max(night - self.num_days, 0))
        return Split(Days(first, stop.day_before), stop)


Score = Callable[[Inputs], np.ndarray]
"""Says how much items attract, wherever they stand: float32, N."""
Fit = Callable[[Simulated, DebiasConfig, int], Score]


def ours(simulated: Simulated, config: DebiasConfig, seed: int) -> Score:
    """P = examination(place) · σ(trees), as the product learns it; every example counts alike."""
    model = gbdt.fit(
        lambda day: simulated.days[day].batch, config.split(simulated), config.ranker, seed
    )
    return lambda given: model.score(given.at_scored_position())["click"]


def ignored(simulated: Simulated, config: DebiasConfig, seed: int) -> Score:
    """The same trees as if every place were looked at alike."""
    return ours(simulated, replace(config, ranker=_without_curve(config)), seed)


def read(simulated: Simulated, config: DebiasConfig, seed: int) -> Score:
    """The same trees with the place as a number among the others; scored at the first place."""

    @cache
    def told(day: object) -> Batch:
        batch = simulated.days[day].batch  # type: ignore[index]
        return replace(batch, given=_renamed(batch.given))

    model = gbdt.fit(told, config.split(simulated), _without_curve(config), seed)
    return lambda given: model.score(_renamed(given.at_scored_position()))["click"]


def _without_curve(config: DebiasConfig) -> GbdtConfig:
    return replace(config.ranker, examination=_NO_CURVE)


def _renamed(given: Inputs) -> Inputs:
    """Call the place something that rankers do not know it by."""
    names = tuple(_PLACE if name == "position" else name for name in given.layout.numeric)
    return replace(given, layout=Layout(names, given.layout.words))


FITS: Final[Mapping[str, Fit]] = {"place ignored": ignored, "place read": read, "ours": ours}


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs of user and item whose order by attraction is known."""

    given: Inputs
    user_M: np.ndarray
    """int64, ascending: the shop's numbers."""
    attraction_M: np.ndarray
    """float64: the true p(click | examined)."""


def unseen(simulated: Simulated, config: DebiasConfig) -> Asked:
    """Draw items that users were not shown in the last days, to be shown the day after the last."""
    world, state = simulated.shop.world, simulated.shop.state
    rng = generator(world.config.seed, "unseen items")
    users = active_users(world, state)
    users = np.sort(rng.permutation(users)[: config.num_asked])
    item_C = showable(world, state, PRODUCT)
    num_each = min(config.num_unseen, len(item_C))
    drawn_UX = rng.random((len(users), len(item_C)), np.float32).argsort(axis=1)[:, :num_each]
    user_M, item_M = np.repeat(users, num_each), item_C[drawn_UX].ravel()
    pair_M = pairs(user_M, item_M)
    was_shown_M = np.any([is_in(pair_M, of_day) for of_day in state.ledger.shown], axis=0)
    user_M, item_M = user_M[~was_shown_M], item_M[~was_shown_M]
    day = state.day + 1
    given = simulated.counts.inputs(world, day, (user_M, item_M), np.zeros(len(user_M)))
    return Asked(given, user_M, attraction(world, state, user_M, item_M, day).astype(np.float64))
