"""One day's lines on their way: written, sent, sent again, and log texts between them.

Whatever arrives on a later day stays in flight; nothing here knows when the simulation ends.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import arrivals, dirt
from simulator.arrivals import DAY_US
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.hashing import hex_ids, key_of, numbered, uniform
from simulator.lines import lines
from simulator.log_config import LogConfig
from simulator.names import Names
from simulator.pieces import BINARY, scattered
from simulator.plan import Plan, request_hashes

SENT: Final = pa.schema(
    [
        pa.field("arrival_us", pa.int64(), metadata={"unit": "microseconds of the epoch, UTC"}),
        pa.field("number", pa.uint64(), metadata={"of": "its event or log text, among all days"}),
        pa.field("line", BINARY, metadata={"of": "its bytes and a newline"}),
        pa.field("event_id", pa.large_string(), metadata={"null": "log texts"}),
        pa.field("event_type", pa.string(), metadata={"null": "log texts"}),
        pa.field("event_us", pa.int64(), metadata={"of": "when it happened; null for log texts"}),
        pa.field("request_id", pa.large_string(), metadata={"of": "impressions"}),
        pa.field("kind", pa.string(), metadata={"of": "its dirt; null where clean"}),
    ]
)
"""One line that was sent."""


def sent(day: Day, plan: Plan, *, names: Names, config: LogConfig) -> pa.Table:
    """Send a day's lines.

    Returns:
        Rows of ``SENT``, whenever they arrive.
    """
    written = pa.table(
        [
            pa.array(plan.arrival_us_E),
            pa.array(plan.number_E),
            lines(day, plan, names=names, config=config),
            hex_ids(plan.id_E).cast(pa.large_string()),
            _EVENT_TYPES.take(pa.array(day.type_E)),
            pa.array(plan.event_us_E),
            _request_ids(day, config),
            _kinds(np.where(plan.kind_E == dirt.DUPLICATE, NONE, plan.kind_E)),
        ],
        schema=SENT,
    )
    return pa.concat_tables([written, _again(written, plan, config), _log_texts(day, config)])


def arrived(flying: pa.Table, day_number: int) -> tuple[pa.Table, pa.Table]:
    """Part lines in flight into those that arrive on a day, in order of arrival, and the rest."""
    is_here = pc.less(flying["arrival_us"], (day_number + 1) * DAY_US)
    here = flying.filter(is_here)
    order = np.lexsort((here["number"].to_numpy(), here["arrival_us"].to_numpy()))
    return here.take(pa.array(order)), flying.filter(pc.invert(is_here))


def _request_ids(day: Day, config: LogConfig) -> pa.Array:
    event_R = day.requests.event_R
    ids = hex_ids(request_hashes(day.date, np.arange(len(event_R)), config.seed))
    return scattered(ids, event_R, len(day)).cast(pa.large_string())


def _again(written: pa.Table, plan: Plan, config: LogConfig) -> pa.Table:
    """The same lines once more, later."""
    rows = np.flatnonzero(plan.kind_E == dirt.DUPLICATE)
    copies = written.take(pa.array(rows))
    arrival_us = arrivals.again(
        plan.arrival_us_E[rows], places=plan.number_E[rows], seed=config.seed
    )
    named = _kinds(np.full(len(rows), dirt.DUPLICATE))
    return copies.set_column(0, SENT.field("arrival_us"), pa.array(arrival_us)).set_column(
        SENT.get_field_index("kind"), SENT.field("kind"), named
    )


def _log_texts(day: Day, config: LogConfig) -> pa.Table:
    """Lines that are no JSON, at any time of the day."""
    size = round(len(day) * config.dirt.not_json)
    day_number = int(np.datetime64(day.date, "D").astype(int))
    number = numbered(day_number, len(day) + np.arange(size))
    share = uniform(key_of(config.seed, "log text at"), number)
    nothing = [pa.nulls(size, SENT.field(name).type) for name in ("event_id", "event_type")]
    columns = [
        pa.array(day_number * DAY_US + (share * DAY_US).astype(np.int64)),
        pa.array(number),
        dirt.log_texts(key_of(config.seed, "log text", day.date), size),
        *nothing,
        pa.nulls(size, pa.int64()),
        pa.nulls(size, pa.large_string()),
        _kinds(np.full(size, dirt.NOT_JSON)),
    ]
    return pa.table(columns, schema=SENT)


def _kinds(codes: np.ndarray) -> pa.StringArray:
    return pa.array(dirt.KINDS).take(pa.array(codes, mask=codes < 0))


_EVENT_TYPES: Final = pa.array(EVENT_TYPES)
