"""``python -m benchmarks.calibration HOME``: how true the chances are that a home's nights served.

Every day's examples are predicted by who served on it: the champion of the evening before, with
that evening's calibrations, each example at the place where it was shown. Days are pooled, as far
as the lake has them, and labels are as it knows them at its end. Of a day whose evening before was
served by the fused order, or by a ranker without a calibration of the task, nothing is said.

The goal: predicted over observed within 3 % of 1, and a calibration error of 5 % of the base rate,
of 4,500 positives (``training.calibration_metrics`` on what chance gives).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from etl import surfaces, tables
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration import champions
from orchestration.example_days import ExampleDays
from scoring import rank
from training import evaluate, example_parts
from training.calibration_metrics import calibration_error, predicted_to_observed
from training.judged import Judged
from training.rankers.ranker import NONE, Batch

ENOUGH: Final = 4_500
"""Positives for which the goal is stated."""
_MAX_APART, _MAX_ERROR = 0.03, 0.05


@dataclass(frozen=True, slots=True)
class Served:
    """N examples of some days with a task's served chances."""

    user_N: np.ndarray
    """int64: users of a day; the same one on another day counts as another."""
    label_N: np.ndarray
    p_N: np.ndarray
    uncalibrated_N: np.ndarray
    weight_N: np.ndarray
    of_chance_N: np.ndarray
    """bool: exploration placed it."""

    def kept(self, is_kept_N: np.ndarray) -> "Served":
        """Keep some examples."""
        return Served(*(getattr(self, name)[is_kept_N] for name in self.__slots__))


def served_days(files: LakeFiles, models: Path, surface: Surface) -> Iterator[dict[str, Served]]:
    """Predict each day's examples by who served on it: by task, of days that have any."""
    table = tables.EXAMPLES[surface.name]
    made = sorted(files.made_days(table))
    judged_on = files.made_days(tables.RANKERS_CHAMPIONS)
    if not made:
        return
    last, num_days = made[-1], (made[-1] - made[0]).days
    plain = ExampleDays(files, surface, last, num_days)
    remembering = ExampleDays(files, surface, last, num_days, with_histories=True)
    for day in made:
        evening = day - timedelta(days=1)
        if evening not in judged_on:
            continue
        serving = champions.serving(files, models, surface, evening)
        if serving.champion.ranker == NONE:
            continue
        batch = (remembering if rank.reads_histories(serving) else plain)(day)
        if len(batch):
            model, known = rank.ranker_of(serving), rank.calibrations_of(serving)
            judged = evaluate.scored(model, serving.champion.model_date, batch, known)
            yield {task: _served(batch, day, judged, task) for task in known.by_task}


def _served(batch: Batch, day: date, judged: Judged, task: str) -> Served:
    found = Served(
        batch.user_N.astype(np.int64) + (day.toordinal() << 32),
        batch.label[task],
        judged.as_shown[task],
        judged.uncalibrated[task],
        batch.weight_N,
        example_parts.is_exploration(batch),
    )
    return found.kept(~np.isnan(batch.label[task].astype(np.float64)))


def measured(days: list[dict[str, Served]], *, seed: int) -> dict[str, dict[str, Any]]:
    """Measure each task over all days, and over what chance placed."""
    found = {}
    for task in sorted({task for day in days for task in day}):
        parts = [day[task] for day in days if task in day]
        names = Served.__slots__
        every = Served(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))
        found[task] = {
            "days": len(parts),
            "all": _measures(every, seed=seed),
            "exploration": _measures(every.kept(every.of_chance_N), seed=seed),
        }
    return found


def _measures(served: Served, *, seed: int) -> dict[str, Any]:
    rows = (served.user_N, served.label_N, served.p_N, served.weight_N)
    observed = served.weight_N @ served.label_N
    return {
        "sums": asdict(predicted_to_observed(*rows, seed=seed)),
        "uncalibrated": served.weight_N @ served.uncalibrated_N / observed if observed else np.inf,
        "error": asdict(calibration_error(*rows, seed=seed)),
    }


def main(
    home: Path,
    *,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
    seed: Annotated[int, typer.Option(help="Of bootstraps.")] = 7,
) -> None:
    """Hold what nights predicted against what came."""
    at_home = Home(home.absolute())
    files = LakeFiles(at_home.lake, at_home.first_day())
    found = {
        surface.name: measured(list(served_days(files, at_home.models, surface)), seed=seed)
        for surface in surfaces.ALL
    }
    Console(width=130).print(_laid_out(found))
    if json_ is not None:
        json_.write_text(json.dumps(found, indent=1) + "\n")


def _laid_out(found: dict[str, dict[str, dict[str, Any]]]) -> Table:
    laid_out = Table(title="what served, beside what came; of its error chance is taken off")
    for column in ("surface", "task", "examples"):
        laid_out.add_column(column, no_wrap=True)
    for column in ("days", "positives", "predicted / observed", "raw", "error, % of base", "goal"):
        laid_out.add_column(column, justify="right", no_wrap=True)
    for surface, tasks in found.items():
        for task, measures in tasks.items():
            for part in ("all", "exploration"):
                said = cells(measures[part])
                laid_out.add_row(surface, task, part, str(measures["days"]), *said)
    return laid_out


def cells(measures: dict[str, Any]) -> list[str]:
    """Write what was measured, and whether it meets the goal."""
    sums, error = measures["sums"], measures["error"]
    share = error["debiased"] / error["base_rate"] if error["base_rate"] else float("nan")
    is_true = abs(sums["value"] - 1) < _MAX_APART and share <= _MAX_ERROR
    return [
        f"{sums['num_positives']:,}",
        f"{sums['value']:.3f} [{sums['low_95']:.3f}, {sums['high_95']:.3f}]",
        f"{measures['uncalibrated']:.3f}",
        f"{100 * share:.1f}",
        ("met" if is_true else "missed") if sums["num_positives"] >= ENOUGH else "too few",
    ]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
