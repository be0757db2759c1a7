"""Fits the rankers of the nights that the calendar names, and keeps their files.

What a fit reads is decided by ``training.split``; how it is done stands with the ranker. Here the
lake's days become batches, and a fitted model becomes a row of rankers/gbdt.

A fit of few examples keeps one core busy, so several run side by side, in threads: growing trees
needs no interpreter. No row depends on it.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import version as version_of
from typing import Any, Final

from etl import tables
from etl.days import Days
from etl.surfaces import Surface
from orchestration.example_days import KEPT_EXAMPLES, ExampleDays
from orchestration.table_asset import Night
from training import labels, registry, split
from training.metrics import log_loss
from training.permitted import permitted
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.registry import ModelName
from training.split import CalendarConfig, Split, TooLittleToLearnError

_LIBRARIES: Final = ("xgboost", "numpy", "pyarrow", "nightmarket")
_SHOWN_FEATURES: Final = 20
_SIDE_BY_SIDE: Final = 4
"""Fits at most that run at once: each holds its quantised examples."""


def fit_nights(night: Night, surfaces: Sequence[Surface]) -> list[dict[str, Any]]:
    """Fit surfaces' rankers on those of the nights that the calendar names.

    Returns:
        Rows of ``tables.RANKERS_GBDT``, by surface and night.
    """
    calendar = CalendarConfig()
    asked = [
        (surface, day)
        for surface in surfaces
        for day in night.days
        if split.is_fit_night(day, first_day=night.lake.first_day, config=calendar)
    ]
    num_workers = max(1, min(len(asked), os.cpu_count() or 1, _SIDE_BY_SIDE))
    num_kept = KEPT_EXAMPLES // num_workers

    def fit(surface: Surface, day: date) -> dict[str, Any]:
        read = ExampleDays(night.lake.files, surface, day, calendar.num_days, num_kept=num_kept)
        return _fit_night(night, surface, day, read=read, calendar=calendar)

    with ThreadPoolExecutor(num_workers) as pool:
        fits = [pool.submit(fit, surface, day) for surface, day in asked]
        return [one.result() for one in fits]


def _fit_night(
    night: Night, surface: Surface, day: date, *, read: ExampleDays, calendar: CalendarConfig
) -> dict[str, Any]:
    learnable = Days(day - timedelta(days=calendar.num_days), day - timedelta(days=1))
    try:
        chosen = split.split(day, read.num_clicks(learnable), calendar)
    except TooLittleToLearnError as error:
        return _row(day, surface) | {"reason": str(error)}
    seed = night.workspace.settings.seed
    config = GbdtConfig()
    model = gbdt.fit(read, chosen, config, seed)
    counts = _counts(read, chosen)
    version = night.lake.files.version(tables.EXAMPLES[surface.name])
    said = {"seed": seed, "examples_version": version, "config": asdict(config)}
    manifest = _manifest(chosen, read, model) | _known(chosen, read, day, config) | counts | said
    name = ModelName(gbdt.NAME, surface.name, day)
    sha256 = registry.save(night.workspace.home.models, name, model.save(), manifest)
    return (
        _row(day, surface)
        | counts
        | {
            "is_fitted": True,
            "reason": f"every {calendar.fit_every_days} days",
            "sha256": sha256,
            "fit_first_date": chosen.fit.first,
            "fit_last_date": chosen.fit.last,
            "stop_date": chosen.stop.last,
            "num_trees": model.num_trees,
            "manifest": json.dumps(manifest, sort_keys=True, default=str),
        }
    )


def _row(day: date, surface: Surface) -> dict[str, Any]:
    empty = dict.fromkeys(tables.RANKERS_GBDT.column_names)
    named = {"arrival_date": day, "surface": surface.name, "ranker": gbdt.NAME, "model_date": day}
    return empty | named | {"is_fitted": False, "num_examples": 0, "num_clicks": 0, "num_orders": 0}


def _counts(read: ExampleDays, chosen: Split) -> dict[str, int]:
    batches = [read(day) for day in chosen.fit]
    return {
        "num_examples": sum(len(batch) for batch in batches),
        "num_clicks": sum(int(batch.label["click"].sum()) for batch in batches),
        "num_orders": sum(int(b.label["order"].sum()) for b in batches if "order" in b.label),
    }


def _manifest(chosen: Split, read: ExampleDays, model: Gbdt) -> dict[str, Any]:
    stop = [batch for batch in map(read, chosen.stop) if len(batch)]
    losses = [log_loss(b.label["click"], model.score(b.given)["click"], b.weight_N) for b in stop]
    gains = list(model.importance().items())[:_SHOWN_FEATURES]
    return {
        "features": model.encoder.names,
        "examination": asdict(model.examination),
        "fit_days": [str(chosen.fit.first), str(chosen.fit.last)],
        "stop_days": [str(chosen.stop.first), str(chosen.stop.last)],
        "stop_log_loss_by_day": [round(loss, 6) for loss in losses],
        "importance": {name: round(share, 4) for name, share in gains},
        "libraries": {name: version_of(name) for name in _LIBRARIES},
    }


def _known(chosen: Split, read: ExampleDays, night: date, config: GbdtConfig) -> dict[str, Any]:
    """What the examples were, and what of them the night knew."""
    found = permitted(map(read, chosen.fit), config.permitted)
    days = Days(chosen.fit.first, chosen.stop.last)
    return {
        "num_own_examples": found.num_own_examples,
        "reads_source_ranks": found.reads_source_ranks,
        "reads_positions": found.reads_positions,
        "label_maturity": {
            str(day): round(labels.maturity(batch, day, night), 3)
            for day, batch in zip(days, map(read, days), strict=True)
            if len(batch)
        },
    }
