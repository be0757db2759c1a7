"""How near the learned curve of places is to the true one, with intervals by user.

Shapes: N examples, P places, U users, R resamples.
"""

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from benchmarks.simulated_examples import Simulated
from etl.days import Days
from etl.features.examination import Examination, ExaminationConfig, Shown
from etl.features.examination import fit as fit_curve
from simulator.behaviour.examination import examination
from simulator.world.items import PRODUCT
from training.examination import fit
from training.metrics import Interval, resampled_sums

_TOLD: Final = (0, 1, 2, 5, 11, 23, 47)
"""Places whose values are printed."""
_RESAMPLES: Final = 200
_ANY: Final = ExaminationConfig(max_chance_propensity=0.0)
"""Takes nothing for placed by chance: all impressions are read."""


def curves(simulated: Simulated, days: Days, *, seed: int) -> dict[str, Any]:
    """Read the curve off what chance placed, as rankers do, and off all that was shown."""
    batches = [simulated.days[day].batch for day in days]
    num_places = int(max(np.nanmax(batch.given.position_N) for batch in batches)) + 1
    true_P = examination(PRODUCT, num_places)
    place_P, told = np.arange(num_places), [place for place in _TOLD if place < num_places]
    shown_P = sum(_placed(batch.given.position_N, batch.weight_N, num_places) for batch in batches)
    found: dict[str, Any] = {"the truth": {"at": true_P[told].tolist()}}
    for name, config in (("what chance placed", ExaminationConfig()), ("all impressions", _ANY)):
        curve = fit(batches, config)

        def error(one: Examination) -> float:
            return float(np.average(np.abs(one.at(place_P) / true_P - 1), weights=shown_P))

        drawn = [error(again) for again in _resampled(simulated, days, config, seed=seed)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        found[name] = {
            "scale": curve.scale,
            "power": curve.power,
            "at": curve.at(place_P)[told].tolist(),
            "error": asdict(Interval(error(curve), float(low), float(high), len(drawn))),
        }
    return {"places": told, "curves": found}


def _placed(position_N: np.ndarray, weight_N: np.ndarray, num_places: int) -> np.ndarray:
    return np.bincount(position_N.astype(np.int64), weight_N, num_places)


def _resampled(
    simulated: Simulated, days: Days, config: ExaminationConfig, *, seed: int
) -> list[Examination]:
    """Fit the curve on resampled users."""
    of_days = [simulated.days[day] for day in days]
    names = ("propensity_N", "weight_N")
    chance_N, weight_N = (np.concatenate([getattr(d.batch, n) for d in of_days]) for n in names)
    user_N = np.concatenate([one.user_N for one in of_days])
    place_N = np.concatenate([d.batch.given.position_N for d in of_days]).astype(np.int64)
    clicked_N = weight_N * np.concatenate([one.batch.label["click"] for one in of_days])
    limit = config.max_chance_propensity
    rows = np.flatnonzero(chance_N < limit) if limit else np.arange(len(user_N))
    user_N, num_places = np.unique(user_N[rows], return_inverse=True)[1], int(place_N.max()) + 1
    shape = (int(user_N.max()) + 1, num_places)
    cell_N = user_N * num_places + place_N[rows]
    sums_U2P = [
        np.bincount(cell_N, part_N[rows], shape[0] * shape[1]).reshape(shape)
        for part_N in (weight_N, clicked_N)
    ]
    drawn_R2P = resampled_sums(np.concatenate(sums_U2P, axis=1), seed=seed)[:_RESAMPLES]
    nothing_P = np.zeros(num_places)
    return [
        fit_curve(Shown(one[:num_places], one[num_places:], nothing_P, nothing_P), config)
        for one in drawn_R2P
    ]
