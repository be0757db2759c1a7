"""Days of a simulated shop's product feed as examples, with what came of them and when it is known.

Rankers are fitted on them as on days of a lake, without a lake's nights. What is final is what the
log holds at the end: lines that are lost on the way are no part of the truth. Beside examples
stands what only the shop knows, their attraction.

Shapes: N examples of a day, O orders and cancels of all days.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from benchmarks.simulated_counts import Counts, Impressions, keys_of
from etl.arrow import days_of_epoch, run_starts
from simulator.app_log.arrivals import DAY_US
from simulator.app_log.dirt import LOSING
from simulator.app_log.log_config import LogConfig
from simulator.app_log.plan import planned
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.seeds import generator
from simulator.shop import Shop
from simulator.world.world import World
from training.rankers.ranker import Batch

_CHANGES: Final = {EVENT_TYPES.index("order"): 1, EVENT_TYPES.index("cancel"): -1}


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedConfig:
    """Which impressions become examples."""

    kept_share: float = 0.1
    """Of impressions without a click; each stands for the others."""
    num_whole: int = 0
    """The newest days, of which all are kept."""
    by_looks: bool = True
    """Whether features count an impression as far as its place is looked at, as the product's do;
    else each is one."""
    is_blind: bool = False
    """Whether the old policy knows nobody's interests: then all that it likes is in the log."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """O orders and cancels that followed an impression and reached the log."""

    shown_O: np.ndarray
    """int64: day of the impression, days of the epoch."""
    key_O: np.ndarray
    """int64: which of its day, as ``simulated_counts.keys_of``."""
    known_O: np.ndarray
    """int64: the day on which its line arrived, days of the epoch."""
    change_O: np.ndarray
    """int64: 1 of orders, −1 of cancels."""

    @classmethod
    def of(cls, world: World, day: Day) -> "Outcomes":
        """Read a day's off its events; lines arrive when the app's log says."""
        plan = planned(day, names=world.names, config=LogConfig(seed=world.config.seed))
        is_meant = np.isin(day.type_E, list(_CHANGES)) & (day.cause_day_E != NONE)
        kept = np.flatnonzero(is_meant & ~np.isin(plan.kind_E, LOSING))
        return cls(
            day.cause_day_E[kept].astype(np.int64),
            keys_of(day.cause_request_E[kept], day.position_E[kept]),
            plan.arrival_us_E[kept] // DAY_US,
            np.array([_CHANGES[code] for code in day.type_E[kept].tolist()], np.int64),
        )

    @classmethod
    def joined(cls, parts: "list[Outcomes]") -> "Outcomes":
        """Put days' together."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class DayExamples:
    """One day's examples, by user."""

    batch: Batch
    """Labelled with clicks alone; users numbered from 0."""
    user_N: np.ndarray
    """int64: the shop's numbers of users."""
    attraction_N: np.ndarray
    """float64: the true p(click | examined)."""
    key_N: np.ndarray
    """int64."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A shop at the end of its last day, and its examples."""

    shop: Shop
    counts: Counts
    """What the log says by then."""
    days: dict[date, DayExamples]
    outcomes: Outcomes

    @classmethod
    def of(cls, shop_config: ShopConfig, config: SimulatedConfig) -> "Simulated":
        """Simulate a shop under its old policy, and take each day's features the evening before."""
        shop = Shop(shop_config)
        if config.is_blind:
            shop.world = blinded(shop.world)
        counts = Counts.empty(shop.world, by_looks=config.by_looks)
        days, outcomes = {}, []
        for number in range(shop_config.days):
            day = shop.next_day()
            is_whole = number >= shop_config.days - config.num_whole
            seen = Impressions.of(shop.world, day)
            kept = 1.0 if is_whole else config.kept_share
            days[day.date] = _examples(shop.world, number, seen, counts, kept)
            outcomes.append(Outcomes.of(shop.world, day))
            counts = counts.after(shop.world, day, seen)
        return cls(shop, counts, days, Outcomes.joined(outcomes))

    def day(self, number: int) -> date:
        """Say the date of the shop's day."""
        return self.shop.world.config.start + timedelta(days=number)

    def ordered(self, day: date, outcomes: Outcomes, night: date | None = None) -> np.ndarray:
        """Tell of a day's examples which are ordered, as known on a night or for good: bool, N.

        Args:
            day: The day.
            outcomes: What followed, and when it is known.
            night: The night that asks; None asks when all is known.
        """
        is_meant = outcomes.shown_O == days_of_epoch(day)
        if night is not None:
            is_meant &= outcomes.known_O <= days_of_epoch(night)
        key_N = self.days[day].key_N
        order = np.argsort(key_N)
        key_O = outcomes.key_O[is_meant]
        place_O = np.minimum(np.searchsorted(key_N[order], key_O), len(key_N) - 1)
        is_here = key_N[order[place_O]] == key_O
        row_O = order[place_O[is_here]]
        return np.bincount(row_O, outcomes.change_O[is_meant][is_here], len(key_N)) > 0


def blinded(world: World) -> World:
    """Take from the old policy what it knows of users' interests; it goes by popularity alone."""
    known_UL = np.full_like(world.users.known_UL, NONE)
    return replace(world, users=replace(world.users, known_UL=known_UL))


def _examples(
    world: World, number: int, seen: Impressions, counts: Counts, kept_share: float
) -> DayExamples:
    """Make examples of a day: all clicks, and a sample of the rest with its weight."""
    rng = generator(world.config.seed, "kept examples", number)
    is_kept = seen.is_clicked_I | (rng.random(len(seen.user_I)) < kept_share)
    rows = np.flatnonzero(is_kept)
    # Ties by the item: nothing in the order tells where an item was shown.
    rows = rows[np.lexsort((seen.key_I[rows], seen.item_I[rows], seen.user_I[rows]))]
    kept = seen.taken(rows)
    batch = Batch(
        counts.inputs(world, number, (kept.user_I, kept.item_I), kept.place_I),
        {"click": kept.is_clicked_I},
        np.where(kept.is_clicked_I, 1.0, 1 / kept_share),
        np.cumsum(run_starts(kept.user_I)) - 1,
        np.full(len(rows), days_of_epoch(world.config.start) + number - 1),
        np.ones(len(rows), bool),
        kept.propensity_I,
    )
    return DayExamples(batch, kept.user_I, kept.attraction_I, kept.key_I)
