"""Fits the learned sources of the nights that the calendar names, and finds who was fitted last.

What is learned from stands in ``training.retrieval.touched``, how with each source. Here the lake's
days become histories, and a fitted source becomes a row of retrieval/<source>.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from functools import lru_cache
from importlib.metadata import version as version_of
from typing import Any, Final

import pyarrow.compute as pc

from etl import surfaces, tables
from etl.days import Days, last_full, one_day
from etl.lake import Lake
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration.night_files import Sender
from orchestration.table_asset import Night
from training import registry, split
from training.item_side import ItemSide
from training.registry import ModelName
from training.retrieval.fitted import Fitted
from training.retrieval.interactions import Interactions
from training.retrieval.learned import Learned, SourcesConfig
from training.retrieval.touched import Catalogue, Touched
from training.split import CalendarConfig

_LIBRARIES: Final = ("numpy", "scipy", "nightmarket")
_reading: Final = threading.Lock()
"""Sources fitted side by side read the same histories: the first reads, the others wait."""


def fit_nights(night: Night, learned: Learned) -> Iterator[dict[str, Any]]:
    """Fit a source for every surface on those of the nights that the calendar names.

    Yields:
        Rows of ``tables.RETRIEVAL_FITS[learned.name]``.
    """
    for day in night.days:
        if split.is_fit_night(day, first_day=night.lake.first_day, config=CalendarConfig()):
            for surface in surfaces.ALL:
                yield _row(day, surface) | _fit(night, learned, surface, day)


def _row(day: date, surface: Surface) -> dict[str, Any]:
    empty = {"is_fitted": False, "sha256": None, "manifest": None}
    counts = {"num_users": 0, "num_items": 0, "num_visits": 0}
    return {"arrival_date": day, "surface": surface.name} | empty | counts


def _fit(night: Night, learned: Learned, surface: Surface, day: date) -> dict[str, Any]:
    config = SourcesConfig()
    share = night.workspace.settings.candidate_config(surface.name).mix.get(learned.name)
    if share is None or not share.num_items:
        return {"reason": f"no part in the candidates of {surface.name}"}
    if not learned.is_available:
        return {"reason": f"{learned.needs} is not installed (make setup)"}
    catalogue, interactions = _learned_from(night.lake, surface, day, config)
    counts = {
        "num_users": len(interactions),
        "num_items": interactions.num_items,
        "num_visits": len(interactions.item_N),
    }
    if counts["num_visits"] < config.min_visits:
        needed = f"{counts['num_visits']} visits; {config.min_visits} are needed"
        return counts | {"reason": needed}
    seed = night.workspace.settings.seed
    chosen = learned.configured({})
    source = learned.fit(interactions, config=chosen, seed=seed)
    manifest = {
        "config": asdict(chosen),
        "seed": seed,
        "libraries": {name: version_of(name) for name in _LIBRARIES},
    }
    files = Fitted(learned, catalogue.item_no_I, source).save()
    name = ModelName(learned.name, surface.name, day)
    sha256 = registry.save(night.workspace.home.models, name, files, manifest | counts)
    said = json.dumps(manifest, sort_keys=True, default=str)
    return counts | {
        "is_fitted": True,
        "reason": f"every {CalendarConfig().fit_every_days} days",
        "sha256": sha256,
        "manifest": said,
    }


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
