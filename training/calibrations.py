"""One ranker's calibrations, one a task: which examples they are fitted on, and how they apply.

Fitted are they on the newest examples that the ranker has not learned from, at the place where each
was shown, with their weights. What we ranked and what chance placed both count; what another policy
showed counts only where too little is ours, as in the first days of a lake. A task that is delayed
prefers days whose labels are ripe; of younger ones labels are corrected by how much is known at
their age (``training.delays``), and without that knowledge they are left out. Where days' level
drifts, the newest day's counts (``training.calibrators.drift``); of delayed labels the days end too
long before the night for that.

How a calibration is chosen and fitted is ``training.calibrate``. Shapes: N examples.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import numpy as np

from training import calibrate, delays, example_parts
from training.calibrate import CalibrateConfig, Calibration
from training.calibrators import drift
from training.calibrators.calibrator import Predicted, Segments, together
from training.delays import Delays
from training.inputs import Inputs
from training.rankers.ranker import Batch
from training.tasks import Task

US, ALL = "us", "all"
"""Whose impressions a calibration was fitted on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationsConfig:
    """How much a calibration is fitted on."""

    max_days: int = 7
    """Days that are read at most."""
    max_age_days: int = 14
    """Days back of which a delayed task may read: its ripe labels are 7 days old."""
    enough_positives: int = 9_000
    """Positives at which no older day is read: half of the calibration error's noise at 4,500."""
    min_positives: int = 200
    """Positives below which nothing is fitted: a calibration of few moves predictions by chance."""
    min_own_positives: int = 1_000
    """Positives of our own impressions from which others' are left out."""
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    """How one is chosen."""


@dataclass(frozen=True, slots=True)
class Calibrations:
    """What makes one ranker's predictions true."""

    by_task: Mapping[str, Calibration]
    """Tasks that are not there are predicted as they are."""

    def apply(self, scores: Mapping[str, np.ndarray], given: Inputs) -> dict[str, np.ndarray]:
        """Calibrate predictions: by task N, float64 of what is calibrated, else as they were.

        Args:
            scores: What the ranker says of the rows.
            given: The rows, which say to which parts they belong.
        """
        known = {task: found for task, found in self.by_task.items() if task in scores}
        if not known:
            return dict(scores)
        kinds = {kind for one in known.values() for kind in one.effects.offsets}
        parts = example_parts.of_inputs(given, kinds)
        return {**scores, **{task: one.apply(scores[task], parts) for task, one in known.items()}}


NOTHING: Final = Calibrations({})
"""Predictions are served as they are."""


def load(written: Mapping[str, str]) -> Calibrations:
    """Read calibrations as ``Fitted.written`` holds them, by task.

    Raises:
        UnknownCalibrationError: If one is cut off, or of another version.
    """
    return Calibrations({task: calibrate.load(text.encode()) for task, text in written.items()})


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one fit came to."""

    reason: str
    """Why there is a calibration, or none."""
    calibration: Calibration | None
    days: tuple[date, ...] = ()
    """Days whose examples were read, the oldest first."""
    num_examples: int = 0
    num_positives: int = 0
    num_exploration: int = 0
    """Of the examples, those that chance placed."""
    shown_by: str = ALL
    """Whose impressions: ``US``, or ``ALL``."""
    known_share: float = 1.0
    """Of what will follow, the part that labels held before they were corrected; 1 where they held
    more than will stand."""

    @property
    def written(self) -> str | None:
        """The calibration as JSON."""
        return None if self.calibration is None else self.calibration.save().decode()

    def row(self) -> dict[str, Any]:
        """Write it as columns of ``tables.RANKERS_CALIBRATORS``."""
        written = self.written
        return {
            "is_fitted": self.calibration is not None,
            "reason": self.reason,
            "family": None if self.calibration is None else self.calibration.calibrator.name,
            "sha256": None if written is None else sha256_of(written),
            "calibration": written,
            "first_date": self.days[0] if self.days else None,
            "last_date": self.days[-1] if self.days else None,
            "num_examples": self.num_examples,
            "num_positives": self.num_positives,
            "num_exploration": self.num_exploration,
            "shown_by": self.shown_by,
            "known_share": self.known_share,
        }


def sha256_of(written: str) -> str:
    """Hash a calibration as it is stored."""
    return hashlib.sha256(written.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scored:
    """One day of examples that a ranker has not learned from."""

    day: date
    age_days: int
    """Days from it to the night."""
    batch: Batch
    p: Mapping[str, np.ndarray]
    """By task what the ranker predicts of each where it was shown: N."""


def order_of(task: Task, ages: Sequence[int], *, ripe_from: int) -> list[int]:
    """Say in which order days are read until there is enough, by their ages.

    The newest first; of a delayed task the newest of those with ripe labels, then the riper first.
    """
    if not task.is_delayed:
        return sorted(ages)
    ripe = sorted(age for age in ages if age >= ripe_from)
    return [*ripe, *sorted((age for age in ages if age < ripe_from), reverse=True)]


def fit(task: Task, days: Iterable[Scored], known: Delays, config: CalibrationsConfig) -> Fitted:
    """Fit one task's calibration on some days, in the order in which they are to be read.

    The newest of them judges which family it is, where it and the others hold enough; else folds of
    users do.

    Args:
        task: Which.
        days: Days that the ranker has not learned from, the most wanted first; those that are not
            needed are not asked for.
        known: How much of delayed labels is known by age.
        config: How much is enough.
    """
    read, too_young = _read(task, days, known, config)
    shown_by = US if _positives(read, US) >= config.min_own_positives else ALL
    num, counts = _positives(read, shown_by), _counted(read, shown_by)
    if num < config.min_positives:
        reason = f"{num} positives that it has not learned from; {config.min_positives} are needed"
        if too_young:
            reason += f"; labels {too_young} days old were left out: {_unknown(known)}"
        return Fitted(reason, None, **counts)
    learned, kept = _apart(read, shown_by, config)
    found = calibrate.fit(learned, config.calibrate, kept)
    reason = "chosen on the newest day" if kept is not None else "chosen by folds of users"
    if not task.is_delayed:
        found = replace(found, drift=_drift(found, read, shown_by))
    return Fitted(reason, found, **counts)


def _drift(found: Calibration, days: Sequence["_Day"], shown_by: str) -> float:
    """Say how far the newest day's level lies from what all days together are calibrated to."""
    levels = []
    for one in days:
        examples = one.of(shown_by)
        logit_N = found.logits(examples.p_N, examples.segments)
        levels.append(drift.level(one.day.toordinal(), logit_N, examples))
    return drift.at_end([one for one in levels if one is not None])


