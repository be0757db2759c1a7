"""What is decided of each event before it is written: its version, its dirt, its times.

Shapes: E events of a day.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from etl import surfaces
from etl.arrow import days_of_epoch
from simulator.app_log import arrivals, dirt
from simulator.app_log.hashing import hashed, key_of, numbered, uniform
from simulator.app_log.log_config import LogConfig
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.world.names import Names

ITEM: Final = EVENT_TYPES.index("item")
_LIVE: Final = surfaces.ALL.index(surfaces.LIVE_STREAMS)
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Of E events, in the day's order."""

    number_E: np.ndarray
    """uint64: unique over all days; what chance is drawn from."""
    id_E: np.ndarray
    """uint64: its id, to be written in hex."""
    version_E: np.ndarray
    """int8: 1, 2 or 3."""
    kind_E: np.ndarray
    """int8: place in ``dirt.KINDS``; ``NONE`` where clean."""
    event_us_E: np.ndarray
    """int64: when it happened, as exactly as its version can say."""
    arrival_us_E: np.ndarray
    """int64: when its line arrives first."""


def planned(day: Day, *, names: Names, config: LogConfig) -> Plan:
    """Decide on every event of a day."""
    seed = config.seed
    number_E = numbered(days_of_epoch(day.date), np.arange(len(day)))
    version_E = _versions(day, config)
    can = {
        dirt.OUT_OF_ORDER: day.at_us_E // arrivals.HOUR_US % 24 < arrivals.LAST_HOUR,
        dirt.RENAMED: version_E == 3,  # noqa: PLR2004
        dirt.NOT_UTF8: _has_text(day, names),
    }
    kind_E = dirt.drawn(uniform(key_of(seed, "dirt"), number_E), can, config.dirt)
    is_coarse = version_E == 1
    return Plan(
        number_E=number_E,
        id_E=hashed(key_of(seed, "event"), number_E),
        version_E=version_E,
        kind_E=kind_E,
        event_us_E=np.where(is_coarse, day.at_us_E // _SECOND_US * _SECOND_US, day.at_us_E),
        arrival_us_E=arrivals.first_arrivals(day.at_us_E, kind_E, places=number_E, seed=seed),
    )


def request_hashes(day: date, requests: np.ndarray, seed: int) -> np.ndarray:
    """Hash a day's requests into what their ids are written from: uint64, distinct."""
    return request_hashes_of(np.array(days_of_epoch(day)), requests, seed)


def request_hashes_of(day_number: np.ndarray, requests: np.ndarray, seed: int) -> np.ndarray:
    """Hash requests of several days, by days of the epoch: uint64, distinct."""
    return hashed(key_of(seed, "request"), numbered(day_number, requests))


def _versions(day: Day, config: LogConfig) -> np.ndarray:
    share_E = uniform(
        key_of(config.seed, "app"), np.where(day.type_E == ITEM, day.item_E, day.user_E)
    )
    limits = np.cumsum([config.version_1_share, config.version_2_share])
    version_E = (np.searchsorted(limits, share_E, "right") + 1).astype(np.int8)
    is_beyond_1 = (day.type_E == ITEM) | (day.surface_E == _LIVE) | (day.room_E != NONE)
    return np.where(is_beyond_1, np.maximum(version_E, 2), version_E)


def _has_text(day: Day, names: Names) -> np.ndarray:
    titled = names.title.is_valid().to_numpy(zero_copy_only=False)
    has_title = day.is_new_item_E & titled[np.maximum(day.item_E, 0)]
    return day.text_E.is_valid().to_numpy(zero_copy_only=False) | has_title
