"""Judges rankers on each night's examples, and keeps track of who serves.

A night is judged by everybody who could serve it: the fused order, the incumbent, and a ranker
fitted tonight. The champion of one night is the incumbent of the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from etl import tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.silver.attribution import WINDOW_DAYS
from etl.surfaces import Surface
from etl.tables.ranking import RANKER_NAMES
from orchestration.example_days import ExampleDays
from orchestration.table_asset import Night
from scoring.rank import Serving
from training import evaluate, labels, promote, registry, tasks
from training.evaluate import Judged, Occasion
from training.promote import Champion
from training.rankers.ranker import NONE, Batch
from training.registry import ModelName
from training.tasks import Task


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one night says of one surface's rankers."""

    champion: Champion
    reports: list[dict[str, Any]]
    """Rows of ``tables.RANKERS_REPORTS``."""


def judge_nights(night: Night, surface: Surface) -> Iterator[tuple[date, Judgement]]:
    """Judge every night of the run, each beside the champion of the night before."""
    champions = _Champions(night, surface)
    for day in night.days:
        found = _judge(night, surface, day, champions)
        champions.of_run[day] = found.champion
        yield day, found


def serving(night: Night, surface: Surface, day: date) -> Serving:
    """Read who serves ``surface`` on ``day``, with his files."""
    champion = champion_of(night.lake.files, surface, day)
    if champion.ranker == NONE:
        return Serving(champion, "", {})
    sha256 = _sha256(night.lake.files, surface, champion.ranker, champion.model_date)
    name = ModelName(champion.ranker, surface.name, champion.model_date)
    return Serving(champion, sha256, registry.read(night.workspace.home.models, name, sha256))


def champion_of(files: LakeFiles, surface: Surface, day: date) -> Champion:
    """Read a night's champion from rankers/champions."""
    rows = files.arrow(
        tables.RANKERS_CHAMPIONS, one_day(day), where=pc.field("surface") == surface.name
    )
    [row] = rows.to_pylist()
    return Champion(
        row["surface"],
        row["ranker"],
        row["model_date"],
        row["since_date"],
        row["decided_by"],
        row["reason"],
    )


@dataclass(frozen=True, slots=True)
class _Champions:
    """Who served one surface: on the nights of the run so far, and in the lake before them."""

    night: Night
    surface: Surface
    of_run: dict[date, Champion] = field(default_factory=dict)

    def on(self, day: date) -> Champion | None:
        """Who served on ``day``; None where nobody has been judged."""
        if day in self.of_run or day >= self.night.days.first:
            return self.of_run.get(day)
        made = self.night.lake.made_days(tables.RANKERS_CHAMPIONS)
        is_there = day >= self.night.lake.first_day and day in made
        return champion_of(self.night.lake.files, self.surface, day) if is_there else None

    def before(self, day: date) -> Champion:
        """Who served until ``day``."""
        # Nights before a backfill's first have no champion.
        return self.on(day - timedelta(days=1)) or promote.first(self.surface.name, day)


def _judge(night: Night, surface: Surface, day: date, champions: _Champions) -> Judgement:
    incumbent = champions.before(day)
    read = ExampleDays(night.lake.files, surface, day, WINDOW_DAYS)
    batch = read(day)
    if not len(batch):
        return Judgement(incumbent, [])
    bench = _Bench(night, surface, day, read)
    old, judged = bench.incumbent(batch, day, incumbent)
    champion, seed = incumbent, night.workspace.settings.seed
    for ranker in RANKER_NAMES:
        if _fitted_on(night, surface, ranker, day):
            fresh = bench.scored(batch, ranker, day)
            champion = promote.decide(incumbent, batch, old, fresh, night=day, seed=seed)
            judged.append(fresh)
    return Judgement(champion, [*bench.reports(batch, judged), *bench.matured(batch, champions)])


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where the rankers of one night are judged."""

    night: Night
    surface: Surface
    day: date
    read: ExampleDays

    def incumbent(self, batch: Batch, day: date, champion: Champion) -> tuple[Judged, list[Judged]]:
        """Score a day by who served, and by what stands beside everybody."""
        fused = evaluate.fused_order(batch, day)
        judged = [fused, evaluate.popular_order(batch, day, self.read.popularity(day))]
        if champion.ranker == NONE:
            return fused, judged
        old = self.scored(batch, champion.ranker, champion.model_date)
        return old, [*judged, old]

    def scored(self, batch: Batch, ranker: str, model_date: date) -> Judged:
        """Score a day by the ranker of a night."""
        sha256 = _sha256(self.night.lake.files, self.surface, ranker, model_date)
        name = ModelName(ranker, self.surface.name, model_date)
        files = registry.read(self.night.workspace.home.models, name, sha256)
        return evaluate.scored(registry.load(ranker, files), model_date, batch)

    def reports(self, batch: Batch, judged: list[Judged]) -> list[dict[str, Any]]:
        """Measure the night's own day; what follows impressions days later is left for later."""
        waits = batch.given.has_positions
        now = tuple(task for task in self._tasks if not (waits and task.is_delayed))
        return self._rows(batch, judged, self.day, now)

    def matured(self, batch: Batch, champions: _Champions) -> list[dict[str, Any]]:
        """Measure what is delayed, on the newest day whose labels are mature.

        Judged is who served on that day: he was fitted before it, as whoever serves now was not.
        """
        day = self.day - timedelta(days=WINDOW_DAYS)
        champion = champions.on(day)
        if not batch.given.has_positions or champion is None:
            return []
        known = self.read(day)
        if not len(known):
            return []
        _, judged = self.incumbent(known, day, champion)
        return self._rows(known, judged, day, tuple(t for t in self._tasks if t.is_delayed))

    @property
    def _tasks(self) -> tuple[Task, ...]:
        return tasks.of_surface(self.surface.name)

    def _rows(
        self, batch: Batch, judged: list[Judged], day: date, measured: tuple[Task, ...]
    ) -> list[dict[str, Any]]:
        occasion = Occasion(
            surface=self.surface.name,
            night=self.day,
            examples_date=day,
            maturity=labels.maturity(batch, day, self.day),
            tasks=measured,
        )
        seed = self.night.workspace.settings.seed
        return [row for one in judged for row in evaluate.rows(batch, one, occasion, seed=seed)]


def _fitted_on(night: Night, surface: Surface, ranker: str, day: date) -> bool:
    table = tables.RANKERS[ranker]
    if table.path in night.left_out and day not in night.lake.made_days(table):
        return False
    return _sha256(night.lake.files, surface, ranker, day) != ""


def _sha256(files: LakeFiles, surface: Surface, ranker: str, day: date) -> str:
    of_surface = pc.field("surface") == surface.name
    rows = files.arrow(tables.RANKERS[ranker], one_day(day), where=of_surface)
    return next((row["sha256"] for row in rows.to_pylist() if row["is_fitted"]), "")
