"""Measures of one ranker on one day's examples: makes the rows of rankers/reports.

The fused candidate order is measured like a ranker, because it serves where no ranker does and
every ranker has to beat it; popularity-of-7-days, because it stands beside everything. Neither
predicts probabilities, so they have ranking measures only.

Measures are of all examples and of parts of them: by the item's age, the user's clicks, and who put
the item there. Those that are ratios of sums over users have intervals, and differences to the
incumbent's whose users are drawn for both at once. Shapes: N examples, U users, M measures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training import example_parts
from training.calibrations import NOTHING, Calibrations
from training.example_measures import Examples, Ratios
from training.inputs import Inputs
from training.judged import Judged
from training.metrics import Interval, bootstrap_ratios
from training.rankers.ranker import NONE, Batch, Ranker
from training.tasks import Task

_ROWS_AT_ONCE: Final = 1 << 17
"""Rows of which a copy is scored at a time."""

POPULARITY: Final = "popularity_7d"
"""The name under which popularity-of-7-days is judged."""


def fused_order(batch: Batch, day: date) -> Judged:
    """Score examples by the fused candidate order, for every task alike.

    What another policy showed and was no candidate of ours comes last, ties by item_no: there our
    order would not have shown it.
    """
    score = batch.given.number("fused_score")
    return _order(NONE, day, np.where(np.isnan(score), -np.inf, score), batch)


def popular_order(batch: Batch, day: date, popularity: pa.Table) -> Judged:
    """Score examples by popularity-of-7-days, for every task alike; ties by item_no.

    Args:
        batch: The day's examples.
        day: The day.
        popularity: Rows of ``tables.RETRIEVAL_POPULARITY`` of the surface and of scope all, of the
            evenings before they were shown; what is not listed comes last.
    """
    evening = popularity.column("arrival_date").cast(pa.int32()).to_numpy().astype(np.int64)
    key = evening << 32 | popularity.column("item_no").to_numpy()
    place_N = pc.index_in(
        pa.array(batch.evening_N << 32 | batch.given.item_N), value_set=pa.array(key)
    )
    num_users_N = popularity.column("num_users").take(place_N).fill_null(0).to_numpy()
    return _order(POPULARITY, day, num_users_N.astype(np.float64), batch)


def scored(
    model: Ranker, model_date: date, batch: Batch, calibrations: Calibrations = NOTHING
) -> Judged:
    """Let a fitted ranker score examples, and calibrate what it says."""
    at_one_place, raw = _at_one_place(model, batch.given), model.score(batch.given)
    return Judged(
        model.name,
        model_date,
        calibrations.apply(at_one_place, batch.given),
        calibrations.apply(raw, batch.given),
        {task: raw[task] for task in calibrations.by_task if task in raw},
    )


def _at_one_place(model: Ranker, given: Inputs) -> dict[str, np.ndarray]:
    """Score every row where scoring lets it stand, some at a time: those are copies."""
    told = []
    for first in range(0, max(len(given), 1), _ROWS_AT_ONCE):
        row_M = np.arange(first, min(first + _ROWS_AT_ONCE, len(given)))
        told.append(model.score(given.taken(row_M).at_scored_position()))
    return {task: np.concatenate([part[task] for part in told]) for task in told[0]}


def _order(name: str, day: date, score_N: np.ndarray, batch: Batch) -> Judged:
    return Judged(name, day, dict.fromkeys(batch.label, score_N), {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """Which examples are judged, by which night, and what of them."""

    surface: str
    night: date
    examples_date: date
    maturity: float
    """Share of the time in which outcomes are attributed that had passed by the night."""
    tasks: tuple[Task, ...]


def rows(
    batch: Batch,
    judged: Sequence[Judged],
    occasion: Occasion,
    *,
    beside: Judged | None,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Measure rankers on the same examples.

    Args:
        batch: The day's examples.
        judged: The rankers' scores of them.
        occasion: Which examples they are.
        beside: The one among them whose measures are taken off the others', paired by user.
        seed: Of the bootstrap.

    Yields:
        Rows of ``tables.RANKERS_REPORTS``.
    """
    parts = {ALL: np.ones(len(batch), bool), US: batch.is_own_N}
    parts |= example_parts.masks(example_parts.reported(batch))
    for task in occasion.tasks:
        for segment, is_in_N in parts.items():
            label_N = batch.label[task.name].astype(np.float64)
            rows_N = np.flatnonzero(is_in_N & ~np.isnan(label_N))
            if len(rows_N):
                examples = Examples.of(batch, rows_N, task)
                yield from _rows(examples, judged, (occasion, segment), beside=beside, seed=seed)
                if segment == ALL:
                    yield from _bins(examples, judged, occasion, seed=seed)


