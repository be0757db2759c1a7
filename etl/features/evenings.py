"""What user_daily and item_daily share: the evenings at which a key is alive, and what it carries.

Here is how a value known on one evening comes to the next. All days of a range are laid out at
once, as a grid of evenings by lives, so that no loop runs over days, keys or events.

Shapes: S keys known the day before, E events, K keys, D days, L lives; R rows of the result.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import days_of_epoch, ranges
from etl.days import Days
from etl.features.fold import NEVER
from etl.features.user_history import ALIVE_DAYS, DAY_US

INSTANT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Evenings:
    """The rows of some days, by evening, then key: one for each evening at which a key is alive.

    A key that is silent for 90 days has no rows, so nothing of it is known to the night in which it
    comes back. That a range forgets it too is what lives are for: coming back begins another one.
    """

    day_R: np.ndarray
    """int64: number of the row's evening."""
    key_R: np.ndarray
    cell_R: np.ndarray
    """Place of each row in the grid D × L."""
    cell_E: np.ndarray
    """Place at which each event is counted; −1, behind the grid, where it came too late."""
    cell_S: np.ndarray
    """Place on the first day of what was known the day before; −1 where it has ended."""
    first_day: int
    num_days: int
    num_lives: int

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        days: Days,
        *,
        key_E: np.ndarray,
        counted_day_E: np.ndarray,
        at_E: np.ndarray,
        key_S: np.ndarray,
        last_S: np.ndarray,
        num_keys: int,
    ) -> "Evenings":
        """Lay out the rows of some days.

        Args:
            days: The days to make.
            key_E: int64.
            counted_day_E: Day of ``days`` on which each event is counted, as Arrow numbers it.
            at_E: int64 microseconds.
            key_S: int64, each key once.
            last_S: int64 microseconds, the latest event known the day before.
            num_keys: K.
        """
        day_E = counted_day_E - days_of_epoch(days.first)
        alive_DK = _alive(days, (day_E, key_E, at_E), (key_S, last_S), num_keys)
        life_DK, num_lives = _lives(alive_DK)
        row_day, row_key = np.nonzero(alive_DK)
        life_E, life_S = life_DK[day_E, key_E], life_DK[0, key_S]
        return cls(
            day_R=row_day + days_of_epoch(days.first),
            key_R=row_key,
            cell_R=row_day * num_lives + life_DK[row_day, row_key],
            cell_E=np.where(life_E < 0, -1, day_E * num_lives + life_E),
            cell_S=life_S,
            first_day=days_of_epoch(days.first),
            num_days=len(days),
            num_lives=num_lives,
        )

    def latest(self, value_E: np.ndarray, value_S: np.ndarray | None = None) -> np.ndarray:
        """Carry the largest value so far to each row: int64, R; NEVER counts as no value."""
        grid = self._grid(NEVER, value_S)
        np.maximum.at(grid, self.cell_E, value_E)
        return self._carried(np.maximum, grid)

    def earliest(self, value_E: np.ndarray, value_S: np.ndarray) -> np.ndarray:
        """Carry the smallest value so far to each row: int64, R."""
        return -self.latest(-value_E, -value_S)

    def total(self, number_E: np.ndarray, number_S: np.ndarray) -> np.ndarray:
        """Add numbers up to each row: int64, R."""
        grid = self._grid(0, number_S)
        np.add.at(grid, self.cell_E, number_E)
        return self._carried(np.add, grid)

    def newest(
        self, at_E: np.ndarray, at_S: np.ndarray, says_E: np.ndarray, says_S: np.ndarray
    ) -> np.ndarray:
        """Find what said something last by each row.

        Of equal instants it is what is counted, or stands, last.

        Returns:
            int64, R: a place in S followed by E; −1 where nothing did.
        """
        at, says = np.r_[at_S, at_E], np.r_[says_S, says_E]
        day = np.r_[np.full(len(at_S), -1), self.cell_E // max(self.num_lives, 1)]
        order = np.lexsort((day, at))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        rank = np.where(says, rank, NEVER)
        found = self.latest(rank[len(at_S) :], rank[: len(at_S)])
        return np.where(found == NEVER, -1, np.r_[order, -1][np.maximum(found, -1)])

    def spread(self, cell_N: np.ndarray, last_day_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """List the rows at which things are known: from their place to a last day, while alive.

        Args:
            cell_N: Places in the grid at which they become known, −1 where they never do.
            last_day_N: int64, days as Arrow numbers them.

        Returns:
            of_P, row_P: for each pair of a thing and a row both numbers, by thing, then evening.
        """
        first = cell_N // max(self.num_lives, 1)
        last = np.minimum(last_day_N - self.first_day, self.num_days - 1)
        num_evenings = np.where(cell_N < 0, 0, np.maximum(last - first + 1, 0))
        before = np.cumsum(np.r_[0, num_evenings])
        of, later = ranges(before, np.arange(len(cell_N)))
        row = np.full(self.num_days * self.num_lives, -1)
        row[self.cell_R] = np.arange(len(self.cell_R))
        found = row[cell_N[of] + (later - before[of]) * self.num_lives]
        is_alive = found >= 0
        return of[is_alive], found[is_alive]

    def _grid(self, empty: int, value_S: np.ndarray | None) -> np.ndarray:
        # One more than there are places: what is written to place −1 is of no row.
        grid = np.full(self.num_days * self.num_lives + 1, empty)
        if value_S is not None:
            grid[self.cell_S] = value_S
        grid[-1] = empty
        return grid

    def _carried(self, fold: np.ufunc, grid: np.ndarray) -> np.ndarray:
        grid_DL = grid[:-1].reshape(self.num_days, self.num_lives)
        return fold.accumulate(grid_DL, axis=0).ravel()[self.cell_R]


def _alive(
    days: Days,
    events: tuple[np.ndarray, np.ndarray, np.ndarray],
    known: tuple[np.ndarray, np.ndarray],
    num_keys: int,
) -> np.ndarray:
    """Tell at which evenings a key has an event within 90 days: bool, D × K."""
    (day_E, key_E, at_E), (key_S, last_S) = events, known
    last_DK = np.full((len(days), num_keys), NEVER)
    last_DK[0, key_S] = last_S
    np.maximum.at(last_DK.ravel(), day_E * num_keys + key_E, at_E)
    np.maximum.accumulate(last_DK, axis=0, out=last_DK)
    return last_DK >= (_ends_us(days) - ALIVE_DAYS * DAY_US)[:, np.newaxis]


def _ends_us(days: Days) -> np.ndarray:
    return evening_us(days_of_epoch(days.first) + np.arange(len(days)))


def _lives(alive_DK: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the runs of evenings at which a key is alive, by key: −1 where it is not."""
    begins = alive_DK.copy()
    begins[1:] &= ~alive_DK[:-1]
    num_K = begins.sum(axis=0)
    before_K = np.cumsum(num_K) - num_K
    life_DK = before_K + np.cumsum(begins, axis=0) - 1
    return np.where(alive_DK, life_DK, -1), int(num_K.sum())


def evening_us(day: np.ndarray) -> np.ndarray:
    """The instants at which days end, microseconds of the epoch."""
    return (day + 1) * DAY_US


def counted_days(events: pa.Table) -> np.ndarray:
    """The day on which each event is counted, the later of arrival and event day: int32, E."""
    days = (events.column(name) for name in ("arrival_date", "event_date"))
    return np.maximum(*(day.cast(pa.int32()).to_numpy() for day in days))


def instants(rows: pa.Table, name: str) -> np.ndarray:
    """Take a column of instants up: int64 microseconds, NEVER where there is none."""
    return rows.column(name).cast(pa.int64()).fill_null(NEVER).to_numpy()


def instant_column(values: np.ndarray) -> pa.Array:
    """Write instants, null where it never happened."""
    return pa.array(values, mask=values == NEVER).cast(INSTANT)


def day_column(numbers: np.ndarray) -> pa.Array:
    """Write days."""
    return pa.array(numbers.astype(np.int32)).cast(pa.date32())


def days_since(values: np.ndarray, evenings_us: np.ndarray) -> np.ndarray:
    """Age of instants at their rows' evenings in days, >= 0: float64, NaN where it never was."""
    age = np.maximum((evenings_us - values.astype(np.float64)) / DAY_US, 0.0)
    return np.where(values == NEVER, np.nan, age)
