"""Ranges of days: what a maker builds in one pass, and the lake's calendar of full partitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

FULL_EVERY_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Days:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"a range of days runs forward, but {self.first} is after {self.last}")

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} … {self.last}"

    def reaching_back(self, num_days: int) -> "Days":
        """The same range with ``num_days`` more days before it."""
        return Days(self.first - timedelta(days=num_days), self.last)

    @property
    def day_before(self) -> date:
        """The day before the first."""
        return self.first - timedelta(days=1)


def one_day(day: date) -> Days:
    """Name the range that is a single night's."""
    return Days(day, day)


def is_full(day: date, lake_first_day: date) -> bool:
    """Tell whether touched-only tables hold every alive key on ``day``: every 7th of the lake."""
    return (day - lake_first_day).days % FULL_EVERY_DAYS == 0


def last_full(day: date, lake_first_day: date) -> date:
    """Find the newest full partition's day that is not after ``day``."""
    return day - timedelta(days=(day - lake_first_day).days % FULL_EVERY_DAYS)
