"""Fits the learned sources of the nights that the calendar names.

What is learned from stands in ``training.retrieval.touched``, how with each source. Here the lake's
days become histories, and a fitted source becomes a row of retrieval/<source>.
"""

import json
import threading
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version as version_of
from typing import Any, Final

import pyarrow.compute as pc

from etl import surfaces, tables
from etl.days import Days, last_full, one_day
from etl.lake import Lake
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration.learned_sources import KeptModel, fit_of
from orchestration.night_files import Sender
from orchestration.table_asset import Night
from training import registry, split
from training.item_side import ItemSide
from training.lookup import find
from training.registry import ModelName
from training.retrieval.fitted import Fitted
from training.retrieval.interactions import Interactions
from training.retrieval.learned import Learned, SourcesConfig
from training.retrieval.source import Parent
from training.retrieval.touched import Catalogue, Touched
from training.split import CalendarConfig

_BETWEEN: Final = timedelta(days=CalendarConfig().fit_every_days)
_LIBRARIES: Final = ("numpy", "scipy", "nightmarket")
_reading: Final = threading.Lock()
"""Sources fitted side by side read the same histories: the first reads, the others wait."""


def fit_nights(night: Night, learned: Learned) -> list[dict[str, Any]]:
    """Fit a source for every surface on those of the nights that the calendar names.

    Returns:
        Rows of ``tables.RETRIEVAL_FITS[learned.name]``.
    """
    fits = _Fits(night, learned)
    for day in night.days:
        if split.is_fit_night(day, first_day=night.lake.first_day, config=CalendarConfig()):
            for surface in surfaces.ALL:
                fits.rows.append(_row(day, surface) | fits.fit(surface, day))
    return fits.rows


def _row(day: date, surface: Surface) -> dict[str, Any]:
    empty = {"is_fitted": False, "sha256": None, "parent_date": None, "manifest": None}
    counts = {"num_users": 0, "num_items": 0, "num_visits": 0}
    return {"arrival_date": day, "surface": surface.name} | empty | counts


@dataclass(frozen=True, slots=True)
class _Fits:
    """One source's fits of one run."""

    night: Night
    learned: Learned
    rows: list[dict[str, Any]] = field(default_factory=list)

    def fit(self, surface: Surface, day: date) -> dict[str, Any]:
        """Fit it for one surface, or say why not."""
        reason = self._why_not(surface)
        if reason:
            return {"reason": reason}
        config = SourcesConfig()
        catalogue, interactions = _learned_from(self.night.lake, surface, day, config)
        counts = {
            "num_users": len(interactions),
            "num_items": interactions.num_items,
            "num_visits": len(interactions.item_N),
        }
        if counts["num_visits"] < config.min_visits:
            needed = f"{counts['num_visits']} visits; {config.min_visits} are needed"
            return counts | {"reason": needed}
        return counts | self._kept(
            ModelName(self.learned.name, surface.name, day), catalogue, interactions
        )

    def _why_not(self, surface: Surface) -> str:
        mix = self.night.workspace.settings.candidate_config(surface.name).mix
        if self.learned.name not in mix or not mix[self.learned.name].num_items:
            return f"no part in the candidates of {surface.name}"
        if not self.learned.is_available:
            return f"{self.learned.needs} is not installed (make setup)"
        return ""

    def _kept(
        self, name: ModelName, catalogue: Catalogue, interactions: Interactions
    ) -> dict[str, Any]:
        """Fit it and keep its files."""
        seed, chosen = self.night.workspace.settings.seed, self.learned.configured({})
        parent = self._parent(name)
        given = _parent_of(parent, catalogue) if parent else None
        source = self.learned.fit(interactions, config=chosen, seed=seed, parent=given)
        parent_date = name.night - _BETWEEN if parent else None
        manifest = {
            "config": asdict(chosen),
            "seed": seed,
            "parent_date": parent_date,
            "libraries": {library: version_of(library) for library in _LIBRARIES},
        }
        files = Fitted(self.learned, catalogue.item_no_I, source).save()
        sha256 = registry.save(self.night.workspace.home.models, name, files, manifest)
        return {
            "is_fitted": True,
            "reason": f"every {_BETWEEN.days} days" + (", from the fit before" if parent else ""),
            "sha256": sha256,
            "parent_date": parent_date,
            "manifest": json.dumps(manifest, sort_keys=True, default=str),
        }

    def _parent(self, name: ModelName) -> Fitted | None:
        """Read the fit before, where this one is to go on from it."""
        before = name.night - _BETWEEN
        number = (name.night - self.night.lake.first_day) // _BETWEEN
        if not self.learned.is_warm or number % SourcesConfig().cold_every == 0:
            return None
        own = (row for row in self.rows if row["arrival_date"] == before)
        row = next((row for row in own if row["surface"] == name.surface), None)
        if row is None and before < self.night.days.first:
            row = fit_of(self.night.lake.files, surfaces.named(name.surface), name.ranker, before)
        if row is None or not row["is_fitted"]:
            return None
        models = self.night.workspace.home.models
        kept = KeptModel(models, replace(name, night=before), row["sha256"])
        return Fitted.load(self.learned, kept.read())


def _parent_of(fitted: Fitted, catalogue: Catalogue) -> Parent:
    return Parent(fitted.source, find(fitted.item_no_I, catalogue.item_no_I))


def _learned_from(
    lake: Lake, surface: Surface, day: date, config: SourcesConfig
) -> tuple[Catalogue, Interactions]:
    items = ItemSide.read(Sender.of(lake).item_side(day))
    catalogue = Catalogue.of(items, surface)
    with _reading:
        version = lake.files.version(tables.FEATURES_USER_HISTORY)
        touched = _touched(lake.files, day, version, config.max_users)
    return catalogue, touched.visits(catalogue)


@lru_cache(maxsize=2)
def _touched(files: LakeFiles, day: date, version: int | None, max_users: int) -> Touched:
    """Read everybody's histories as known at the end of a day; who opted out is left out."""
    del version
    users = files.arrow(
        tables.FEATURES_USER_DAILY,
        one_day(day),
        columns=["user_id"],
        where=pc.field("is_personalisation_off"),
    )
    batches = files.batches(
        tables.FEATURES_USER_HISTORY,
        Days(last_full(day, files.first_day), day),
        columns=["user_id", "arrival_date", "short"],
    )
    opted_out = frozenset(users.column("user_id").to_pylist())
    return Touched.of(batches, opted_out=opted_out, max_users=max_users)
