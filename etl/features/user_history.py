"""Makes features/user_history: each user's events in the order in which they happened.

Kept are the 1,000 latest and all that arrived within 28 days. What is dropped once would be
dropped on every later day, so it does not matter on which days a user is touched.
"""

from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from etl.arrow import (
    arrow_schema,
    codes_of,
    days_of_epoch,
    flat_lists,
    lists_of,
    newest,
    offsets_of,
    places_in_runs,
    ranges,
    run_starts,
)
from etl.days import Days, is_full
from etl.features import touched_state
from etl.features.buckets import walk
from etl.features.touches import MAX_PER_DAY, touches, users_of
from etl.tables import FEATURES_USER_HISTORY, PARTITION

NUM_SHORT: Final = 50
NUM_LONG: Final = 1_000
KEEP_DAYS: Final = 28
ALIVE_DAYS: Final = 90
DAY_US: Final = 86_400_000_000
_ENTRY: Final = (
    "event_at",
    "event_code",
    "item_no",
    "price_cents",
    "entry_arrival_date",
    "event_id",
)


def build(  # noqa: PLR0913
    events: DataFrame,
    *,
    items: DataFrame,
    before: DataFrame,
    days: Days,
    first_day: date,
    num_buckets: int,
) -> DataFrame:
    """Bring the histories of the users touched on each of ``days`` up to its end.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived on ``days``.
        items: Rows of ``tables.SILVER_ITEMS`` of ``days``.
        before: Rows of ``tables.FEATURES_USER_HISTORY`` from the full day before ``days`` on.
        days: The days to make.
        first_day: The lake's first day, from which full partitions are counted.
        num_buckets: Groups of users in memory one at a time; no row depends on it.

    Returns:
        Rows of ``tables.FEATURES_USER_HISTORY``.
    """
    schema = FEATURES_USER_HISTORY.schema
    arrow = arrow_schema(schema)

    def kernel(touched: pa.Table, state: pa.Table) -> pa.Table:
        known = newest(state, ("user_id",), PARTITION)
        return histories(touched, known, days=days, first_day=first_day).cast(arrow)

    return walk(
        touches(events, items).drop("watch_ms", "category", "brand", "seller_id", "host_id"),
        touched_state.needed(before, users_of(events), days, first_day),
        key="user_id",
        kernel=kernel,
        schema=schema,
        num_buckets=num_buckets,
    )


def histories(touched: pa.Table, state: pa.Table, *, days: Days, first_day: date) -> pa.Table:
    """Walk the days of some users.

    Args:
        touched: Rows of ``etl.features.touches``.
        state: Rows of ``tables.FEATURES_USER_HISTORY``, one per user.
        days: The days to make.
        first_day: The lake's first day.

    Returns:
        Rows of ``tables.FEATURES_USER_HISTORY``: the touched users of each day, all alive ones on
        full days.
    """
    users, (all_user, old_user) = codes_of(touched.column("user_id"), state.column("user_id"))
    capped, new_user = latest_of_day(touched, all_user)
    new_day = capped.column("arrival_date").cast(pa.int32()).to_numpy()
    entries, indptr = _sorted_entries(capped, new_user, state, old_user, len(users))
    arrived = entries.field("entry_arrival_date").cast(pa.int32()).to_numpy()
    num_events = np.zeros(len(users), np.int64)
    num_events[old_user] = state.column("num_events").to_numpy()
    last_seen = _last_before(state, old_user, len(users))
    forgotten_day = np.full(len(users), np.iinfo(np.int32).min)
    made = []
    all_day = touched.column("arrival_date").cast(pa.int32()).to_numpy()
    for day in days:
        number = days_of_epoch(day)
        num_events += np.bincount(all_user[all_day == number], minlength=len(users))
        today = new_day == number
        at = capped.column("event_at").cast(pa.int64()).to_numpy()[today]
        np.maximum.at(last_seen, new_user[today], at)
        who = np.unique(new_user[today])
        if is_full(day, first_day):
            is_alive = last_seen >= end_us(day) - ALIVE_DAYS * DAY_US
            # Who is not in a full partition is unknown to the nights that follow it.
            forgotten_day[~is_alive], num_events[~is_alive] = number, 0
            who = np.flatnonzero(is_alive)
        query, element = ranges(indptr, who)
        is_known = (arrived[element] <= number) & (arrived[element] > forgotten_day[who][query])
        query, element = query[is_known], element[is_known]
        kept = _kept(query, arrived[element], number)
        row, chosen = query[kept], entries.take(pa.array(element[kept]))
        made.append(_rows(day, users.take(pa.array(who)), row, chosen, num_events[who]))
    return pa.concat_tables(made)


