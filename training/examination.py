"""Reads off examples how often each place of a surface is looked at (``etl.features.examination``).

Shapes: P places.
"""

from collections.abc import Iterable

import numpy as np

from etl.features.examination import Examination, ExaminationConfig, Shown, added
from etl.features.examination import fit as fit_curve
from training.rankers.ranker import Batch


def fit(batches: Iterable[Batch], config: ExaminationConfig) -> Examination:
    """Fit the curve of the places at which examples were shown; candidates have none.

    Args:
        batches: The days to learn from.
        config: Which impressions are read.
    """
    total_4P = np.zeros((4, 0))
    for batch in batches:
        total_4P = added(total_4P, _counted(batch, config))
    return fit_curve(Shown(*total_4P), config)


def _counted(batch: Batch, config: ExaminationConfig) -> np.ndarray:
    """What a day showed at each place: rows of ``Shown``."""
    position = batch.given.position_N
    is_placed = ~np.isnan(position)
    place = position[is_placed].astype(np.int64)
    weight = batch.weight_N[is_placed]
    clicked = weight * batch.label["click"][is_placed]
    of_chance = batch.propensity_N[is_placed] < config.max_chance_propensity
    parts = (weight, clicked, weight * of_chance, clicked * of_chance)
    return np.stack([np.bincount(place, part) for part in parts])
