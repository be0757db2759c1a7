"""What each outcome followed, by the rule of DESIGN §2 and nothing else: an oracle, not a maker.

An outcome is attributed once, on the first day by which both it and an impression that it may have
followed have arrived: of the same user and item, shown before it, at most 7 days earlier. A click,
watch, like or hide follows the last of these; a cart, order or cancel the last clicked one. Still
alone 7 days after it arrived, it is organic. Pairs of user and item are gone through one by one.
"""

from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

OUTCOMES: Final = ("click", "cart", "order", "cancel", "watch", "like", "hide")
AFTER_CLICK: Final = ("cart", "order", "cancel")
WINDOW_US: Final = 7 * 86_400_000_000
WAIT_DAYS: Final = 7
_PAIR_BITS: Final = 32
_TOLD: Final = {
    "attributed_day": pa.int32(),
    "impression_event_id": pa.uint64(),
    "impression_position": pa.int32(),
}


class Shown(NamedTuple):
    """One item shown to one user; in this order the last is told."""

    at_us: int
    event_id: int
    position: int
    arrival_day: int


class Done(NamedTuple):
    """One outcome."""

    event_type: str
    at_us: int
    arrival_day: int


Row = TypeVar("Row", Shown, Done)


class Followed(NamedTuple):
    """When an outcome is attributed, and to what: ``None`` where it is organic."""

    day: int
    shown: Shown | None


def followed(done: list[Done], shown: list[Shown]) -> list[Followed]:
    """Attribute one user's outcomes on one item, in the order given."""
    found: dict[int, Followed] = {}
    clicked: dict[Shown, int] = {}
    arrived = {one: one.arrival_day for one in shown}
    for place, outcome in enumerate(done):
        if outcome.event_type not in AFTER_CLICK:
            found[place] = follow(outcome, arrived)
            _note_click(outcome, found[place], clicked)
    for place, outcome in enumerate(done):
        if outcome.event_type in AFTER_CLICK:
            found[place] = follow(outcome, clicked)
    return [found[place] for place in range(len(done))]


def follow(outcome: Done, known: dict[Shown, int]) -> Followed:
    """Attribute one outcome to the impressions that are known from some day on."""
    opens_us, last_day = outcome.at_us - WINDOW_US, outcome.arrival_day + WAIT_DAYS
    eligible = [one for one in known if opens_us <= one.at_us <= outcome.at_us]
    if not eligible:
        return Followed(last_day, None)
    day = max(outcome.arrival_day, min([known[one] for one in eligible]))
    if day > last_day:
        return Followed(last_day, None)
    return Followed(day, max([one for one in eligible if known[one] <= day]))


def _note_click(outcome: Done, found: Followed, clicked: dict[Shown, int]) -> None:
    if outcome.event_type == "click" and found.shown is not None:
        before = clicked.get(found.shown, found.day)
        clicked[found.shown] = min(before, found.day)


def attributed(done: pa.Table, shown: pa.Table, *, last_day: int) -> pa.Table:
    """Attribute all outcomes that arrived.

    Args:
        done: Rows of ``of_log.DONE``.
        shown: Rows of ``of_log.SHOWN``.
        last_day: The last arrival day, days of the epoch: later lines are not there yet.

    Returns:
        ``done``, sorted by pair, with attributed_day (null while waiting), impression_event_id and
        impression_position (null if organic or waiting).
    """
    done = _by_pair(done, last_day)
    pairs = np.unique(_pairs(done))
    shown = _by_pair(shown.filter(pa.array(np.isin(_pairs(shown), pairs))), last_day)
    slices = zip(_slices(_pairs(done), pairs), _slices(_pairs(shown), pairs), strict=True)
    outcomes, impressions = _Rows(done, Done), _Rows(shown, Shown)
    told = [
        _numbers(one, last_day)
        for of_O, of_I in slices
        for one in followed(outcomes.between(*of_O), impressions.between(*of_I))
    ]
    for name, numbers in zip(_TOLD, zip(*told, strict=True) if told else [()] * 3, strict=True):
        done = done.append_column(name, pa.array(numbers, _TOLD[name]))
    return done


class _Rows(Generic[Row]):
    """Rows of a table as tuples, made when they are asked for: millions are never there at once."""

    def __init__(self, rows: pa.Table, kind: type[Row]) -> None:
        self._make: Callable[[Iterable], Row] = kind._make
        self._columns = [rows[name].to_pylist() for name in kind._fields]

    def between(self, start: int, end: int) -> list[Row]:
        """Make some of them."""
        columns = (column[start:end] for column in self._columns)
        return list(map(self._make, zip(*columns, strict=True)))


def _by_pair(rows: pa.Table, last_day: int) -> pa.Table:
    """Rows that arrived, sorted by pair; those of a pair in the order given."""
    arrived = rows.filter(pa.array(rows["arrival_day"].to_numpy() <= last_day))
    return arrived.take(pa.array(np.argsort(_pairs(arrived), kind="stable")))


def _pairs(rows: pa.Table) -> np.ndarray:
    user, item = (rows[name].to_numpy().astype(np.int64) for name in ("user", "item"))
    return user << _PAIR_BITS | item


def _slices(pair: np.ndarray, pairs: np.ndarray) -> list[tuple[int, int]]:
    """Where the rows of each of ``pairs`` start and end in rows sorted by pair."""
    starts, ends = (np.searchsorted(pair, pairs, side).tolist() for side in ("left", "right"))
    return list(zip(starts, ends, strict=True))


def _numbers(found: Followed, last_day: int) -> tuple[int | None, int | None, int | None]:
    """Day, event and position; nothing yet where the day is still to come."""
    if found.day > last_day:
        return None, None, None
    if found.shown is None:
        return found.day, None, None
    return found.day, found.shown.event_id, found.shown.position
