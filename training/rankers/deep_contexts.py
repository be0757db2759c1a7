"""What is told of an event in a history beside its words: what was done, and how long ago.

Shapes: E events of all histories.
"""

from typing import Final

import numpy as np

from etl.tables.user_states import EVENT_CODES
from training.histories import Histories

_AGE_DAYS: Final = (1 / 24, 0.25, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 120.0)
_PLACES_BACK: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_NUM_KINDS: Final = 1 + max(EVENT_CODES.values())
SIZES: Final = (_NUM_KINDS, len(_AGE_DAYS) + 2, len(_PLACES_BACK) + 1)
"""Codes of what was done, of how long ago, 0 where neither is told, and of how many events ago."""


def of(histories: Histories) -> np.ndarray:
    """Codes of histories' events, each column below its one of ``SIZES``: int32, E × 3."""
    age_E = histories.age_days_E
    age = np.where(np.isnan(age_E), 0, np.searchsorted(_AGE_DAYS, age_E) + 1)
    start_E = np.repeat(histories.offset_H1[:-1], histories.length_H)
    back_E = np.arange(len(age_E)) - start_E
    back = np.searchsorted(_PLACES_BACK, back_E, side="right")
    kind = np.clip(histories.kind_E, 0, _NUM_KINDS - 1)
    return np.stack([kind, age, back], axis=1).astype(np.int32)
