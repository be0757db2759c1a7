"""Reads who serves a surface on a night, with his files and his calibrations.

Reads tables and model files alone, so that an explanation need not wait for Dagster.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from etl import tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables import Table
from scoring.rank import Serving
from training import calibrations, registry
from training.promote import Champion
from training.rankers.ranker import NONE, Ranker, UnknownModelError
from training.registry import ModelName


def serving(files: LakeFiles, models: Path, surface: Surface, day: date) -> Serving:
    """Read who serves ``surface`` on ``day``, with his files and his calibrations of that night."""
    champion = champion_of(files, surface, day)
    if champion.ranker == NONE:
        return Serving(champion, "", {})
    fitted = fit_of(files, surface, champion.ranker, champion.model_date)
    sha256 = fitted["sha256"] if fitted else ""
    name = ModelName(champion.ranker, surface.name, champion.model_date)
    written = calibrations_of(files, surface, champion, day)
    return Serving(champion, sha256, registry.read(models, name, sha256), written)


def champion_of(files: LakeFiles, surface: Surface, day: date) -> Champion:
    """Read a night's champion from rankers/champions."""
    [row] = _rows(files, tables.RANKERS_CHAMPIONS, surface, day)
    return Champion(
        row["surface"],
        row["ranker"],
        row["model_date"],
        row["since_date"],
        row["decided_by"],
        row["reason"],
    )


def fit_of(files: LakeFiles, surface: Surface, ranker: str, day: date) -> dict[str, Any] | None:
    """Read a night's row of rankers/<ranker>; None where nothing was fitted."""
    rows = _rows(files, tables.RANKERS[ranker], surface, day)
    return next((row for row in rows if row["is_fitted"]), None)


def model_of(models: Path, fit: Mapping[str, Any]) -> Ranker:
    """Load the model of a row of ``tables.RANKERS``.

    Raises:
        UnknownModelError: If its files are cut off, changed or of another version.
        MissingLibraryError: If what it needs is not installed.
    """
    name = ModelName(fit["ranker"], fit["surface"], fit["model_date"])
    return registry.load(name.ranker, registry.read(models, name, fit["sha256"]))


def calibrations_of(
    files: LakeFiles, surface: Surface, champion: Champion, day: date
) -> dict[str, str]:
    """Read a night's calibrations of who serves: JSON by task.

    Raises:
        UnknownModelError: If one is not the one that was written.
    """
    rows = _rows(files, tables.RANKERS_CALIBRATORS, surface, day)
    return written_of(rows, champion)


def written_of(rows: list[dict[str, Any]], champion: Champion) -> dict[str, str]:
    """Take one model's calibrations out of rows of ``tables.RANKERS_CALIBRATORS``."""
    found = {}
    for row in rows:
        is_his = (row["ranker"], row["model_date"]) == (champion.ranker, champion.model_date)
        if is_his and row["is_fitted"]:
            _require_same(row)
            found[row["task"]] = row["calibration"]
    return found


def _require_same(row: Mapping[str, Any]) -> None:
    if calibrations.sha256_of(row["calibration"]) != row["sha256"]:
        raise UnknownModelError(
            f"the calibration of {row['ranker']} {row['model_date']} for {row['task']} is not the "
            f"one that was written (sha256 differs). Make it again: nightmarket backfill --from "
            f"{row['arrival_date']} --to {row['arrival_date']}"
        )


def _rows(files: LakeFiles, table: Table, surface: Surface, day: date) -> list[dict[str, Any]]:
    of_surface = pc.field("surface") == surface.name
    found: list[dict[str, Any]] = files.arrow(table, one_day(day), where=of_surface).to_pylist()
    return found
