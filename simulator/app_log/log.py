"""One day's lines on their way: written, sent, sent again, and log texts between them.

Whatever arrives on a later day stays in flight; nothing here knows when the simulation ends.
Lines lie in memory once: what is said of them points to their places until they arrive.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import days_of_epoch
from simulator.app_log import arrivals, dirt
from simulator.app_log.arrivals import DAY_US
from simulator.app_log.hashing import hex_ids, key_of, numbered, uniform
from simulator.app_log.lines import lines
from simulator.app_log.log_config import LogConfig
from simulator.app_log.pieces import BINARY, scattered
from simulator.app_log.plan import Plan, request_hashes
from simulator.app_log.spelled import Spelled
from simulator.day import EVENT_TYPES, NONE, Day

SENT: Final = pa.schema(
    [
        pa.field("arrival_us", pa.int64(), metadata={"unit": "microseconds of the epoch, UTC"}),
        pa.field("number", pa.uint64(), metadata={"of": "its event or log text, among all days"}),
        pa.field("event_id", pa.large_string(), metadata={"null": "log texts"}),
        pa.field("event_type", pa.string(), metadata={"null": "log texts"}),
        pa.field("event_us", pa.int64(), metadata={"of": "when it happened; null for log texts"}),
        pa.field("request_id", pa.large_string(), metadata={"of": "impressions"}),
        pa.field("kind", pa.string(), metadata={"of": "its dirt; null where clean"}),
        pa.field("line", BINARY, metadata={"of": "its bytes and a newline"}),
    ]
)
"""One line that was sent."""
_LINE: Final = "line"
_PLACE: Final = "place"
_PLACED: Final = SENT.remove(SENT.get_field_index(_LINE)).append(pa.field(_PLACE, pa.int64()))


@dataclass(frozen=True, slots=True)
class Sent:
    """Lines that were sent, whenever they arrive."""

    rows: pa.Table
    """As ``SENT``, but for each line its place in ``lines``; two rows may share one."""
    lines: pa.ChunkedArray


def sent(day: Day, plan: Plan, *, words: Spelled, config: LogConfig) -> Sent:
    """Send a day's lines."""
    written, place_E = lines(day, plan, words=words, config=config)
    columns = [
        pa.array(plan.arrival_us_E),
        pa.array(plan.number_E),
        hex_ids(plan.id_E).cast(pa.large_string()),
        pa.array(EVENT_TYPES).take(pa.array(day.type_E)),
        pa.array(plan.event_us_E),
        _request_ids(day, config),
        _kinds(np.where(plan.kind_E == dirt.DUPLICATE, NONE, plan.kind_E)),
        pa.array(place_E),
    ]
    once = pa.table(columns, schema=_PLACED)
    texts, text_rows = _log_texts(day, config, len(written))
    rows = pa.concat_tables([once, _again(once, plan, config), text_rows])
    return Sent(rows, pa.chunked_array([*written.chunks, texts]))


def arrived(flying: pa.Table, new: Sent, day_number: int) -> tuple[pa.Table, pa.Table]:
    """Part lines in flight into those that arrive on a day, in order of arrival, and the rest.

    Args:
        flying: Rows of ``SENT``: what earlier days sent.
        new: What the day sent.
        day_number: The day, days of the epoch.

    Returns:
        Rows of ``SENT``, twice.
    """
    place = pa.array(len(new.lines) + np.arange(len(flying)))
    old_rows = flying.drop_columns(_LINE).append_column(_PLACE, place)
    rows = pa.concat_tables([new.rows, old_rows]).combine_chunks()
    everything = pa.chunked_array([*new.lines.chunks, *flying[_LINE].chunks], BINARY)
    arrival_us, number = (rows[name].to_numpy() for name in ("arrival_us", "number"))
    order = np.lexsort((number, arrival_us))
    num_here = np.searchsorted(arrival_us, (day_number + 1) * DAY_US, sorter=order)
    return tuple(
        _with_lines(rows.take(pa.array(chosen)), everything)
        for chosen in (order[:num_here], order[num_here:])
    )


def _with_lines(rows: pa.Table, everything: pa.ChunkedArray) -> pa.Table:
    taken = everything.take(rows[_PLACE])
    return rows.drop_columns(_PLACE).append_column(SENT.field(_LINE), taken)


def _request_ids(day: Day, config: LogConfig) -> pa.Array:
    event_R = day.requests.event_R
    ids = hex_ids(request_hashes(day.date, np.arange(len(event_R)), config.seed))
    return scattered(ids, event_R, len(day)).cast(pa.large_string())


def _again(once: pa.Table, plan: Plan, config: LogConfig) -> pa.Table:
    """The same lines once more, later."""
    event = np.flatnonzero(plan.kind_E == dirt.DUPLICATE)
    arrival_us = arrivals.again(
        plan.arrival_us_E[event], places=plan.number_E[event], seed=config.seed
    )
    changed = {
        "arrival_us": pa.array(arrival_us),
        "kind": _kinds(np.full(len(event), dirt.DUPLICATE)),
    }
    copies = once.take(pa.array(event))
    columns = [changed.get(name, copies[name]) for name in _PLACED.names]
    return pa.table(columns, schema=_PLACED)


def _log_texts(
    day: Day, config: LogConfig, first_place: int
) -> tuple[pa.LargeBinaryArray, pa.Table]:
    """Lines that are no JSON, at any time of the day, and their rows."""
    size, day_number = round(len(day) * config.dirt.not_json), days_of_epoch(day.date)
    number = numbered(day_number, len(day) + np.arange(size))
    share = uniform(key_of(config.seed, "log text at"), number)
    known = {
        "arrival_us": pa.array(day_number * DAY_US + (share * DAY_US).astype(np.int64)),
        "number": pa.array(number),
        "kind": _kinds(np.full(size, dirt.NOT_JSON)),
        _PLACE: pa.array(first_place + np.arange(size)),
    }
    columns = [known.get(field.name, pa.nulls(size, field.type)) for field in _PLACED]
    texts = dirt.log_texts(key_of(config.seed, "log text", day.date), size)
    return texts, pa.table(columns, schema=_PLACED)


def _kinds(codes: np.ndarray) -> pa.StringArray:
    return pa.array(dirt.KINDS).take(pa.array(codes, mask=codes < 0))
