"""Rankers that may serve a surface on one night: loaded, calibrated, judged, measured.

Belongs here: what one model needs of the lake. Who among them serves is ``orchestration.judging``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final

from etl import tables
from etl.days import Days
from etl.silver.attribution import WINDOW_DAYS
from etl.surfaces import Surface
from orchestration import champions
from orchestration.example_days import ExampleDays
from orchestration.table_asset import Night
from training import calibrations, evaluate, importance, tasks
from training.calibrations import Calibrations, CalibrationsConfig, Fitted, Scored
from training.importance import ImportanceConfig
from training.judged import Judged
from training.promote import Challenger
from training.rankers.ranker import Batch, Ranker, UnknownModelError

DAYS_READ: Final = CalibrationsConfig().max_age_days
"""Days of examples before a night that calibrations and judgements read."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A fitted ranker, ready to score, with the calibrations of the night."""

    ranker: str
    model_date: date
    model: Ranker
    fit: dict[str, Any]
    """Its row of ``tables.RANKERS``."""
    fitted: dict[str, Fitted] = field(default_factory=dict)
    """By task tonight's calibrations, or why there are none."""

    @property
    def calibrations(self) -> Calibrations:
        """Those that there are."""
        known = {task: one.calibration for task, one in self.fitted.items()}
        return Calibrations({task: found for task, found in known.items() if found is not None})

    def judged(self, batch: Batch) -> Judged:
        """Score a day as if it served."""
        return evaluate.scored(self.model, self.model_date, batch, self.calibrations)

    def challenging(self, judged: Judged) -> Challenger:
        """Tell the rule what it costs."""
        known = json.loads(self.fit["manifest"])
        return Challenger(judged, known["score_cpu_seconds_per_million_rows"])


class Bench:
    """Where one night's contenders for one surface are made ready."""

    def __init__(self, night: Night, surface: Surface, day: date) -> None:
        self.night, self.surface, self.day = night, surface, day
        self.read, self._read_with_histories = (
            ExampleDays(
                night.lake.files,
                surface,
                day,
                DAYS_READ,
                max_a_day=night.workspace.settings.examples_a_day,
                with_histories=with_histories,
            )
            for with_histories in (False, True)
        )

    @property
    def seed(self) -> int:
        """Of bootstraps and draws."""
        return self.night.workspace.settings.seed

    def read_for(self, model: Ranker, day: date) -> Batch:
        """Read a day's examples with what a model wants to know of them."""
        return (self._read_with_histories if model.reads_histories else self.read)(day)

    def loaded(self, ranker: str, model_date: date) -> Contender:
        """Load a model.

        Raises:
            UnknownModelError: If it was not fitted, or its files are cut off, changed or of another
                version.
            MissingLibraryError: If what it needs is not installed.
        """
        fit = champions.fit_of(self.night.lake.files, self.surface, ranker, model_date)
        if fit is None:
            raise UnknownModelError(
                f"no {ranker} was fitted for {self.surface.name} on {model_date}"
            )
        model = champions.model_of(self.night.workspace.home.models, fit)
        return Contender(ranker, model_date, model, fit)

    def is_fitted_tonight(self, ranker: str) -> bool:
        """Tell whether the night has a new model; a night without training has none."""
        table = tables.RANKERS[ranker]
        if table.path in self.night.left_out and self.day not in self.night.lake.made_days(table):
            return False
        files = self.night.lake.files
        return champions.fit_of(files, self.surface, ranker, self.day) is not None

    def calibrate(self, contender: Contender) -> None:
        """Fit tonight's calibrations of what it predicts."""
        ages = self._unseen(contender)
        scored: dict[int, Scored] = {}

        def days(wanted: list[int]) -> Iterator[Scored]:
            for age in wanted:
                if age not in scored:
                    scored[age] = self._scored(contender, age)
                if len(scored[age].batch):
                    yield scored[age]

        config = CalibrationsConfig()
        for task in tasks.of_surface(self.surface.name):
            ripe_from = WINDOW_DAYS if self._waits else 0
            wanted = calibrations.order_of(task, ages, ripe_from=ripe_from)
            found = calibrations.fit(task, days(wanted), self.read.delays, config)
            contender.fitted[task.name] = found

    def calibrator_rows(self, contender: Contender) -> list[dict[str, Any]]:
        """Write a contender's calibrations as rows of ``tables.RANKERS_CALIBRATORS``."""
        return [
            self._named(contender) | {"task": task} | found.row()
            for task, found in contender.fitted.items()
        ]

    def importance_rows(self, contender: Contender, batch: Batch) -> list[dict[str, Any]]:
        """Measure its features: rows of ``tables.RANKERS_IMPORTANCE``."""
        found = importance.measured(
            contender.model, batch, seed=self.seed, config=ImportanceConfig()
        )
        return [self._named(contender) | row for row in found]

    def _named(self, contender: Contender) -> dict[str, Any]:
        return {
            "arrival_date": self.day,
            "surface": self.surface.name,
            "ranker": contender.ranker,
            "model_date": contender.model_date,
        }

    def _unseen(self, contender: Contender) -> list[int]:
        """Ages in days of those before the night that it has not learned from."""
        first = max(
            contender.fit["fit_last_date"] + timedelta(days=1),
            self.day - timedelta(days=DAYS_READ),
            self.night.lake.first_day,
        )
        last = self.day - timedelta(days=1)
        return [(self.day - day).days for day in Days(first, last)] if first <= last else []

    def _scored(self, contender: Contender, age_days: int) -> Scored:
        day = self.day - timedelta(days=age_days)
        batch = self.read_for(contender.model, day)
        return Scored(day, age_days, batch, contender.model.score(batch.given))

    @cached_property
    def _waits(self) -> bool:
        """Whether outcomes follow impressions days later; of candidates all is known at once."""
        last = self.day - timedelta(days=1)
        return last >= self.night.lake.first_day and self.read(last).given.has_positions
