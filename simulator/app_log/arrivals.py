"""When lines reach the shop's collector: seconds after the event, but for what is late or resent.

A line that nothing holds up arrives within the UTC hour of its event, so that a reader of the
files alone can count what came late.

Instants are microseconds of the epoch, UTC.
"""

from typing import Final

import numpy as np

from simulator.app_log.dirt import LATE, OUT_OF_ORDER
from simulator.app_log.hashing import key_of, uniform

LAST_HOUR: Final = 23
MAX_LATE_DAYS: Final = 5
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
_MAX_LATE_HOURS: Final = 5
_MAX_DELAY_US: Final = 90_000_000
_MARGIN_US: Final = 1_000_000
_SAME_HOUR_SHARE: Final = 0.5


def first_arrivals(
    at_us: np.ndarray, kind: np.ndarray, *, places: np.ndarray, seed: int
) -> np.ndarray:
    """Say when each event's line arrives first: int64."""
    arrival_us = _soon(at_us, uniform(key_of(seed, "delay"), places))
    share = uniform(key_of(seed, "held up"), places)
    late, slow = (np.flatnonzero(kind == one) for one in (LATE, OUT_OF_ORDER))
    arrival_us[late] = _days_later(at_us[late], share[late])
    arrival_us[slow] = _hours_later(at_us[slow], share[slow])
    return arrival_us


def again(arrival_us: np.ndarray, *, places: np.ndarray, seed: int) -> np.ndarray:
    """Say when lines that arrived are sent again: later, at most 5 days."""
    share = uniform(key_of(seed, "again"), places)
    is_soon = share < _SAME_HOUR_SHARE
    left_us = _hour_end(arrival_us) - 1 - arrival_us
    soon_us = 1 + (share / _SAME_HOUR_SHARE * (left_us - 1)).astype(np.int64)
    waits = (share - _SAME_HOUR_SHARE) / (1 - _SAME_HOUR_SHARE)
    late_us = 1 + (waits * MAX_LATE_DAYS * DAY_US).astype(np.int64)
    return arrival_us + np.where(is_soon, soon_us, late_us)


def _soon(at_us: np.ndarray, share: np.ndarray) -> np.ndarray:
    delayed = at_us + (share**3 * _MAX_DELAY_US).astype(np.int64)
    return np.maximum(np.minimum(delayed, _hour_end(at_us) - _MARGIN_US), at_us)


def _days_later(at_us: np.ndarray, share: np.ndarray) -> np.ndarray:
    midnight_us = at_us - at_us % DAY_US + DAY_US
    return midnight_us + (share * MAX_LATE_DAYS * DAY_US).astype(np.int64)


def _hours_later(at_us: np.ndarray, share: np.ndarray) -> np.ndarray:
    left_us = DAY_US - 1 - at_us % DAY_US
    most_us = np.minimum(left_us, _MAX_LATE_HOURS * HOUR_US)
    return at_us + HOUR_US + (share * (most_us - HOUR_US)).astype(np.int64)


def _hour_end(at_us: np.ndarray) -> np.ndarray:
    return at_us - at_us % HOUR_US + HOUR_US
