"""Counts by event day, the last 28 of them, brought forward from day to day.

A window is (D−n, D] in event days among what arrived by D. Each key keeps one number per event
day, so a late event lands on its own day, and every window is a sum of integers.

An event stamped on the day after it arrived is counted when its day has come: ``counted_day``.

Shapes: K keys, E events, H = 28 event days; column 0 is the day at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.features.dictionary import COUNTED, HISTORY_DAYS

COUNT_CODES: Final = {
    "impression": "impression",
    "view": "click",
    "click": "click",
    "cart": "cart",
    "order": "order",
    "cancel": "cancel",
    "like": "like",
    "hide": "hide",
}
"""What each event type counts as: a view of a log without impressions stands for a click."""


@dataclass(slots=True)
class Windows:
    """By-day numbers of K keys."""

    by_day: dict[str, np.ndarray]
    """int64 by name, K × H."""

    @classmethod
    def of(
        cls, state: pa.Table, place: np.ndarray, num_keys: int, names: tuple[str, ...]
    ) -> "Windows":
        """Take the by-day columns of yesterday's rows up.

        Args:
            state: Yesterday's rows, with the columns ``names``.
            place: int64, the key of each row.
            num_keys: K.
            names: The by-day columns.
        """
        found = {}
        for name in names:
            numbers = np.zeros((num_keys, HISTORY_DAYS), np.int64)
            flat = state.column(name).combine_chunks().flatten().to_numpy()
            numbers[place] = flat.reshape(-1, HISTORY_DAYS)
            found[name] = numbers
        return cls(found)

    def next_day(self) -> None:
        """Move every number one day back; a new day begins empty."""
        for numbers in self.by_day.values():
            numbers[:, 1:] = numbers[:, :-1].copy()
            numbers[:, 0] = 0

    def add(self, name: str, key_E: np.ndarray, age_E: np.ndarray, amount_E: np.ndarray) -> None:
        """Add amounts at the keys and ages (in event days) of E events; older ones are too late."""
        kept = age_E < HISTORY_DAYS
        flat = key_E[kept] * HISTORY_DAYS + age_E[kept]
        size = self.by_day[name].size
        # Integers below 2^53 add up exactly in float64, in any order.
        added = np.bincount(flat, amount_E[kept], size).astype(np.int64)
        self.by_day[name] += added.reshape(self.by_day[name].shape)

    def list_column(self, name: str, keys: np.ndarray, kind: pa.DataType) -> pa.ListArray:
        """Write the by-day numbers of some keys as a list column."""
        numbers = self.by_day[name][keys]
        offsets = np.arange(0, numbers.size + 1, HISTORY_DAYS, dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(numbers.ravel(), kind))


def by_day_columns() -> tuple[str, ...]:
    """Name the by-day columns that users and items share."""
    return (*(f"num_{kind}s_by_day" for kind in COUNTED), "watch_ms_by_day")


def total(by_day_KH: np.ndarray, window: int) -> np.ndarray:
    """Sum the last ``window`` event days: int64, K."""
    return by_day_KH[:, :window].sum(axis=1)


def decayed(by_day_KH: np.ndarray, half_life_days: float) -> np.ndarray:
    """Sum n · 2^(−age / half-life) over the event days kept: float64, K.

    Added up day by day: a matrix product would choose its order by the number of keys.
    """
    result = np.zeros(len(by_day_KH))
    for age in range(HISTORY_DAYS):
        result += by_day_KH[:, age] * 2.0 ** (-age / half_life_days)
    return result


def trend(short: np.ndarray, long: np.ndarray, ratio: float, pseudo: float) -> np.ndarray:
    """Compare a short window with the same share of a long one.

    ``(short + pseudo) / (long / ratio + pseudo)``: above 1 is rising; the pseudo-count keeps keys
    with few events near 1.
    """
    return (short + pseudo) / (long / ratio + pseudo)


def weekday_share(by_day_KH: np.ndarray) -> np.ndarray:
    """Share of the 28 days' numbers on tomorrow's weekday: ages 6, 13, 20, 27; NaN where none."""
    on_weekday = by_day_KH[:, 6::7].sum(axis=1)
    everything = by_day_KH.sum(axis=1)
    return ratio_or_nan(on_weekday, everything)


def ratio_or_nan(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide where the divisor is above 0, NaN elsewhere: float64."""
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def counts(
    windows: Windows, kinds: tuple[str, ...], spans: tuple[int, ...]
) -> Mapping[str, np.ndarray]:
    """Count outcomes over windows, named as in the dictionary."""
    return {
        f"num_{kind}s_{span}d": total(windows.by_day[f"num_{kind}s_by_day"], span)
        for kind in kinds
        for span in spans
    }


def or_null(values: np.ndarray) -> pa.Array:
    """Write numbers with NaN as null."""
    return pa.array(values, mask=np.isnan(values))