def latest_of_day(touched: pa.Table, user: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Keep each user's ``MAX_PER_DAY`` latest events of each arrival day.

    Args:
        touched: Rows of ``etl.features.touches``.
        user: int64, the code of each row's user.

    Returns:
        The rows sorted by user, arrival day, event time and event id, and their users' codes.
    """
    keyed = touched.append_column("_user", pa.array(user))
    order = ("_user", "arrival_date", "event_at", "event_id", "source")
    ordered = keyed.sort_by([(name, "ascending") for name in order])
    code = ordered.column("_user").to_numpy()
    day = ordered.column("arrival_date").cast(pa.int32()).to_numpy()
    from_end = places_in_runs(run_starts(code[::-1], day[::-1]))[::-1]
    kept = from_end < MAX_PER_DAY
    return ordered.drop_columns(["_user"]).filter(pa.array(kept)), code[kept]


def _sorted_entries(
    capped: pa.Table, new_user: np.ndarray, state: pa.Table, old_user: np.ndarray, num_users: int
) -> tuple[pa.StructArray, np.ndarray]:
    """All entries of all users, old and new, by user, event time and event id."""
    row, old = flat_lists(state.column("long"))
    new = capped.rename_columns({"arrival_date": "entry_arrival_date"})
    parts = [
        pa.table({name: old.field(name) for name in _ENTRY} | {"_user": old_user[row]}),
        new.select(list(_ENTRY)).append_column("_user", pa.array(new_user)),
    ]
    schema = parts[0].schema
    both = pa.concat_tables([part.cast(schema) for part in parts])
    ordered = both.sort_by([(name, "ascending") for name in ("_user", "event_at", "event_id")])
    indptr = offsets_of(ordered.column("_user").to_numpy(), num_users).astype(np.int64)
    columns = [ordered.column(name).combine_chunks() for name in _ENTRY]
    return pa.StructArray.from_arrays(columns, list(_ENTRY)), indptr


def _last_before(state: pa.Table, old_user: np.ndarray, num_users: int) -> np.ndarray:
    last = np.full(num_users, np.iinfo(np.int64).min)
    last[old_user] = state.column("last_event_at").cast(pa.int64()).to_numpy()
    return last


def end_us(day: date) -> int:
    """The instant at which a day ends, microseconds of the epoch."""
    return days_of_epoch(day + timedelta(days=1)) * DAY_US


def _kept(query: np.ndarray, arrived: np.ndarray, number: int) -> np.ndarray:
    """Of entries known by the day, sorted by user and time: those late enough to be kept."""
    from_end = places_in_runs(run_starts(query[::-1]))[::-1]
    return np.flatnonzero((from_end < NUM_LONG) | (arrived > number - KEEP_DAYS))


def _rows(
    day: date, users: pa.Array, row: np.ndarray, entries: pa.StructArray, num_events: np.ndarray
) -> pa.Table:
    from_end = places_in_runs(run_starts(row[::-1]))[::-1]
    is_short = from_end < NUM_SHORT
    last = np.flatnonzero(from_end == 0)
    return pa.table(
        {
            "arrival_date": pa.array([day] * len(users), pa.date32()),
            "user_id": users,
            "last_event_at": entries.field("event_at").take(pa.array(last)),
            "num_events": pa.array(num_events),
            "short": lists_of(row[is_short], len(users), entries.filter(pa.array(is_short))),
            "long": lists_of(row, len(users), entries),
        }
    )
