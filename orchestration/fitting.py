"""Fits a ranker on the nights that its calendar names, and keeps its files.

What a fit reads is decided by ``training.split``; how it is done stands with the ranker. Here the
lake's days become batches, and a fitted model becomes a row of rankers/<name>. Where nothing can be
fitted, the row says why, and who served goes on.

A fit of few examples keeps one core busy, so several run side by side, in threads: growing trees
needs no interpreter. No row depends on it.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version as version_of
from typing import Any, Final

from etl import tables
from etl.days import Days
from etl.surfaces import Surface
from orchestration.example_days import KEPT_EXAMPLES, ExampleDays
from orchestration.table_asset import Night
from training import labels, registry, split
from training.inputs import OF_SOURCES
from training.metrics import log_loss
from training.permitted import PermittedConfig, permitted
from training.rankers.ranker import Batch, Ranker, Telling
from training.registry import ModelName
from training.split import Split, UnfittedError

_LIBRARIES: Final = ("xgboost", "torch", "numpy", "pyarrow", "nightmarket")
_SIDE_BY_SIDE: Final = 4
"""Fits at most that run at once: each holds its quantised examples."""
_MILLION: Final = 1_000_000


def fit_nights(night: Night, surfaces: Sequence[Surface], ranker: str) -> list[dict[str, Any]]:
    """Fit a ranker for surfaces on those of the nights that its calendar names.

    Returns:
        Rows of ``tables.RANKERS[ranker]``, by surface and night.
    """
    calendar = registry.CALENDARS[ranker]
    asked = [
        (surface, day)
        for surface in surfaces
        for day in night.days
        if split.is_fit_night(day, first_day=night.lake.first_day, config=calendar)
    ]
    if ranker not in night.workspace.settings.rankers:
        reason = f"not asked for: NIGHTMARKET_RANKERS does not name {ranker}"
        return [_row(day, surface, ranker) | {"reason": reason} for surface, day in asked]
    num_workers = max(1, min(len(asked), os.cpu_count() or 1, _SIDE_BY_SIDE))
    num_kept = KEPT_EXAMPLES // num_workers

    def fit(surface: Surface, day: date) -> dict[str, Any]:
        read = ExampleDays(
            night.lake.files,
            surface,
            day,
            calendar.num_days,
            num_kept=num_kept,
            max_a_day=night.workspace.settings.examples_a_day,
            with_histories=ranker in registry.SEQUENTIAL,
        )
        return _Fit(night, surface, day, ranker, read).row()

    with ThreadPoolExecutor(num_workers) as pool:
        fits = [pool.submit(fit, surface, day) for surface, day in asked]
        return [one.result() for one in fits]


def _row(day: date, surface: Surface, ranker: str) -> dict[str, Any]:
    empty = dict.fromkeys(tables.RANKERS[ranker].column_names)
    named = {"arrival_date": day, "surface": surface.name, "ranker": ranker, "model_date": day}
    return empty | named | {"is_fitted": False, "num_examples": 0, "num_clicks": 0, "num_orders": 0}


@dataclass(frozen=True, slots=True)
class _Fit:
    """One ranker's fit of one night for one surface."""

    night: Night
    surface: Surface
    day: date
    ranker: str
    read: ExampleDays

    def row(self) -> dict[str, Any]:
        """Fit it and keep its files, or say why not: a row of ``tables.RANKERS[ranker]``."""
        empty = _row(self.day, self.surface, self.ranker)
        try:
            settings = self.night.workspace.settings
            config = registry.config_of(self.ranker, **settings.network_learning)
            return empty | self._fitted(self._split(), config)
        except UnfittedError as error:
            return empty | {"reason": str(error)}

    def _split(self) -> Split:
        calendar = registry.CALENDARS[self.ranker]
        learnable = Days(self.day - timedelta(days=calendar.num_days), self.day - timedelta(days=1))
        chosen = split.split(self.day, self.read.num_clicks(learnable), calendar)
        for days in (chosen.fit, chosen.stop):
            found = _counts([self.read(day) for day in days])
            split.require_both_kinds(found["num_examples"], found["num_clicks"], days)
        return chosen

    def _fitted(self, chosen: Split, config: Any) -> dict[str, Any]:  # noqa: ANN401
        seed = self.night.workspace.settings.seed
        model = registry.fit(self.ranker, self.read.for_learning, chosen, config=config, seed=seed)
        counts = _counts([self.read(day) for day in chosen.fit])
        files = model.save()
        manifest = {
            **self._stopped(chosen, model),
            **self._known(chosen, model),
            **counts,
            **(model.facts() if isinstance(model, Telling) else {}),
            "features": [*model.layout.numeric, *model.layout.words],
            "fit_days": [str(chosen.fit.first), str(chosen.fit.last)],
            "stop_days": [str(chosen.stop.first), str(chosen.stop.last)],
            "seed": seed,
            "examples_version": self.night.lake.files.version(tables.EXAMPLES[self.surface.name]),
            "config": asdict(config),
            "libraries": _libraries(),
            "num_bytes": sum(map(len, files.values())),
        }
        name = ModelName(self.ranker, self.surface.name, self.day)
        sha256 = registry.save(self.night.workspace.home.models, name, files, manifest)
        every = registry.CALENDARS[self.ranker].fit_every_days
        return counts | {
            "is_fitted": True,
            "reason": f"every {every} days",
            "sha256": sha256,
            "fit_first_date": chosen.fit.first,
            "fit_last_date": chosen.fit.last,
            "stop_date": chosen.stop.last,
            "manifest": json.dumps(manifest, sort_keys=True, default=str),
        }

    def _stopped(self, chosen: Split, model: Ranker) -> dict[str, Any]:
        """How true it is on the days that it stopped on, and what scoring them costs."""
        losses, num_rows, spent = [], 0, 0.0
        for batch in map(self.read, chosen.stop):
            if len(batch):
                begun = time.thread_time()
                p_N = model.score(batch.given)["click"]
                spent += time.thread_time() - begun
                num_rows += len(batch)
                losses.append(log_loss(batch.label["click"], p_N, batch.weight_N))
        return {
            "stop_log_loss_by_day": [round(loss, 6) for loss in losses],
            "score_cpu_seconds_per_million_rows": round(spent / max(num_rows, 1) * _MILLION, 2),
        }

    def _known(self, chosen: Split, model: Ranker) -> dict[str, Any]:
        """What the examples were, and what of them the night knew."""
        found = permitted(map(self.read, chosen.fit), PermittedConfig())
        days = Days(chosen.fit.first, chosen.stop.last)
        return {
            "num_own_examples": found.num_own_examples,
            "reads_source_ranks": not OF_SOURCES.isdisjoint(model.layout.numeric),
            "reads_positions": found.reads_positions,
            "share_of_users": {str(day): round(self.read.share(day), 6) for day in days},
            "label_maturity": {
                str(day): round(labels.maturity(batch, day, self.day), 3)
                for day, batch in zip(days, map(self.read, days), strict=True)
                if len(batch)
            },
        }


def _counts(batches: Sequence[Batch]) -> dict[str, int]:
    return {
        "num_examples": sum(len(batch) for batch in batches),
        "num_clicks": sum(int(batch.label["click"].sum()) for batch in batches),
        "num_orders": sum(int(b.label["order"].sum()) for b in batches if "order" in b.label),
    }


def _libraries() -> Mapping[str, str]:
    """Versions of those that are installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version_of(name)
        except ImportError:
            continue
    return found
