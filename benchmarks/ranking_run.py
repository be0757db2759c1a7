"""Fits the ladder of rankers on earlier examples and measures it on later ones.

Where the examples come from says ``Examples``: a table from elsewhere (``ranking_table``), or the
days of a lake (``ladder_days``). Shapes: N rows judged, U users, R resamples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

import numpy as np

from benchmarks.ranking_rungs import LADDER, compared
from benchmarks.resampled import Draws
from orchestration.cost import metered
from training import calibrate
from training.calibrate import CalibrateConfig
from training.calibration_metrics import calibration_error
from training.calibrators.calibrator import Predicted
from training.metrics import (
    Interval,
    auc_by_user,
    bootstrap,
    log_loss,
    log_losses,
    normalised_entropy,
)
from training.rankers.ranker import Batch, Ranker
from training.split import Split

POPULARITY: Final = "popularity"
_NAN: Final = float("nan")
_NOTHING: Final = Interval(_NAN, _NAN, _NAN, 0)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One ranker on one task."""

    auc: Interval
    gauc: Interval
    """Mean AUC of users who have both kinds."""
    log_loss: Interval
    normalised_entropy: float
    ece: float
    """Of calibrated predictions, as all probabilities here are."""
    ece_uncalibrated: float
    predicted_to_observed: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a ranker has over the one below it in the ladder, by the same users."""

    auc: Interval
    log_loss: Interval
    """Below 0 is better."""


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured on the judged rows."""

    measured: Mapping[str, Mapping[str, Measured]]
    """By ranker, then task."""
    steps: Mapping[str, Mapping[str, Step]]
    """By ranker, then task."""
    cpu_seconds: Mapping[str, Mapping[str, float]]
    num_rows: Mapping[str, int]
    """Learned from, stopped on, judged."""
    num_positives: Mapping[str, int]
    """By task, among the judged."""
    num_users: int
    num_features: int


class Examples(Protocol):
    """What rankers are fitted, calibrated and judged on."""

    @property
    def names(self) -> Mapping[str, str]:
        """What tasks are called in results, by what rankers call them."""
        ...

    @property
    def split(self) -> Split:
        """The days to learn from, and those to stop on and to calibrate on."""
        ...

    def batch(self, day: date) -> Batch:
        """Read a day as it is learned from."""
        ...

    def known(self, day: date) -> Batch:
        """Read a day with its labels as they are known."""
        ...

    @property
    def judged(self) -> Batch:
        """What came after the days of the split."""
        ...

    @property
    def popular_N(self) -> np.ndarray:
        """How popular each judged row's item was before: float64."""
        ...


def run(table: Examples, names: Sequence[str], *, seed: int, say: Say) -> Results:
    """Fit and judge rankers, from the simplest on."""
    popular = dict.fromkeys(table.judged.label, table.popular_N)
    predicted: dict[str, _Predicted] = {POPULARITY: _Predicted(popular, {}, {})}
    cpu_seconds: dict[str, dict[str, float]] = {POPULARITY: {}}
    for name in names:
        rung = LADDER[name]
        if not rung.is_available:
            say(f"{name}: left out, {rung.needs} is not installed (NETWORKS=0)")
            continue
        with metered() as fitted:
            model = rung.fit(table.batch, table.split, seed)
        with metered() as scored:
            raw = model.score(table.judged.given)
        predicted[name] = _calibrated(raw, model, table)
        cpu_seconds[name] = {"fit": fitted.cpu_seconds, "score": scored.cpu_seconds}
        say(f"{name}: cpu-seconds {fitted.cpu_seconds:.1f} and {scored.cpu_seconds:.1f}")
    draws = Draws.of(table.judged.user_N, seed)
    tasks = tuple(table.judged.label)
    measured = {
        name: {table.names[task]: _measured(table.judged, found, task, draws) for task in tasks}
        for name, found in predicted.items()
    }
    steps = {
        name: {
            table.names[task]: _step(table.judged, predicted[below], predicted[name], task, draws)
            for task in tasks
        }
        for below, name in compared(list(predicted))
    }
    num_rows = {
        "fit": sum(len(table.batch(day)) for day in table.split.fit),
        "stop": sum(len(table.batch(day)) for day in table.split.stop),
        "judged": len(table.judged),
    }
    positives = {table.names[t]: int((table.judged.label[t] > 0).sum()) for t in tasks}
    num_users = len(np.unique(table.judged.user_N))
    width = len(table.judged.given.layout.numeric) + len(table.judged.given.layout.words)
    return Results(measured, steps, cpu_seconds, num_rows, positives, num_users, width)


