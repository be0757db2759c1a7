"""A user's side of a night: his arrays as known on an evening, joined once and taken apart once.

Requests (a user, an evening, and whatever is asked about him) meet the touched-only state tables
by user; for each evening the kernel gets the state row that was the newest then. A range of
evenings and a single night take the same way.

Shapes: U users, N elements of all their lists.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from etl.arrow import arrow_schema, flat_lists
from etl.features.buckets import walk
from etl.features.fold import NEVER
from etl.features.user_history import ALIVE_DAYS, NUM_LONG

DAY_US: Final = 86_400_000_000
HISTORIES: Final = ("short", "long")
"""Columns of features/user_history that may travel with a user's state."""
EVENT_FIELDS: Final = ("event_at", "event_code", "item_no")
"""What ``long_of`` keeps of an event."""
AFFINITY_HALF_LIFE_DAYS: Final = 7.0
"""As features/user_pairs folds affinities."""

Answer = Callable[[date, pa.Table, pa.Table], pa.Table]
"""A kernel: evening, requests, and the state rows in the same order (null where he has none)."""


def answer(
    requests: DataFrame,
    state: DataFrame,
    *,
    kernel: Answer,
    schema: StructType,
    num_buckets: int,
) -> DataFrame:
    """Give a kernel each evening's requests with the users' state as known then.

    Args:
        requests: user_id, feature_date, and whatever else the kernel wants.
        state: user_id, arrival_date and arrays of touched-only tables, from the full partition
            before the first evening on.
        kernel: Turns one evening's requests and states into rows.
        schema: Of the rows.
        num_buckets: Groups of users that are in memory one at a time; no row depends on it.

    Returns:
        The kernel's rows.
    """
    arrow = arrow_schema(schema)

    def of_bucket(asked: pa.Table, known: pa.Table) -> pa.Table:
        answers = [kernel(*evening).cast(arrow) for evening in evenings(asked, known)]
        return pa.concat_tables(answers) if answers else arrow.empty_table()

    return walk(
        requests, state, key="user_id", kernel=of_bucket, schema=schema, num_buckets=num_buckets
    )


def state_of(pairs: DataFrame, history: DataFrame | None = None) -> DataFrame:
    """Join the state tables of a user; what touches his history touches his pairs.

    Args:
        pairs: Rows of ``tables.FEATURES_USER_PAIRS``.
        history: What is kept of ``tables.FEATURES_USER_HISTORY``: ``short_of`` or ``long_of``.

    Returns:
        user_id, arrival_date, items, categories, brands, sellers, hosts and, if asked for, short or
        long: null on days on which he was shown items and did nothing.
    """
    arrays = pairs.drop("last_event_at")
    if history is None:
        return arrays
    return arrays.join(history, ["user_id", "arrival_date"], "left")


def short_of(history: DataFrame) -> DataFrame:
    """Keep the 50 latest events of ``tables.FEATURES_USER_HISTORY``."""
    return history.select("user_id", "arrival_date", "short")


def long_of(history: DataFrame) -> DataFrame:
    """Keep what histories (``training.histories``) read of ``tables.FEATURES_USER_HISTORY``.

    That is the 1,000 latest events, and of each of them ``EVENT_FIELDS`` alone: ids and days of
    arrival are the larger part of what lies there.
    """
    first = F.greatest(F.size("long") - (NUM_LONG - 1), F.lit(1))
    fields = (F.slice(F.col(f"long.{name}"), first, NUM_LONG).alias(name) for name in EVENT_FIELDS)
    return history.select("user_id", "arrival_date", F.arrays_zip(*fields).alias("long"))


