"""Judges rankers on each night's examples, and keeps track of who serves.

A night is judged by everybody who could serve it: the fused order, the incumbent, and a ranker
fitted tonight. The champion of one night is the incumbent of the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from etl import tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration.fitting import DayReader
from orchestration.table_asset import Night
from scoring.rank import Serving
from training import evaluate, promote, registry
from training.evaluate import Judged
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.ranker import NONE, Batch
from training.registry import ModelName


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one night says of one surface's rankers."""

    champion: Champion
    reports: list[dict[str, Any]]
    """Rows of ``tables.RANKERS_REPORTS``."""


def judge_nights(night: Night, surface: Surface) -> Iterator[tuple[date, Judgement]]:
    """Judge every night of the run, each beside the champion of the night before."""
    read = DayReader(night.lake.files, surface)
    incumbent = _champion_before(night, surface)
    for day in night.days:
        found = _judge(night, surface, day, read(day), incumbent)
        incumbent = found.champion
        yield day, found


def serving(night: Night, surface: Surface, day: date) -> Serving:
    """Read who serves ``surface`` on ``day``, with his files."""
    champion = champion_of(night.lake.files, surface, day)
    if champion.ranker == NONE:
        return Serving(champion, "", {})
    sha256 = _sha256(night.lake.files, surface, champion.model_date)
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


def _champion_before(night: Night, surface: Surface) -> Champion:
    first = night.days.first
    if first <= night.lake.first_day:
        return promote.first(surface.name, first)
    before = first - timedelta(days=1)
    if before not in night.lake.made_days(tables.RANKERS_CHAMPIONS):
        # Nights before a backfill's first have no champion: nobody has been judged there.
        return promote.first(surface.name, first)
    return champion_of(night.lake.files, surface, before)


def _judge(
    night: Night, surface: Surface, day: date, batch: Batch, incumbent: Champion
) -> Judgement:
    new = _fitted_on(night, surface, day)
    if not len(batch):
        return Judgement(incumbent, [])
    fused = evaluate.fused_order(batch, day)
    old = (
        fused if incumbent.ranker == NONE else _scored(night, surface, incumbent.model_date, batch)
    )
    seed = night.workspace.settings.seed
    champion, judged = incumbent, [fused] if old is fused else [fused, old]
    if new:
        fresh = _scored(night, surface, day, batch)
        champion = promote.decide(incumbent, batch, old, fresh, night=day, seed=seed)
        judged.append(fresh)
    reports = [
        row
        for one in judged
        for row in evaluate.rows(batch, one, surface=surface.name, night=day, seed=seed)
    ]
    return Judgement(champion, reports)


def _fitted_on(night: Night, surface: Surface, day: date) -> bool:
    table = tables.RANKERS_GBDT
    if table.path in night.left_out and day not in night.lake.made_days(table):
        return False
    return _sha256(night.lake.files, surface, day) != ""


def _sha256(files: LakeFiles, surface: Surface, day: date) -> str:
    rows = files.arrow(tables.RANKERS_GBDT, one_day(day), where=pc.field("surface") == surface.name)
    return next((row["sha256"] for row in rows.to_pylist() if row["is_fitted"]), "")


def _scored(night: Night, surface: Surface, model_date: date, batch: Batch) -> Judged:
    sha256 = _sha256(night.lake.files, surface, model_date)
    name = ModelName(gbdt.NAME, surface.name, model_date)
    files = registry.read(night.workspace.home.models, name, sha256)
    return Judged(gbdt.NAME, model_date, registry.load(gbdt.NAME, files).score(batch.given))