def _read(
    task: Task, days: Iterable[Scored], known: Delays, config: CalibrationsConfig
) -> tuple[list["_Day"], str]:
    """Lay days out until they are enough, and say the ages of those that are too young."""
    read: list[_Day] = []
    too_young = []
    for scored in days:
        laid_out = _day(task, scored, known)
        if laid_out is None:
            too_young.append(scored.age_days)
            continue
        read.append(laid_out)
        if len(read) == config.max_days or _is_enough(read, config):
            break
    return sorted(read, key=lambda one: one.day), ", ".join(map(str, sorted(too_young)))


def _is_enough(days: Sequence["_Day"], config: CalibrationsConfig) -> bool:
    own, every = (_positives(days, shown_by) for shown_by in (US, ALL))
    return (own if 2 * own >= every else every) >= config.enough_positives


def _unknown(known: Delays) -> str:
    return f"how soon labels ripen is not known of {known.num_orders} orders"


@dataclass(frozen=True, slots=True)
class _Day:
    """One day of one task, ready to fit on."""

    day: date
    examples: Predicted
    is_own_N: np.ndarray
    is_exploration_N: np.ndarray
    share: float

    def of(self, shown_by: str) -> Predicted:
        return self.examples if shown_by == ALL else self.examples.taken(self.is_own_N)


def _day(task: Task, scored: Scored, known: Delays) -> _Day | None:
    """Lay a day out; nothing where it is not known how much of its labels is still to come."""
    batch = scored.batch
    waits = task.is_delayed and batch.given.has_positions
    share = known.at(scored.age_days) if waits else 1.0
    if share is None or not len(batch):
        return None
    label_N = batch.label[task.name].astype(np.float64)
    is_known_N = ~np.isnan(label_N)
    weight_N = batch.weight_N
    if share != 1:
        weight_N = delays.corrected(batch.label[task.name].astype(bool), weight_N, share)
    parts = {
        kind: Segments(one.names, one.code_N[is_known_N])
        for kind, one in example_parts.of_inputs(batch.given).items()
    }
    examples = Predicted(
        p_N=scored.p[task.name].astype(np.float64)[is_known_N],
        label_N=label_N[is_known_N],
        weight_N=weight_N[is_known_N],
        # A user of two days counts as two: days number their users anew.
        user_N=batch.user_N[is_known_N] + (scored.day.toordinal() << 32),
        segments=parts,
    )
    is_chance_N = example_parts.is_exploration(batch)
    return _Day(scored.day, examples, batch.is_own_N[is_known_N], is_chance_N[is_known_N], share)


def _positives(days: Sequence[_Day], shown_by: str) -> int:
    return sum(int(np.count_nonzero(one.of(shown_by).label_N)) for one in days)


def _counted(days: Sequence[_Day], shown_by: str) -> dict[str, Any]:
    positives = [_positives([one], shown_by) for one in days]
    ripe = sum(num / one.share for num, one in zip(positives, days, strict=True))
    return {
        "days": tuple(one.day for one in days),
        "num_examples": sum(len(one.of(shown_by)) for one in days),
        "num_positives": sum(positives),
        "num_exploration": sum(
            int((one.is_exploration_N & (one.is_own_N | (shown_by == ALL))).sum()) for one in days
        ),
        "shown_by": shown_by,
        "known_share": min(round(sum(positives) / ripe, 4), 1.0) if ripe else 1.0,
    }


def _apart(
    days: Sequence[_Day], shown_by: str, config: CalibrationsConfig
) -> tuple[Predicted, Predicted | None]:
    """Examples to fit on, and those of the newest day to judge by where both are enough."""
    *older, newest = days
    parts = (older, [newest])
    if min(_positives(part, shown_by) for part in parts) >= config.min_positives:
        return _joined(older, shown_by), newest.of(shown_by)
    return _joined(days, shown_by), None


def _joined(days: Sequence[_Day], shown_by: str) -> Predicted:
    first, *others = (one.of(shown_by) for one in days)
    for other in others:
        first = together(first, other)
    return first