def evenings(requests: pa.Table, state: pa.Table) -> Iterator[tuple[date, pa.Table, pa.Table]]:
    """Split requests by evening, each with the newest state rows that are not after it."""
    asked, known = _user_codes(requests, state)
    order = np.lexsort((_days(state, "arrival_date"), known))
    keys = _key(known, _days(state, "arrival_date"))[order]
    arrays = [name for name in HISTORIES if name in state.column_names]
    told = _newest_told(state.select(arrays), order)
    plain = state.drop_columns(arrays)
    asked_day = _days(requests, "feature_date")
    for number in np.unique(asked_day).tolist():
        rows = np.flatnonzero(asked_day == number)
        wanted = _key(asked[rows], np.full(len(rows), number))
        place = np.searchsorted(keys, wanted, side="right") - 1
        found = (place >= 0) & (keys[place] >> 32 == asked[rows]) if len(keys) else place >= 0
        place = np.where(found, place, -1)
        day = date(1970, 1, 1) + timedelta(days=number)
        newest = plain.take(_rows_at(place, order))
        rows_told = _rows_at(_told_of_same_user(told, place, keys), order)
        for name in arrays:
            history = within_90_days(state.column(name).take(rows_told), day)
            newest = newest.append_column(name, history)
        yield day, requests.take(pa.array(rows)), newest


def _rows_at(place: np.ndarray, order: np.ndarray) -> pa.Array:
    """Rows of the state at places of its order, null at −1."""
    rows = order[np.maximum(place, 0)] if len(order) else place
    return pa.array(rows, mask=place < 0)


def _newest_told(histories: pa.Table, order: np.ndarray) -> np.ndarray:
    """For each place of the order the last up to it that has a history, of whomever; −1: none.

    On days on which a user only looked, nothing is added to his history and none is told.
    """
    is_told = np.zeros(len(order), bool)
    for column in histories.columns:
        is_told |= column.is_valid().to_numpy()
    return np.maximum.accumulate(np.where(is_told[order], np.arange(len(order)), -1))


