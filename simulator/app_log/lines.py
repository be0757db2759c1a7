"""A day's events as lines of the app's log: JSON in columns, one version after the other.

Shapes: E events of a day.
"""

import numpy as np
import pyarrow as pa

from simulator.app_log import dirt, version_1, version_2, version_3
from simulator.app_log.hashing import key_of
from simulator.app_log.log_config import LogConfig
from simulator.app_log.plan import Plan
from simulator.app_log.said import part_of
from simulator.app_log.spelled import Spelled
from simulator.day import Day

_VERSIONS = (version_1, version_2, version_3)


def lines(
    day: Day, plan: Plan, *, words: Spelled, config: LogConfig
) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Write E lines with their newlines, dirt included.

    Returns:
        lines: in no promised order, and beside them those that were cut, whole.
        place_E: int64, where each event's line stands among them.
    """
    parts = [
        part_of(day, plan, version=version.VERSION, spelled=words, config=config)
        for version in _VERSIONS
    ]
    written = [version.lines(part) for version, part in zip(_VERSIONS, parts, strict=True)]
    place_E = np.argsort(np.concatenate([part.event_V for part in parts]))
    whole = pa.chunked_array(written)
    cut_C = np.flatnonzero(plan.kind_E == dirt.TRUNCATED)
    cut = dirt.cut(
        whole.take(pa.array(place_E[cut_C])), key_of(config.seed, "cut"), plan.number_E[cut_C]
    )
    place_E[cut_C] = len(day) + np.arange(len(cut_C))
    return pa.chunked_array([*whole.chunks, cut]), place_E