ALL: Final = "all"
"""The segment of all examples."""
US: Final = "shown_by=us"
"""The segment of what our publications showed, by order or by chance."""
_WITH_ERROR: Final = (ALL, US, *(f"shown_by={name}" for name in example_parts.SHOWN_BY))
"""Segments whose calibration error is measured."""


def _rows(
    examples: Examples,
    judged: Sequence[Judged],
    where: tuple[Occasion, str],
    *,
    beside: Judged | None,
    seed: int,
) -> Iterator[dict[str, Any]]:
    occasion, segment = where
    base = None if beside is None or segment != ALL else examples.ratios(beside)
    of_each = [examples.ratios(one) for one in judged]
    measured = _intervals(of_each, seed=seed)
    others = [
        {} if base is None or one is beside else _differing(found, base)
        for found, one in zip(of_each, judged, strict=True)
    ]
    differences = _intervals(others, seed=seed)
    for one, found, apart in zip(judged, measured, differences, strict=True):
        wholes = examples.wholes(one, with_error=segment in _WITH_ERROR, seed=seed)
        for metric, value in (found | wholes).items():
            row = _named(examples, one, (occasion, segment, metric))
            yield row | _value(value) | _difference(apart.get(metric, _NOTHING))


def _bins(
    examples: Examples, judged: Sequence[Judged], occasion: Occasion, *, seed: int
) -> Iterator[dict[str, Any]]:
    """The points of reliability pictures: mean prediction and mean label, by rising prediction."""
    for one in judged:
        for number, point in enumerate(examples.reliability(one, seed=seed)):
            for metric, value in point.items():
                row = _named(examples, one, (occasion, f"bin={number}", metric))
                yield row | _value(value) | _difference(_NOTHING)


def _named(examples: Examples, one: Judged, what: tuple[Occasion, str, str]) -> dict[str, Any]:
    occasion, segment, metric = what
    return {
        "arrival_date": occasion.night,
        "surface": occasion.surface,
        "ranker": one.ranker,
        "model_date": one.model_date,
        "task": examples.task.name,
        "segment": segment,
        "metric": metric,
        "examples_date": occasion.examples_date,
        "maturity": occasion.maturity,
        "num_positives": int((examples.label_N > 0).sum()),
    }


def _value(found: Interval) -> dict[str, Any]:
    return {
        "value": _or_none(found.mean),
        "low": _or_none(found.low),
        "high": _or_none(found.high),
        "num_users": found.num_users,
    }


def _difference(found: Interval) -> dict[str, Any]:
    return {
        "difference": _or_none(found.mean),
        "difference_low": _or_none(found.low),
        "difference_high": _or_none(found.high),
    }


_NAN: Final = float("nan")
_NOTHING: Final = Interval(_NAN, _NAN, _NAN, 0)


def _intervals(of_each: Sequence[Ratios], *, seed: int) -> list[dict[str, Interval]]:
    """Draw users once for all measures of all rankers."""
    parts = [pair for ratios in of_each for pair in ratios.values()]
    if not parts:
        return [{} for _ in of_each]
    upper_UM, lower_UM = (np.stack([pair[n] for pair in parts], axis=1) for n in (0, 1))
    found = iter(bootstrap_ratios(upper_UM, lower_UM, seed=seed))
    return [{name: _known(next(found)) for name in ratios} for ratios in of_each]


def _known(found: Interval) -> Interval:
    """Leave out a ratio with an infinite end, where nothing came."""
    ends = (found.mean, found.low, found.high)
    if not np.isfinite(ends).all():
        return replace(_NOTHING, num_users=found.num_users)
    # Of users who are all alike the ends differ from the mean by the last digit.
    return replace(found, low=min(ends), high=max(ends))


def _differing(found: Ratios, base: Ratios) -> Ratios:
    """Measures of one ranker less another's: of the same users, so that sums below are the same."""
    return {
        metric: (upper_U - base[metric][0], lower_U)
        for metric, (upper_U, lower_U) in found.items()
        if metric in base and np.array_equal(lower_U, base[metric][1])
    }


def _or_none(value: float) -> float | None:
    # Spark takes no numpy scalars.
    return None if np.isnan(value) else float(value)
