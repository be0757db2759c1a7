"""Ways to learn p(order) on a night on which many orders are still to come, and what each says.

A way says which days are learned from and how their orders are labelled. The ranker, and the
calibration on the days it stopped on, are the product's. Shapes: N examples, O orders and cancels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np

from benchmarks.simulated_examples import Outcomes, Simulated
from etl.arrow import days_of_epoch
from etl.days import Days
from etl.silver.attribution import WINDOW_DAYS
from simulator.seeds import generator
from training import calibrations, delays
from training.calibrations import Calibrations, CalibrationsConfig, Scored
from training.delays import Delays, DelaysConfig
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Batch
from training.split import Split
from training.tasks import ORDER

_ALL_KNOWN: Final = Delays(np.ones(WINDOW_DAYS + 1), 0)
_SLOW_SHARE: Final = 0.7
_SLOW_DAYS: Final = 5
"""What is slowed comes 1 to so many days later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NightConfig:
    """What is learned from and judged."""

    num_days: int = 12
    """Days that are learned from, those of stopping included."""
    num_stopping: int = 2
    """Of them the newest, which the ranker stops on and is calibrated on."""
    num_judged: int = 4
    """Days after the night that are judged."""
    ranker: GbdtConfig = field(
        default_factory=lambda: GbdtConfig(
            num_rounds=50, stop_after=15, learning_rate=0.2, max_depth=4, max_bin=32
        )
    )
    """Fewer and larger steps than a night's: a dozen fits are compared."""


@dataclass(frozen=True, slots=True)
class Night:
    """A night, and what follows when."""

    simulated: Simulated
    outcomes: Outcomes
    on: date
    config: NightConfig
    seed: int
    """Of the rankers."""

    def labelled(self, day: date, night: date | None) -> Batch:
        """Take a day's examples as known on a night, or for good."""
        batch = self.simulated.days[day].batch
        order_N = self.simulated.ordered(day, self.outcomes, night)
        return replace(batch, label={**batch.label, "order": order_N})

    def as_known(self, day: date) -> Batch:
        """Take a day's examples as known on this night."""
        return self.labelled(day, self.on)

    @property
    def delays(self) -> Delays:
        """How soon orders are known, as the night can tell."""
        told = self.outcomes
        shown, known = (n.astype("datetime64[D]") for n in (told.shown_O, told.known_O))
        is_told = known <= np.datetime64(self.on)
        parts = (shown[is_told], known[is_told], told.change_O[is_told])
        return delays.fit(*parts, night=self.on, config=DelaysConfig())

    def ago(self, num_days: int) -> date:
        """Name a day before."""
        return self.on - timedelta(days=num_days)

    def split(self, youngest: int) -> Split:
        """Choose days whose labels are so many days old at least."""
        stop = Days(self.ago(youngest + self.config.num_stopping - 1), self.ago(youngest))
        oldest = max(self.ago(youngest + self.config.num_days - 1), self.simulated.day(0))
        return Split(Days(oldest, stop.day_before), stop)

    @property
    def judged(self) -> Days:
        """The days after it."""
        return Days(self.ago(-1), self.ago(-self.config.num_judged))


@dataclass(frozen=True, slots=True)
class Way:
    """How one way sees the days."""

    learned: Callable[[date], Batch]
    """As the ranker learns from them."""
    told: Callable[[date], Batch]
    """As the calibration is told of them."""
    known: Delays
    """What the calibration corrects by."""
    youngest: int = 1
    """Age of the newest day that is read."""


def naive(night: Night) -> Way:
    """Labels as they are known on the night, up to the day before."""
    return Way(night.as_known, night.as_known, _ALL_KNOWN)


def waiting(night: Night) -> Way:
    """Days alone whose labels are ripe."""
    return Way(night.as_known, night.as_known, _ALL_KNOWN, youngest=WINDOW_DAYS)


def ours(night: Night) -> Way:
    """As the product learns: labels divided by the share that is known; weights to calibrate by."""
    known = night.delays

    def ripened(day: date) -> Batch:
        batch = night.as_known(day)
        age_N = np.full(len(batch), (night.on - day).days)
        told = delays.ripened(batch.label["order"], age_N, known)
        return replace(batch, label={**batch.label, "order": told})

    return Way(ripened, night.as_known, known)


def oracle(night: Night) -> Way:
    """The same days with their final labels, which nobody has on the night."""

    def final(day: date) -> Batch:
        return night.labelled(day, None)

    return Way(final, final, _ALL_KNOWN)


WAYS: Final[Mapping[str, Callable[[Night], Way]]] = {
    "naive": naive,
    "waiting": waiting,
    "ours": ours,
    "oracle": oracle,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a way says of the judged examples: p(order), N."""

    raw_N: np.ndarray
    """float32: by the ranker."""
    calibrated_N: np.ndarray
    """float64."""
    known_share: float
    """Orders that stand on the stopping days as the night knows them, beside the final ones."""


def said(night: Night, way: Way) -> Said:
    """Fit a ranker and its calibration as a way does, and let them speak of the judged days."""
    split = night.split(way.youngest)
    learned = cache(way.learned)
    model = gbdt.fit(learned, split, night.config.ranker, night.seed)
    ages = [(night.on - day).days for day in split.stop]
    scored = []
    for age in calibrations.order_of(ORDER, ages, ripe_from=WINDOW_DAYS):
        batch = way.told(night.ago(age))
        scored.append(Scored(night.ago(age), age, batch, model.score(batch.given)))
    found = calibrations.fit(ORDER, scored, way.known, CalibrationsConfig())
    fitted = found.calibration
    made = Calibrations({} if fitted is None else {ORDER.name: fitted})
    raw, calibrated = [], []
    for day in night.judged:
        given = night.simulated.days[day].batch.given
        scores = model.score(given)
        raw.append(scores["order"])
        calibrated.append(made.apply(scores, given)["order"])
    num, final = (
        sum(night.labelled(day, told_on).label["order"].sum() for day in split.stop)
        for told_on in (night.on, None)
    )
    return Said(np.concatenate(raw), np.concatenate(calibrated), float(num / max(final, 1)))


def slowed(outcomes: Outcomes, *, since: date, until: date, seed: int) -> Outcomes:
    """Let most orders of some days' impressions be known days later, within the window.

    What is drawn is of an impression, so that a cancel stays behind its order.

    Args:
        outcomes: As they come.
        since: First day of impressions.
        until: Last one.
        seed: Of the draws.
    """
    key_O = outcomes.shown_O << 48 | outcomes.key_O
    known, of_O = np.unique(key_O, return_inverse=True)
    rng = generator(seed, "slowed")
    is_slow = rng.random(len(known)) < _SLOW_SHARE
    wait = (is_slow * rng.integers(1, _SLOW_DAYS + 1, len(known)))[of_O]
    first, last = days_of_epoch(since), days_of_epoch(until)
    is_meant = (outcomes.shown_O >= first) & (outcomes.shown_O <= last)
    later_O = np.minimum(outcomes.known_O + wait, outcomes.shown_O + WINDOW_DAYS)
    known_O = np.where(is_meant, np.maximum(later_O, outcomes.known_O), outcomes.known_O)
    return replace(outcomes, known_O=known_O)
