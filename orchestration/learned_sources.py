"""Finds what the sources of a surface have learned by an evening: models and weights.

Reads tables and model files alone, so that an explanation need not wait for Dagster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.days import Days, one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from scoring.mixes import CandidatesConfig
from training import registry, split
from training.registry import ModelName
from training.retrieval import user_groups
from training.retrieval.learned import NIGHTLY, SourcesConfig
from training.split import CalendarConfig


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A fitted source's files, where the registry keeps them."""

    folder: Path
    """The home's folder of models."""
    name: ModelName
    sha256: str

    def read(self) -> dict[str, bytes]:
        """Read them by name."""
        return registry.read(self.folder, self.name, self.sha256)


@dataclass(frozen=True, slots=True)
class LearnedSources:
    """What the sources of one surface have learned by an evening."""

    models: Mapping[str, KeptModel]
    """By source."""
    weights: Mapping[str, tuple[float, ...]]
    """By source, for each group of users; of sources that have none the configured ones hold."""


def models_by(
    files: LakeFiles, models: Path, surface: Surface, evening: date, config: CandidatesConfig
) -> dict[str, KeptModel]:
    """Find the models that the learned sources of a mix were last fitted as by an evening.

    Args:
        files: The lake.
        models: The home's folder of models.
        surface: For which surface.
        evening: By which evening.
        config: Its mix.
    """
    asked = [name for name, share in config.mix.items() if name in NIGHTLY and share.num_items]
    found = {name: fitted_last(files, surface, name, evening, models) for name in asked}
    return {name: model for name, model in found.items() if model is not None}


def weights_by(files: LakeFiles, surface: Surface, evening: date) -> dict[str, tuple[float, ...]]:
    """Read what an evening's sources weigh, for each group of users."""
    own = pc.field("surface") == surface.name
    rows = files.arrow(tables.RETRIEVAL_WEIGHTS, one_day(evening), where=own).to_pylist()
    by_name = {(row["source"], row["user_group"]): row["weight"] for row in rows}
    names = sorted({source for source, _ in by_name})
    return {name: tuple(by_name[name, group] for group in user_groups.NAMES) for name in names}


def fitted_last(
    files: LakeFiles, surface: Surface, source: str, evening: date, models: Path
) -> KeptModel | None:
    """Find the model that a source was fitted as last by an evening, if there is one.

    A night that was made without training has no row; an older model serves on.
    """
    oldest = evening - timedelta(days=SourcesConfig().max_age_days)
    for day in reversed(list(Days(max(oldest, files.first_day), evening))):
        if not split.is_fit_night(day, first_day=files.first_day, config=CalendarConfig()):
            continue
        row = fit_of(files, surface, source, day)
        if row is not None and row["is_fitted"]:
            return KeptModel(models, ModelName(source, surface.name, day), row["sha256"])
    return None


def fit_of(files: LakeFiles, surface: Surface, source: str, day: date) -> dict[str, Any] | None:
    """Read a night's row of retrieval/<source>; None where the night was not made."""
    table = tables.RETRIEVAL_FITS[source]
    if files.missing_days(table, one_day(day)):
        return None
    rows: pa.Table = files.arrow(table, one_day(day), where=pc.field("surface") == surface.name)
    return next(iter(rows.to_pylist()), None)
