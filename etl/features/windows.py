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

from etl.arrow import flat_lists, lists_of, run_starts
from etl.features.dictionary import HISTORY_DAYS
from etl.features.evenings import Evenings, day_column, instants
from etl.tables.features import RECENT_CODES

COUNTED_AS: Final = {
    "impression": "impression",
    "view": "click",
    "click": "click",
    "cart": "cart",
    "order": "order",
    "cancel": "cancel",
    "watch": "watch",
    "like": "like",
    "hide": "hide",
}
"""What each event type counts as: a view of a log without impressions stands for a click."""
_AMOUNTS: Final = ("watch_ms", "examined")
"""What events of any type may hold."""
_HOURS: Final = RECENT_CODES["hours"]
"""Its numbers are sets of hours, a bit each: they are joined and not added."""
_HOUR_US: Final = 3_600_000_000
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
            events: event_at, event_date, event_type, watch_ms of ``tables.SILVER_EVENTS``, E, and
                num_counted, how many of its type a row stands for: a slate for its items;
                ``examined``, how far they were looked at, if that is kept.
            state: The column ``recent`` of the day before, S.
            evenings: The rows, made of the same events and state.
            kept: Which of ``RECENT_CODES`` are counted; of the rest nothing is known.
        """
        counted = tuple(what for what in kept if what != "hours")
        parts = [_of_state(state, evenings, kept), *_of_events(events, evenings, counted)]
        if "hours" in kept:
            parts.append(_hours_of(events, evenings))
        known = _merged(pa.concat_tables(parts))
        cell, event_day, code, number = (known.column(n).to_numpy() for n in known.column_names)
        source, row = evenings.spread(cell, event_day + HISTORY_DAYS - 1)
        age = evenings.day_R[row] - event_day[source]
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

    def by_hour(self) -> np.ndarray:
        """Count the event days with an event in each UTC hour: int8, R × 24."""
        row, hours = (part[self.code_P == _HOURS] for part in (self.row_P, self.number_P))
        bytes_N4 = hours.astype("<u4").view(np.uint8).reshape(-1, 4)
        is_active_N24 = np.unpackbits(bytes_N4, axis=1, bitorder="little")[:, :24]
        counts_R24 = np.zeros((len(self.evenings.day_R), 24), np.int8)
        first = np.flatnonzero(run_starts(row))
        if len(first):
            counts_R24[row[first]] = np.add.reduceat(is_active_N24, first, axis=0)
        return counts_R24

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


def _of_state(state: pa.Table, evenings: Evenings, kept: tuple[str, ...]) -> pa.Table:
    row, known = flat_lists(state.column("recent"))
    numbers = [known.field(name) for name in ("event_date", "code", "number")]
    day, code, number = (n.cast(pa.int32()) if n.type == pa.date32() else n for n in numbers)
    columns = (evenings.cell_S[row], *(n.to_numpy() for n in (day, code, number)))
    is_kept = np.isin(columns[2], [RECENT_CODES[what] for what in kept])
    return _table(*(column[is_kept] for column in columns))


def _of_events(events: pa.Table, evenings: Evenings, kept: tuple[str, ...]) -> list[pa.Table]:
    """What each event counts as, and the time watched."""
    types = events.column("event_type").combine_chunks().dictionary_encode()
    type_E, words = types.indices.to_numpy(), types.dictionary.to_pylist()
    watch_ms_E = events.column("watch_ms").fill_null(0).to_numpy()
    day_E = events.column("event_date").cast(pa.int32()).to_numpy()
    number_of = dict.fromkeys(kept, events.column("num_counted").to_numpy())
    number_of["watch_ms"] = watch_ms_E
    if "examined" in kept:
        number_of["examined"] = events.column("examined").to_numpy()
    made = []
    for what in kept:
        is_of_type = np.array([what in (COUNTED_AS.get(w), *_AMOUNTS) for w in words], bool)
        chosen = np.flatnonzero(is_of_type[type_E] & (number_of[what] > 0))
        code = np.full(len(chosen), RECENT_CODES[what])
        made.append(_table(evenings.cell_E[chosen], day_E[chosen], code, number_of[what][chosen]))
    return made


def _hours_of(events: pa.Table, evenings: Evenings) -> pa.Table:
    """The hours of each place and event day in which there was an event, joined."""
    day_E = events.column("event_date").cast(pa.int32()).to_numpy()
    hour_E = instants(events, "event_at") // _HOUR_US % 24
    order = np.lexsort((day_E, evenings.cell_E))
    cell, day = evenings.cell_E[order], day_E[order]
    first = np.flatnonzero(run_starts(cell, day))
    bit = np.left_shift(1, hour_E[order])
    hours = np.bitwise_or.reduceat(bit, first) if len(first) else bit
    return _table(cell[first], day[first], np.full(len(first), _HOURS), hours)


def _merged(numbers: pa.Table) -> pa.Table:
    """Add up what is alike, without what belongs to no row. Sets of hours stay as they are."""
    keys = ["cell", "event_day", "code"]
    present = numbers.filter(pc.greater_equal(numbers.column("cell"), 0))
    is_hours = pc.equal(present.column("code"), _HOURS)
    counted = present.filter(pc.invert(is_hours)).group_by(keys, use_threads=False)
    added = counted.aggregate([("number", "sum")]).select([*keys, "number_sum"])
    return pa.concat_tables([added.rename_columns([*keys, "number"]), present.filter(is_hours)])


def _by_row(
    row: np.ndarray, age: np.ndarray, code: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Sort by row, event day and code, and join what fell on a day in several arrivals."""
    place = (row * HISTORY_DAYS + (HISTORY_DAYS - 1 - age)) * (
        max(RECENT_CODES.values()) + 1
    ) + code
    order = np.argsort(place)
    first = np.flatnonzero(run_starts(place[order]))
    if not len(first):
        return row, age, code, number
    kept = order[first]
    added = np.add.reduceat(number[order], first)
    joined = np.bitwise_or.reduceat(number[order], first)
    return row[kept], age[kept], code[kept], np.where(code[kept] == _HOURS, joined, added)


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
