"""A day's events as lines of the app's log: JSON in columns, one version after the other.

Shapes: E events of a day.
"""

import numpy as np
import pyarrow as pa

from simulator import dirt, version_1, version_2, version_3
from simulator.day import Day
from simulator.hashing import key_of
from simulator.log_config import LogConfig
from simulator.names import Names
from simulator.pieces import joined, replaced
from simulator.plan import Plan
from simulator.said import part_of

_VERSIONS = (version_1, version_2, version_3)


def lines(day: Day, plan: Plan, *, names: Names, config: LogConfig) -> pa.LargeBinaryArray:
    """Write E lines with their newlines, in the order of the events, dirt included."""
    written, events = [], []
    for version in _VERSIONS:
        part = part_of(day, plan, version=version.VERSION, names=names, config=config)
        written.append(joined(version.lines(part), b"\n"))
        events.append(part.event_V)
    order = np.argsort(np.concatenate(events))
    return _cut(pa.concat_arrays(written).take(pa.array(order)), plan, config.seed)


def _cut(whole: pa.LargeBinaryArray, plan: Plan, seed: int) -> pa.LargeBinaryArray:
    is_cut = plan.kind_E == dirt.TRUNCATED
    numbers = plan.number_E[is_cut]
    return replaced(
        whole, is_cut, dirt.cut(whole.filter(pa.array(is_cut)), key_of(seed, "cut"), numbers)
    )
