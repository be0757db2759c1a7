"""Divides examples into parts: by the item's age, the user's clicks, the price, who proposed it.

Calibrations have offsets by these parts and reports have rows by some of them, so that both speak
of the same. Only features of the evening before are read: a part is known when slates are scored.

Shapes: N examples, S sources.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np

from etl.features.examination import ExaminationConfig
from etl.tables.retrieval import SOURCE_CODES
from training.calibrators.calibrator import Segments
from training.inputs import Inputs
from training.rankers.ranker import Batch
from training.retrieval import user_groups

ITEM_AGES: Final = ("new", "young", "old")
_AGE_DAYS: Final = (7.0, 28.0)
"""Days since an item was first heard of, from which it is young, then old."""
PRICE_BANDS: Final = ("cheap", "usual", "dear")
_RATIOS: Final = (0.8, 1.25)
"""Price beside the mean of its category, from which it is usual, then dear."""
SHOWN_BY: Final = ("ranked", "exploration", "others")
"""Our order; chance, in our slates or anybody's; another policy's order."""
_NONE: Final = -1


KINDS: Final = ("item_age", "price", "source", "user_group")
"""Ways to divide what is scored."""


def of_inputs(given: Inputs, kinds: Collection[str] = KINDS) -> dict[str, Segments]:
    """Divide N rows of features by what calibrations differ by: kinds of parts by name."""
    divided: Mapping[str, Callable[[], Segments]] = {
        "item_age": lambda: _banded(given.number("item_age_days"), _AGE_DAYS, ITEM_AGES),
        "price": lambda: _banded(
            given.number("item_price_to_category_ratio"), _RATIOS, PRICE_BANDS
        ),
        "source": lambda: _best_source(given),
        "user_group": lambda: _user_group(given),
    }
    return {kind: divided[kind]() for kind in KINDS if kind in kinds}


def reported(batch: Batch) -> dict[str, Segments]:
    """Divide N examples by what reports differ by: kinds of parts by name."""
    known = of_inputs(batch.given, ("item_age", "user_group"))
    shown_by = Segments(
        SHOWN_BY, np.where(is_exploration(batch), 1, np.where(batch.is_own_N, 0, 2))
    )
    return known | {"shown_by": shown_by}


def is_exploration(batch: Batch) -> np.ndarray:
    """Tell which of N examples chance placed, and no policy's preference: bool."""
    # Comparisons with NaN, where nothing was logged, are false.
    return batch.propensity_N < ExaminationConfig().max_chance_propensity


def _banded(number_N: np.ndarray, borders: tuple[float, ...], names: tuple[str, ...]) -> Segments:
    band_N = np.searchsorted(borders, number_N, side="right")
    return Segments(names, np.where(np.isnan(number_N), _NONE, band_N).astype(np.int64))


def _user_group(given: Inputs) -> Segments:
    clicks_N = np.nan_to_num(given.number("user_num_clicks_28d"), nan=0.0)
    return Segments(user_groups.NAMES, user_groups.codes(clicks_N).astype(np.int64))


def _best_source(given: Inputs) -> Segments:
    """Who put the item highest, ties by the sources' order; nobody where it was no candidate."""
    names = tuple(SOURCE_CODES)
    rank_SN = np.stack([given.number(f"source_{name}_rank") for name in names])
    best_N = np.argmin(np.where(np.isnan(rank_SN), np.inf, rank_SN), axis=0)
    return Segments(names, np.where(np.isnan(rank_SN).all(axis=0), _NONE, best_N).astype(np.int64))


def masks(parts: Mapping[str, Segments]) -> dict[str, np.ndarray]:
    """List parts as reports name them, ``kind=name``, each with its examples: bool, N."""
    return {
        f"{kind}={name}": segments.code_N == code
        for kind, segments in parts.items()
        for code, name in enumerate(segments.names)
    }
