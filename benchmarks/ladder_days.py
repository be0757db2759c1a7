"""Days of a home's lake as examples: the newest are judged, those before them learned from.

A fit is made as on the night before the days judged: with what was known of labels by then. The
days judged are labelled by all that the lake knows, which of orders is not yet all: every ranker is
judged by the same. Shapes: N rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np

from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration.example_days import ExampleDays
from training import evaluate, tasks
from training.rankers.ranker import Batch
from training.split import CalendarConfig, Split, TooLittleToLearnError

_LONGEST: Final = CalendarConfig().num_days
"""Days that a night learns from at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DaysConfig:
    """Which days are which."""

    num_judged: int = 3
    """The newest days."""
    num_stopping: int = 2
    """Days before them that rankers stop on and are calibrated on."""
    first: date | None = None
    """The first day to learn from; the lake's first evening before examples if None."""


@dataclass(frozen=True)
class LakeDays:
    """One surface's examples of a home."""

    learnable: ExampleDays
    later: ExampleDays
    split: Split
    days: Days
    """Those judged."""
    names: Mapping[str, str]

    @classmethod
    def of(cls, home: Home, surface: Surface, last: date, config: DaysConfig) -> "LakeDays":
        """Choose the days.

        Args:
            home: Whose lake is read.
            surface: Whose examples.
            last: The newest day judged.
            config: How many days are judged and stopped on.

        Raises:
            TooLittleToLearnError: If no day is left to learn from.
        """
        files = LakeFiles(home.lake, home.first_day())
        judged = Days(last - timedelta(days=config.num_judged - 1), last)
        night = judged.first - timedelta(days=1)
        stop = Days(night - timedelta(days=config.num_stopping - 1), night)
        first = max(config.first or files.first_day, night - timedelta(days=_LONGEST))
        if first >= stop.first:
            raise TooLittleToLearnError(f"no day is left to learn from before {stop.first}")
        split = Split(Days(first, stop.first - timedelta(days=1)), stop)
        return cls(
            ExampleDays(files, surface, night, _LONGEST, with_histories=True),
            ExampleDays(files, surface, last, config.num_judged, with_histories=True),
            split,
            judged,
            {task.name: task.name for task in tasks.of_surface(surface.name)},
        )

    def batch(self, day: date) -> Batch:
        """Read a day as rankers learn from it."""
        return self.learnable.for_learning(day)

    def known(self, day: date) -> Batch:
        """Read it with the labels that the night knows: of orders those that have been heard of."""
        return self.learnable(day)

    @cached_property
    def judged(self) -> Batch:
        """Read the days judged."""
        return self.later.together(self.days)

    @cached_property
    def popular_N(self) -> np.ndarray:
        """Popularity-of-7-days of each judged row's item, the evening before: float64."""
        popularity = self.later.popularity(self.days)
        judged = evaluate.popular_order(self.judged, self.days.last, popularity)
        return judged.scores["click"]
