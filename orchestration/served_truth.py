"""Reads how true what was served has been, and asks for the verdict on it.

Judged is who served, surface by surface and task by task, on the newest days that together are
enough. A day on which a prediction had no calibration is passed over: there is no calibration to
blame. Where calibrations are of our own impressions alone, they are judged by these alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pyarrow.compute as pc

from etl import surfaces, tables
from etl.days import Days, one_day
from etl.lake_files import LakeFiles
from training import calibrations, evaluate
from training.calibration_metrics import PredictedToObserved
from training.calibration_verdict import Verdict, VerdictConfig, judge, pooled

_MOST_DAYS: Final = 28
_METRIC: Final = "predicted_to_observed"
_TO_99: Final = 2.576 / 1.96
"""How much wider a 99 % interval is than one of 95 %."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """How true the served predictions of one task were on one surface."""

    surface: str
    task: str
    first_date: date
    """The oldest day that it rests on."""
    last_date: date
    verdict: Verdict


def verdicts(files: LakeFiles, day: date, config: VerdictConfig) -> list[Served]:
    """Judge what was served up to a day, by surface and task; what was never judged is left out."""
    by_what: dict[tuple[str, str], list[Row]] = {}
    for row in _rows(files, day):
        by_what.setdefault((row["surface"], row["task"]), []).append(row)
    return [
        _served(rows, config)
        for surface in surfaces.ALL
        for task in surface.tasks
        if (rows := by_what.get((surface.name, task)))
    ]


def _served(rows: list[Row], config: VerdictConfig) -> Served:
    """Take days together, the newest first, until they are enough."""
    taken: list[Row] = []
    for row in sorted(rows, key=lambda row: row["examples_date"], reverse=True):
        taken.append(row)
        if sum(one["num_positives"] for one in taken) >= config.min_positives:
            break
    newest, oldest = taken[0], taken[-1]
    verdict = judge(pooled([_ratio(row) for row in taken]), config)
    days = oldest["examples_date"], newest["examples_date"]
    return Served(newest["surface"], newest["task"], *days, verdict)


def _ratio(row: Row) -> PredictedToObserved:
    value, low, high = row["value"], row["low"], row["high"]
    return PredictedToObserved(
        value=value,
        low_95=low,
        high_95=high,
        low_99=value - (value - low) * _TO_99,
        high_99=value + (high - value) * _TO_99,
        num_positives=row["num_positives"],
        num_users=row["num_users"],
    )


def _rows(files: LakeFiles, last: date) -> Iterator[Row]:
    """Ratios of who served on the day whose examples they are of, where they were calibrated."""
    first = max(last - timedelta(days=_MOST_DAYS - 1), files.first_day)
    needed = (tables.RANKERS_REPORTS, tables.RANKERS_CHAMPIONS, tables.RANKERS_CALIBRATORS)
    made = set.intersection(*(files.made_days(table) for table in needed))
    days = [day for day in Days(first, last) if day in made]
    segments = {key: one for day in days for key, one in _segments(files, day).items()}
    where = (pc.field("metric") == _METRIC) & pc.field("value").is_valid()
    for day in days:
        for row in files.arrow(tables.RANKERS_REPORTS, one_day(day), where=where).to_pylist():
            what = (row["examples_date"], row["surface"], row["task"])
            served = (row["ranker"], row["model_date"], row["segment"])
            if segments.get(what) == served:
                yield row


def _segments(files: LakeFiles, day: date) -> dict[tuple[date, str, str], tuple[str, date, str]]:
    """Say for a night's surfaces and tasks who served calibrated, and by what he is judged."""
    champions = {
        row["surface"]: (row["ranker"], row["model_date"])
        for row in files.arrow(tables.RANKERS_CHAMPIONS, one_day(day)).to_pylist()
    }
    found = {}
    fitted = pc.field("is_fitted")
    for row in files.arrow(tables.RANKERS_CALIBRATORS, one_day(day), where=fitted).to_pylist():
        model = (row["ranker"], row["model_date"])
        if champions.get(row["surface"]) == model:
            is_ours = row["shown_by"] == calibrations.US
            segment = evaluate.US if is_ours else evaluate.ALL
            found[day, row["surface"], row["task"]] = (*model, segment)
    return found
