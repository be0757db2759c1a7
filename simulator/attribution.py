"""What each outcome followed, by the rule of DESIGN §2 and nothing else: an oracle, not a maker.

An outcome is attributed once, on the first day by which both it and an impression that it may have
followed have arrived: of the same user and item, shown before it, at most 7 days earlier. A click,
watch, like or hide follows the last of these; a cart, order or cancel the last clicked one. Still
alone 7 days after it arrived, it is organic. Pairs of user and item are gone through one by one.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

OUTCOMES: Final = ("click", "cart", "order", "cancel", "watch", "like", "hide")
AFTER_CLICK: Final = ("cart", "order", "cancel")
WINDOW_US: Final = 7 * 86_400_000_000
WAIT_DAYS: Final = 7
_PAIR_BITS: Final = 32


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
    eligible = [one for one in known if outcome.at_us - WINDOW_US <= one.at_us <= outcome.at_us]
    last_day = outcome.arrival_day + WAIT_DAYS
    day = max(outcome.arrival_day, min((known[one] for one in eligible), default=last_day + 1))
    if day > last_day:
        return Followed(last_day, None)
    return Followed(day, max(one for one in eligible if known[one] <= day))


def _note_click(outcome: Done, found: Followed, clicked: dict[Shown, int]) -> None:
    if outcome.event_type == "click" and found.shown is not None:
        before = clicked.get(found.shown, found.day)
        clicked[found.shown] = min(before, found.day)


def attributed(done: pa.Table, shown: pa.Table, *, last_day: int) -> pa.Table:
    """Attribute all outcomes that arrived.

    Args:
        done: Rows of ``truth.DONE``.
        shown: Rows of ``truth.SHOWN``.
        last_day: The last arrival day, days of the epoch: later lines are not there yet.

    Returns:
        ``done`` with attributed_day (null while waiting), impression_event_id and
        impression_position (null if organic or waiting).
    """
    done = done.filter(pa.array(done["arrival_day"].to_numpy() <= last_day))
    pair_O = _pairs(done)
    impressions = _by_pair(shown, np.unique(pair_O), last_day)
    rows = zip(
        done["event_type"].to_pylist(),
        done["at_us"].to_pylist(),
        done["arrival_day"].to_pylist(),
        strict=True,
    )
    outcomes = [Done(*row) for row in rows]
    found: list[Followed | None] = [None] * len(outcomes)
    for pair, places in _grouped(enumerate(pair_O.tolist())).items():
        told = followed([outcomes[place] for place in places], impressions.get(pair, []))
        for place, one in zip(places, told, strict=True):
            found[place] = one if one.day <= last_day else None
    return _with_found(done, found)


def _pairs(rows: pa.Table) -> np.ndarray:
    user, item = (rows[name].to_numpy().astype(np.int64) for name in ("user", "item"))
    return user << _PAIR_BITS | item


def _by_pair(shown: pa.Table, pairs: np.ndarray, last_day: int) -> dict[int, list[Shown]]:
    """The impressions that arrived, of some pairs."""
    pair_I = _pairs(shown)
    is_kept = np.isin(pair_I, pairs) & (shown["arrival_day"].to_numpy() <= last_day)
    kept = shown.filter(pa.array(is_kept))
    columns = [kept[name].to_pylist() for name in Shown._fields]
    found = [Shown(*row) for row in zip(*columns, strict=True)]
    places = _grouped(enumerate(pair_I[is_kept].tolist()))
    return {pair: [found[place] for place in of_pair] for pair, of_pair in places.items()}


def _grouped(placed: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for place, key in placed:
        groups[key].append(place)
    return groups


def _with_found(done: pa.Table, found: list[Followed | None]) -> pa.Table:
    shown = [one.shown if one is not None else None for one in found]
    columns = {
        "attributed_day": pa.array([one and one.day for one in found], pa.int32()),
        "impression_event_id": pa.array([one and one.event_id for one in shown], pa.uint64()),
        "impression_position": pa.array([one and one.position for one in shown], pa.int32()),
    }
    for name, column in columns.items():
        done = done.append_column(name, column)
    return done
