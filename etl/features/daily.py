"""What user_daily and item_daily share: a snapshot walked from day to day for a bucket of keys.

Here are the keys, their by-day windows and their firsts and lasts. What is particular to users or
items stands in their own modules.

Shapes: K keys, E events of all days.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import days_of_epoch
from etl.days import Days
from etl.features.fold import NEVER
from etl.features.user_history import ALIVE_DAYS, DAY_US, end_us
from etl.features.windows import COUNT_CODES, Windows, by_day_columns

INSTANT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Arrived:
    """E events with the day on which each is counted: the later of arrival and event day."""

    key_E: np.ndarray
    type_E: np.ndarray
    """event types as numpy strings"""
    at_E: np.ndarray
    event_day_E: np.ndarray
    counted_day_E: np.ndarray
    watch_ms_E: np.ndarray

    @classmethod
    def of(cls, events: pa.Table, key: np.ndarray) -> "Arrived":
        """Take the columns of ``tables.SILVER_EVENTS`` that every snapshot reads."""
        event_day = events.column("event_date").cast(pa.int32()).to_numpy()
        arrival_day = events.column("arrival_date").cast(pa.int32()).to_numpy()
        return cls(
            key,
            events.column("event_type").to_numpy().astype(str),
            events.column("event_at").cast(pa.int64()).to_numpy(),
            event_day,
            np.maximum(event_day, arrival_day),
            events.column("watch_ms").fill_null(0).to_numpy(),
        )

    def counted_on(self, number: int) -> np.ndarray:
        """Places of the events that are counted on a day."""
        return np.flatnonzero(self.counted_day_E == number)

    def latest(self, places: np.ndarray, last_K: np.ndarray, *event_types: str) -> None:
        """Raise the last instants of the keys by those of the given types; any if none given."""
        if event_types:
            places = places[np.isin(self.type_E[places], event_types)]
        np.maximum.at(last_K, self.key_E[places], self.at_E[places])


def count_into(windows: Windows, arrived: Arrived, places: np.ndarray, number: int) -> None:
    """Count one day's events into the windows, each on its own event day."""
    age = number - arrived.event_day_E[places]
    kind = np.array([COUNT_CODES.get(t, "") for t in arrived.type_E[places]], dtype=str)
    key, ones = arrived.key_E[places], np.ones(len(places))
    for name in np.unique(kind[kind != ""]):
        of_kind = kind == name
        column = f"num_{name}s_by_day"
        windows.add(column, key[of_kind], age[of_kind], ones[of_kind])
    watched = arrived.watch_ms_E[places] > 0
    amount = arrived.watch_ms_E[places][watched].astype(np.float64)
    windows.add("watch_ms_by_day", key[watched], age[watched], amount)


def alive(last_K: np.ndarray, number_end_us: int) -> np.ndarray:
    """Places of the keys with an event within 90 days."""
    return np.flatnonzero(last_K >= number_end_us - ALIVE_DAYS * DAY_US)


def instants(state: pa.Table, name: str, place: np.ndarray, num_keys: int) -> np.ndarray:
    """Take a column of instants up: int64 microseconds, K; NEVER where there is none."""
    found = np.full(num_keys, NEVER)
    found[place] = state.column(name).cast(pa.int64()).fill_null(NEVER).to_numpy()
    return found


def instant_column(values: np.ndarray) -> pa.Array:
    """Write instants, null where it never happened."""
    return pa.array(values, mask=values == NEVER).cast(INSTANT)


def days_since(values: np.ndarray, evening_us: int) -> np.ndarray:
    """Age of instants at an evening in days, >= 0: float64, NaN where it never happened."""
    age = np.maximum((evening_us - values.astype(np.float64)) / DAY_US, 0.0)
    return np.where(values == NEVER, np.nan, age)


def walk_days(
    days: Days,
    windows: Windows,
    take: Callable[[int], None],
    give: Callable[[int, int], Mapping[str, pa.Array]],
) -> pa.Table:
    """Let each day in, and write the rows of its evening.

    Args:
        days: The days to make.
        windows: Moved one day back before each of them.
        take: Given a day's number, counts its events.
        give: Given a day's number and the instant of its end, makes the columns of its rows.
    """
    made = []
    for day in days:
        windows.next_day()
        take(days_of_epoch(day))
        made.append(pa.table(give(days_of_epoch(day), end_us(day))))
    return pa.concat_tables(made)


def by_day_lists(
    windows: Windows, keys: np.ndarray, names: tuple[str, ...]
) -> Iterator[tuple[str, pa.Array]]:
    """Write the by-day columns of some keys."""
    for name in names:
        kind = pa.int64() if name == "watch_ms_by_day" else pa.int32()
        yield name, windows.list_column(name, keys, kind)


BY_DAY: Final = by_day_columns()
