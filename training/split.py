"""The training calendar: on which nights a ranker is fitted, and which days it may learn from.

Night T learns from the examples of T−28 … and stops early on the days before T, up to T−1; T itself
is kept for judging. A quiet log has too few clicks in one day to stop on: there the stopping days
reach back until they hold enough, and learning ends before them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from etl.days import Days


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarConfig:
    """When a ranker is fitted, and on how much."""

    fit_every_days: int = 7
    """Days of the lake's calendar between two fits."""
    num_days: int = 28
    """Days of examples that a night may learn from, T−1 included."""
    max_stop_days: int = 7
    """Days that may be kept for early stopping."""
    min_stop_clicks: int = 200
    """Clicks that make a day, or several, enough to stop on."""
    min_fit_clicks: int = 200
    """Clicks below which nothing is fitted."""


@dataclass(frozen=True, slots=True)
class Split:
    """What one fit reads."""

    fit: Days
    stop: Days


class UnfittedError(Exception):
    """A fit comes to nothing; the text says why, and who served goes on."""


class TooLittleToLearnError(UnfittedError, ValueError):
    """There are too few clicks to fit on; the text says how many there are."""


def is_fit_night(night: date, *, first_day: date, config: CalendarConfig) -> bool:
    """Tell whether the calendar fits on ``night``."""
    return (night - first_day).days % config.fit_every_days == 0


def split(night: date, num_clicks: Mapping[date, int], config: CalendarConfig) -> Split:
    """Choose the days that night learns from and stops on.

    Args:
        night: The night of the fit, T.
        num_clicks: Clicked examples of each day there is.
        config: How much is enough.

    Raises:
        TooLittleToLearnError: If the days hold too few clicks.
    """
    oldest, newest = night - timedelta(days=config.num_days), night - timedelta(days=1)
    first_stop = newest
    while _clicks(num_clicks, Days(first_stop, newest)) < config.min_stop_clicks:
        if (newest - first_stop).days + 1 >= config.max_stop_days:
            break
        first_stop -= timedelta(days=1)
    fit = Days(oldest, first_stop - timedelta(days=1))
    found = _clicks(num_clicks, fit)
    if found < config.min_fit_clicks or not _clicks(num_clicks, Days(first_stop, newest)):
        raise TooLittleToLearnError(
            f"{found} clicked examples in {fit}; {config.min_fit_clicks} are needed"
        )
    return Split(fit, Days(first_stop, newest))


def require_both_kinds(num_examples: int, num_clicks: int, days: Days) -> None:
    """Refuse days on which every example was clicked, or none: nothing tells two items apart.

    Raises:
        TooLittleToLearnError: If they are.
    """
    if num_clicks in {0, num_examples}:
        raise TooLittleToLearnError(
            f"{num_clicks} of {num_examples} examples in {days} are clicked: nothing can be told "
            "apart"
        )


def _clicks(num_clicks: Mapping[date, int], days: Days) -> int:
    return sum(num_clicks.get(day, 0) for day in days)
