"""What the shop knows and the log does not say: kinds of dirt, causes, what survived.

Days are days of the epoch, instants microseconds of it, users and items the shop's numbers.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.app_log.arrivals import DAY_US
from simulator.app_log.dirt import KINDS, LOSING
from simulator.app_log.files import HourFile
from simulator.app_log.hashing import hex_ids
from simulator.app_log.log_config import LogConfig
from simulator.app_log.plan import Plan, request_hashes_of
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.truth.attribution import OUTCOMES

SHOWN: Final = pa.schema(
    [
        ("event_id", pa.uint64()),
        ("position", pa.int32()),
        ("user", pa.int32()),
        ("item", pa.int32()),
        ("at_us", pa.int64()),
        ("arrival_day", pa.int32()),
    ]
)
"""One item of an impression whose line survives, whenever it arrives."""
DONE: Final = pa.schema(
    [
        ("event_id", pa.uint64()),
        ("event_type", pa.string()),
        ("user", pa.int32()),
        ("item", pa.int32()),
        ("at_us", pa.int64()),
        ("arrival_day", pa.int32()),
        ("cause_day", pa.int32()),
        ("cause_request_id", pa.uint64()),
    ]
)
"""One outcome whose line survives, whenever it arrives; the cause is null where organic."""
_TYPES: Final = pa.array(EVENT_TYPES)
_OUTCOME_CODES: Final = np.array([EVENT_TYPES.index(name) for name in OUTCOMES])


def shown_of(day: Day, plan: Plan) -> pa.Table:
    """List a day's impressions that survive: rows of ``SHOWN``."""
    requests = day.requests
    lengths = np.diff(requests.start_R)
    event_I = np.repeat(requests.event_R, lengths)
    first_I = np.repeat(requests.first_position_R - requests.start_R[:-1], lengths)
    rows = pa.table(
        [
            pa.array(plan.id_E[event_I]),
            pa.array(first_I + np.arange(len(event_I)), pa.int32()),
            pa.array(day.user_E[event_I], pa.int32()),
            pa.array(requests.item_I, pa.int32()),
            pa.array(plan.event_us_E[event_I]),
            pa.array(plan.arrival_us_E[event_I] // DAY_US, pa.int32()),
        ],
        schema=SHOWN,
    )
    return rows.filter(pa.array(_survives(plan)[event_I]))


def done_of(day: Day, plan: Plan, config: LogConfig) -> pa.Table:
    """List a day's outcomes that survive: rows of ``DONE``."""
    kept = np.flatnonzero(np.isin(day.type_E, _OUTCOME_CODES) & _survives(plan))
    cause_day = day.cause_day_E[kept]
    is_organic = cause_day == NONE
    cause = request_hashes_of(cause_day, day.cause_request_E[kept], config.seed)
    return pa.table(
        [
            pa.array(plan.id_E[kept]),
            _TYPES.take(pa.array(day.type_E[kept])),
            pa.array(day.user_E[kept], pa.int32()),
            pa.array(day.item_E[kept], pa.int32()),
            pa.array(plan.event_us_E[kept]),
            pa.array(plan.arrival_us_E[kept] // DAY_US, pa.int32()),
            pa.array(cause_day, pa.int32(), mask=is_organic),
            pa.array(cause, mask=is_organic),
        ],
        schema=DONE,
    )


def _survives(plan: Plan) -> np.ndarray:
    return ~np.isin(plan.kind_E, LOSING)


def arrived_events(here: pa.Table, files: list[HourFile], arrival_date: date) -> pa.Table:
    """Say of each line that arrived what it was, and where it lies.

    Args:
        here: Rows of ``log.SENT`` that arrived on a day, in order.
        files: The day's files.
        arrival_date: The day.

    Returns:
        event_id, event_type, event_at, request_id (of impressions), kind, arrival_date,
        file_name, line_number.
    """
    sizes = [file.end - file.start for file in files]
    names = pa.array([file.name for file in files], pa.string())
    numbers = [np.arange(1, size + 1) for size in sizes] or [np.zeros(0, np.int64)]
    columns = {
        **{name: here[name].cast(pa.string()) for name in ("event_id", "event_type")},
        "event_at": here["event_us"].cast(pa.timestamp("us", tz="UTC")),
        "request_id": here["request_id"].cast(pa.string()),
        "kind": here["kind"],
        "arrival_date": pa.repeat(pa.scalar(arrival_date, pa.date32()), len(here)),
        "file_name": names.take(pa.array(np.repeat(np.arange(len(files)), sizes))),
        "line_number": pa.array(np.concatenate(numbers), pa.int64()),
    }
    return pa.table(columns)


def dirt_counts(events: pa.Table, days: Iterable[date]) -> dict[str, dict[str, int]]:
    """Count each kind on each arrival day, noughts included.

    Args:
        events: Rows of ``arrived_events``.
        days: The arrival days.
    """
    counted = events.group_by(["kind", "arrival_date"]).aggregate([([], "count_all")])
    rows = zip(*(counted[name].to_pylist() for name in counted.column_names), strict=True)
    known = {(kind, day): count for kind, day, count in rows}
    listed = list(days)
    return {kind: {str(day): known.get((kind, day), 0) for day in listed} for kind in KINDS}


def outcome_rows(attributed: pa.Table) -> pa.Table:
    """Write what ``attribution.attributed`` found in dates and ids as the log has them."""
    day = attributed["attributed_day"]
    is_waiting = day.is_null()
    impression = _hex(attributed["impression_event_id"])
    organic = pc.and_(impression.is_null(), pc.invert(is_waiting))
    return pa.table(
        {
            "event_id": _hex(attributed["event_id"]),
            "event_type": attributed["event_type"],
            "event_at": attributed["at_us"].cast(pa.timestamp("us", tz="UTC")),
            "event_arrival_date": attributed["arrival_day"].cast(pa.date32()),
            "attributed_date": day.cast(pa.date32()),
            "impression_event_id": impression,
            "impression_position": attributed["impression_position"],
            "is_organic": pc.if_else(is_waiting, None, organic),
            "is_waiting": is_waiting,
            "cause_date": attributed["cause_day"].cast(pa.date32()),
            "cause_request_id": _hex(attributed["cause_request_id"]),
        }
    )


def _hex(ids: pa.ChunkedArray) -> pa.Array:
    one = ids.combine_chunks()
    written = hex_ids(one.fill_null(0).to_numpy()).cast(pa.large_string()).cast(pa.string())
    return pc.if_else(one.is_valid(), written, None)
