"""Counts over windows of event days, from the few days on which anything happened.

A window is (D−n, D] in event days among what arrived by D. Of each key the column ``recent`` keeps
one number per event day and outcome, none where nothing happened: a late event lands on its own
day, every window is a sum of integers, and a night goes on from the column of the night before.

An event stamped on the day after it arrived is counted when its day has come: ``counted_day``.

Shapes: S keys known the day before, E events, N numbers, R rows, P pairs of a row and a number of
one of its event days, outcome by outcome.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import flat_lists, lists_of, ranges, run_starts
from etl.features.dictionary import HISTORY_DAYS
from etl.features.evenings import Evenings, day_column
from etl.tables.features import RECENT_CODES

COUNTED_AS: Final = {
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
_STEP: Final = 2.0**24
"""Decayed counts are whole numbers of 1 / _STEP: a sum that no order of its parts can change."""


@dataclass(frozen=True, slots=True)
class Recent:
    """The numbers of the last 28 event days of each row, by row, event day and code."""

    row_P: np.ndarray
    age_P: np.ndarray
    """Event days before the row's evening, 0 … 27."""
    code_P: np.ndarray
    number_P: np.ndarray
    evenings: Evenings

    @classmethod
    def of(
        cls, events: pa.Table, state: pa.Table, evenings: Evenings, *, kept: tuple[str, ...]
    ) -> "Recent":
        """Count events into the rows at which they are known.

        Args:
            events: event_date, event_type, watch_ms of ``tables.SILVER_EVENTS`` and num_shown, the
                impressions that an impression stands for, E.
            state: The column ``recent`` of the day before, S.
            evenings: The rows, made of the same events and state.
            kept: Which of ``RECENT_CODES`` are counted.
        """
        parts = [_of_state(state, evenings), *_of_events(events, evenings, kept)]
        known = _merged(pa.concat_tables(parts))
        cell, event_day, code, number = (known.column(n).to_numpy() for n in known.column_names)
        first_day = evenings.first_day
        counted_day = first_day + cell // max(evenings.num_lives, 1)
        last_day = np.minimum(event_day + HISTORY_DAYS, first_day + evenings.num_days) - 1
        lasts = np.maximum(last_day - counted_day + 1, 0)
        source, later = ranges(np.cumsum(np.r_[0, lasts]), np.arange(len(lasts)))
        later = later - np.repeat(np.cumsum(lasts) - lasts, lasts)
        row = evenings.rows_of(cell[source] + later * evenings.num_lives)
        age = (counted_day - event_day)[source] + later
        row, age, code, number = _by_row(row, age, code[source], number[source])
        return cls(row, age, code, number, evenings)

    def column(self) -> pa.ListArray:
        """Write the column ``recent``."""
        day = self.evenings.day_R[self.row_P] - self.age_P
        fields = {
            "event_date": day_column(day),
            "code": pa.array(self.code_P.astype(np.int8)),
            "number": pa.array(self.number_P),
        }
        elements = pa.StructArray.from_arrays(list(fields.values()), list(fields))
        return lists_of(self.row_P, len(self.evenings.day_R), elements)

    def total(self, what: str, window: int) -> np.ndarray:
        """Sum what was counted in the last ``window`` event days: int64, R."""
        chosen = (self.code_P == RECENT_CODES[what]) & (self.age_P < window)
        return self._sum(chosen, self.number_P)

    def decayed(self, what: str, half_life_days: float) -> np.ndarray:
        """Sum n · 2^(−age / half-life) over the event days kept: float64, R.

        Exact in steps of 2^−24 up to 2^29 outcomes of a key.
        """
        step_A = np.rint(_STEP * np.exp2(-np.arange(HISTORY_DAYS) / half_life_days))
        chosen = self.code_P == RECENT_CODES[what]
        return self._sum(chosen, self.number_P * step_A[self.age_P]) / _STEP

    def weekday_share(self, what: str) -> np.ndarray:
        """Share of the 28 days' numbers on tomorrow's weekday; NaN where there are none."""
        chosen = (self.code_P == RECENT_CODES[what]) & ((self.age_P + 1) % 7 == 0)
        return ratio_or_nan(self._sum(chosen, self.number_P), self.total(what, HISTORY_DAYS))

    def num_days(self, what: str) -> np.ndarray:
        """Count the event days that have a number: int64, R."""
        return self._sum(self.code_P == RECENT_CODES[what], np.ones(len(self.row_P)))

    def counts(self, whats: tuple[str, ...], windows: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Count outcomes over windows, named as in the dictionary."""
        return {f"num_{what}s_{n}d": self.total(what, n) for what in whats for n in windows}

    def _sum(self, chosen_P: np.ndarray, number_P: np.ndarray) -> np.ndarray:
        # Whole numbers below 2^53 add up exactly in float64, in any order.
        size = len(self.evenings.day_R)
        added = np.bincount(self.row_P[chosen_P], number_P[chosen_P], size)
        return added.astype(np.int64)


def _table(cell: np.ndarray, day: np.ndarray, code: np.ndarray, number: np.ndarray) -> pa.Table:
    columns = {"cell": cell, "event_day": day, "code": code, "number": number}
    return pa.table({name: pa.array(c, pa.int64()) for name, c in columns.items()})


def _of_state(state: pa.Table, evenings: Evenings) -> pa.Table:
    row, known = flat_lists(state.column("recent"))
    numbers = [known.field(name) for name in ("event_date", "code", "number")]
    day, code, number = (n.cast(pa.int32()) if n.type == pa.date32() else n for n in numbers)
    return _table(evenings.cell_S[row], *(n.to_numpy() for n in (day, code, number)))


def _of_events(events: pa.Table, evenings: Evenings, kept: tuple[str, ...]) -> list[pa.Table]:
    """What each event counts as, the time watched, and that there was an event at all."""
    types = events.column("event_type").combine_chunks().dictionary_encode()
    type_E, words = types.indices.to_numpy(), types.dictionary.to_pylist()
    watch_ms_E = events.column("watch_ms").fill_null(0).to_numpy()
    day_E = events.column("event_date").cast(pa.int32()).to_numpy()
    ones = np.ones(len(day_E), np.int64)
    shown_E = events.column("num_shown").to_numpy()
    number_of = dict.fromkeys(kept, ones) | {"watch_ms": watch_ms_E, "impression": shown_E}
    made = []
    for what in kept:
        is_of_type = np.array(
            [what in (COUNTED_AS.get(w), "event", "watch_ms") for w in words], bool
        )
        chosen = np.flatnonzero(is_of_type[type_E] & (number_of[what] > 0))
        code = np.full(len(chosen), RECENT_CODES[what])
        made.append(_table(evenings.cell_E[chosen], day_E[chosen], code, number_of[what][chosen]))
    return made


def _merged(numbers: pa.Table) -> pa.Table:
    """Add up what is alike, without what belongs to no row."""
    keys = ["cell", "event_day", "code"]
    present = numbers.filter(pc.greater_equal(numbers.column("cell"), 0))
    added = present.group_by(keys, use_threads=False).aggregate([("number", "sum")])
    return added.select([*keys, "number_sum"])


def _by_row(
    row: np.ndarray, age: np.ndarray, code: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Sort by row, event day and code, and add up what fell on a day in several arrivals."""
    place = (row * HISTORY_DAYS + (HISTORY_DAYS - 1 - age)) * (
        max(RECENT_CODES.values()) + 1
    ) + code
    order = np.argsort(place)
    first = np.flatnonzero(run_starts(place[order]))
    if not len(first):
        return row, age, code, number
    kept = order[first]
    return row[kept], age[kept], code[kept], np.add.reduceat(number[order], first)


def trend(short: np.ndarray, long: np.ndarray, ratio: float, pseudo: float) -> np.ndarray:
    """Compare a short window with the same share of a long one.

    ``(short + pseudo) / (long / ratio + pseudo)``: above 1 is rising; the pseudo-count keeps keys
    with few events near 1.
    """
    return (short + pseudo) / (long / ratio + pseudo)


def ratio_or_nan(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide where the divisor is above 0, NaN elsewhere: float64."""
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def or_null(values: np.ndarray) -> pa.Array:
    """Write numbers with NaN as null."""
    return pa.array(values, mask=np.isnan(values))