@dataclass(frozen=True, slots=True)
class _Predicted:
    """What was said of the judged rows, by task."""

    score: Mapping[str, np.ndarray]
    """What rows are ordered by."""
    raw: Mapping[str, np.ndarray]
    """Probabilities; nothing where there are none."""
    true: Mapping[str, np.ndarray]
    """The same, calibrated."""


def _calibrated(raw: Mapping[str, np.ndarray], model: Ranker, table: Examples) -> _Predicted:
    stop = [table.known(day) for day in table.split.stop]
    true = {}
    scores = [model.score(batch.given) for batch in stop]
    for task, p_N in raw.items():
        label_N = np.concatenate([b.label[task] for b in stop]).astype(np.float64)
        is_known = ~np.isnan(label_N)
        learned = Predicted(
            p_N=np.concatenate([one[task] for one in scores])[is_known].astype(np.float64),
            label_N=label_N[is_known],
            weight_N=np.ones(int(is_known.sum())),
            user_N=np.concatenate([b.user_N for b in stop])[is_known],
            segments={},
        )
        fitted = calibrate.fit(learned, CalibrateConfig())
        true[task] = fitted.apply(p_N.astype(np.float64), {})
    return _Predicted(raw, raw, true)


def _measured(batch: Batch, found: _Predicted, task: str, draws: Draws) -> Measured:
    label_N, score_N = batch.label[task].astype(np.float64), found.score[task]
    is_known = ~np.isnan(label_N)
    by_user = auc_by_user(
        draws.user_N[is_known], label_N[is_known] > 0, score_N[is_known], batch.weight_N[is_known]
    )
    whole, gauc = draws.interval(_aucs(batch, found, task, draws)), bootstrap(by_user, seed=1)
    if task not in found.true:
        return Measured(whole, gauc, _NOTHING, _NAN, _NAN, _NAN, _NAN)
    label_N, p_N = label_N[is_known], found.true[task][is_known]
    user_N, weight_N = draws.user_N[is_known], batch.weight_N[is_known]

    def error(chance_N: np.ndarray) -> float:
        return calibration_error(user_N, label_N, chance_N, weight_N, seed=1).value

    return Measured(
        whole,
        gauc,
        draws.interval(_losses(batch, found, task, draws)),
        normalised_entropy(label_N, p_N, weight_N),
        error(p_N),
        error(found.raw[task][is_known].astype(np.float64)),
        float(p_N.sum() / label_N.sum()) if label_N.sum() else _NAN,
    )


def _step(batch: Batch, below: _Predicted, found: _Predicted, task: str, draws: Draws) -> Step:
    aucs = _aucs(batch, found, task, draws) - _aucs(batch, below, task, draws)
    if task not in below.true:
        return Step(draws.interval(aucs), _NOTHING)
    losses = _losses(batch, found, task, draws) - _losses(batch, below, task, draws)
    return Step(draws.interval(aucs), draws.interval(losses))


def _aucs(batch: Batch, found: _Predicted, task: str, draws: Draws) -> np.ndarray:
    """AUC over all rows as they are, then for each resample of users: float64, 1 + R."""
    label_N, score_N = batch.label[task].astype(np.float64), found.score[task]
    rows = np.flatnonzero(~np.isnan(label_N))
    return draws.aucs(label_N[rows] > 0, score_N[rows], np.ones(len(rows)), rows=rows)


def _losses(batch: Batch, found: _Predicted, task: str, draws: Draws) -> np.ndarray:
    """Log loss likewise: float64, 1 + R."""
    label_N = batch.label[task].astype(np.float64)
    is_known = ~np.isnan(label_N)
    label_N, p_N = label_N[is_known], found.true[task][is_known]
    each_N = log_losses(label_N, p_N)
    num_users = draws.times_RU.shape[1]
    loss_U = np.bincount(draws.user_N[is_known], each_N, minlength=num_users)
    rows_U = np.bincount(draws.user_N[is_known], minlength=num_users)
    resampled = (draws.times_RU @ loss_U) / (draws.times_RU @ rows_U)
    return np.array([log_loss(label_N, p_N, np.ones(len(p_N))), *resampled])