def _told_of_same_user(told: np.ndarray, place: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where the histories lie of users whose newest rows lie at ``place``; −1 where none is."""
    if not len(keys):
        return place
    found = told[place]
    is_own = (place >= 0) & (found >= 0) & (keys[found] >> 32 == keys[place] >> 32)
    return np.where(is_own, found, -1)


def within_90_days(history: pa.ChunkedArray, day: date) -> pa.ChunkedArray:
    """Leave out who did nothing for 90 days, as the full days of features/user_history do."""
    row, entries = flat_lists(history)
    last_us = np.full(len(history), NEVER)
    np.maximum.at(last_us, row, entries.field("event_at").cast(pa.int64()).to_numpy())
    is_old = last_us < end_of(day) - ALIVE_DAYS * DAY_US
    return history.take(pa.array(np.arange(len(history)), mask=is_old))


def _user_codes(requests: pa.Table, state: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    both = pa.chunked_array(
        [*requests.column("user_id").chunks, *state.column("user_id").chunks], pa.string()
    )
    codes = both.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes[: requests.num_rows], codes[requests.num_rows :]


def _days(rows: pa.Table, column: str) -> np.ndarray:
    return rows.column(column).cast(pa.int32()).to_numpy().astype(np.int64)


def _key(code: np.ndarray, day: np.ndarray) -> np.ndarray:
    return code << 32 | day


def end_of(day: date) -> int:
    """The instant at which ``day`` ends, in microseconds of the epoch."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return int(midnight.timestamp()) * 1_000_000


@dataclass(frozen=True, slots=True)
class Lists:
    """One array column of U users, flat: element n belongs to user ``row_N[n]``."""

    row_N: np.ndarray
    elements: pa.StructArray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Lists":
        """Take a column of lists of structs apart; a null list is an empty one."""
        return cls(*flat_lists(column))

    def numbers(self, field: str) -> np.ndarray:
        """View a field without nulls as numbers, N; instants are microseconds of the epoch."""
        values = self.elements.field(field)
        return (
            values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
        ).to_numpy()

    def instants(self, field: str) -> np.ndarray:
        """View instants as float64 microseconds, N; NaN where there is none."""
        values = self.elements.field(field).cast(pa.int64())
        return values.cast(pa.float64()).to_numpy(zero_copy_only=False)

    def words(self, field: str) -> pa.StringArray:
        """View a field of words, N."""
        return self.elements.field(field)

    def affinity_at(self, evening_us: int) -> np.ndarray:
        """Decay ``affinity`` to an evening: float64, N, weighted events."""
        age_days = (evening_us - self.numbers("affinity_at")) / DAY_US
        decay = np.exp2(-np.maximum(age_days, 0.0) / AFFINITY_HALF_LIFE_DAYS)
        return self.numbers("affinity") * decay


_STATE: Final = ("items", "categories", "sellers", "hosts", "short")
USER_ARRAYS: Final = ("active_hours", "followed_hosts", "query_words")
"""Columns of features/user_daily that are arrays."""


@dataclass(frozen=True, slots=True)
class UserBatch:
    """Some users on one evening, as sources and the assembler read them."""

    num_users: int
    evening_us: int
    """End of the evening's day, microseconds of the epoch: ages and decays are taken at it."""
    user_id: pa.Array
    """U words: seeds of what is drawn for a user."""
    segment: pa.Array
    """U words: country|platform|language."""
    active_hours_UH: np.ndarray
    """int64, U × 24: features/user_daily.active_hours"""
    items: Lists
    """features/user_pairs.items"""
    categories: Lists
    """features/user_pairs.categories"""
    sellers: Lists
    """features/user_pairs.sellers"""
    hosts: Lists
    """features/user_pairs.hosts"""
    short: Lists
    """features/user_history.short, oldest first"""
    followed_hosts: Lists
    """features/user_daily.followed_hosts"""
    query_words: Lists
    """features/user_daily.query_words"""

    @classmethod
    def of(cls, evening: date, users: pa.Table, state: pa.Table) -> "UserBatch":
        """Take one evening's users apart.

        Args:
            evening: The day at whose end everything is known.
            users: One row per user with ``user_id``, ``segment`` and ``USER_ARRAYS``.
            state: Rows of ``state_of`` in the same order, null where a user has none.
        """
        user_id, segment = (users.column(name).combine_chunks() for name in ("user_id", "segment"))
        hours_UH = hours_of(users.column("active_hours"))
        columns = [state.column(name) for name in _STATE]
        columns += [users.column(name) for name in ("followed_hosts", "query_words")]
        lists = (Lists.of(column) for column in columns)
        return cls(users.num_rows, end_of(evening), user_id, segment, hours_UH, *lists)

    @property
    def evening(self) -> date:
        """The day at whose end everything is known."""
        return date(1970, 1, 1) + timedelta(days=self.evening_us // DAY_US - 1)

    def without_visits(self, is_other_N: np.ndarray) -> "UserBatch":
        """Leave out of ``short`` what is marked."""
        kept = ~is_other_N
        short = Lists(self.short.row_N[kept], self.short.elements.filter(pa.array(kept)))
        return replace(self, short=short)


def codes_in(words: pa.Array, vocabulary: pa.Array) -> np.ndarray:
    """Write words as their places in a vocabulary: int64, −1 where it lacks them."""
    places = pc.index_in(words, value_set=vocabulary)
    return pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def hours_of(active_hours: pa.ChunkedArray) -> np.ndarray:
    """View a column of 24 numbers a user as int64, U × 24; 0 of whom nothing is known."""
    row, numbers = flat_lists(active_hours)
    hours_UH = np.zeros((len(active_hours), 24), np.int64)
    hours_UH[row[::24]] = numbers.to_numpy().reshape(-1, 24)
    return hours_UH


def segments(users: DataFrame) -> DataFrame:
    """Add ``segment``: country|platform|language of ``tables.FEATURES_USER_DAILY``."""
    parts = (F.coalesce(F.col(name), F.lit("")) for name in ("country", "platform", "language"))
    return users.withColumn("segment", F.concat_ws("|", *parts))
