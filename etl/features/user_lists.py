"""Lists of what a user said lately: whom he follows and what he searched for.

Each thing stands once, with the last time that he said it; the latest are kept. Whoever drops out
of a list because it is full has only later ones before him, so that no later evening would have had
room for him: nights and ranges keep the same.

Shapes: E events, N things said, known before or new; R rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import codes_of, flat_lists, lists_of, places_in_runs, run_starts
from etl.features.evenings import INSTANT
from etl.features.texts import words_of
from etl.features.user_state import Users

MAX_FOLLOWED: Final = 200
MAX_WORDS: Final = 50
QUERY_DAYS: Final = 7
"""Event days for which a search is remembered."""
_FOR_EVER: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class _Said:
    """N things that users said, in the order of the grid's places."""

    cell_N: np.ndarray
    code_N: np.ndarray
    """int64: the thing's place in the vocabulary, which is sorted."""
    at_N: np.ndarray
    """int64: when he said it, larger is later."""
    words: pa.StringArray

    @classmethod
    def of(cls, users: Users, column: str, new: tuple[np.ndarray, pa.Array, np.ndarray]) -> "_Said":
        """Bring what was known the day before and what is new together.

        Args:
            users: The users and their evenings.
            column: The list of the day before, in ``users.state``: structs of a name and a time.
            new: For each new thing its event's place in E, its name, and when it was said.
        """
        row, known = flat_lists(users.state.column(column))
        old_name, old_at = known.flatten()
        event, name, at = new
        words, (old, code) = codes_of(pa.chunked_array([old_name]), pa.chunked_array([name]))
        stored = old_at.cast(pa.int32() if pa.types.is_date(old_at.type) else pa.int64())
        cell = np.r_[users.evenings.cell_S[row], users.evenings.cell_E[event]]
        return cls(cell, np.r_[old, code], np.r_[stored.to_numpy().astype(np.int64), at], words)

    def latest(self, users: Users, last_day_N: np.ndarray, limit: int) -> tuple[np.ndarray, ...]:
        """List what each row knows: row, code and time, latest first, ties by name."""
        of, row = users.evenings.spread(self.cell_N, last_day_N)
        code, at = self.code_N[of], self.at_N[of]
        order = np.lexsort((-at, code, row))
        last = order[run_starts(row[order], code[order])]
        ordered = last[np.lexsort((code[last], -at[last], row[last]))]
        kept = ordered[places_in_runs(run_starts(row[ordered])) < limit]
        return row[kept], code[kept], at[kept]


def followed_hosts(users: Users) -> pa.ListArray:
    """Write the column ``followed_hosts`` of ``tables.FEATURES_USER_DAILY``."""
    hosts = users.events.column("host_id")
    event = np.flatnonzero(pc.and_(_is_of(users, "follow"), hosts.is_valid()))
    at = users.events.column("event_at").cast(pa.int64()).to_numpy()[event]
    said = _Said.of(users, "followed_hosts", (event, _taken(hosts, event), at))
    last_day = np.full(len(said.at_N), _FOR_EVER)
    row, code, at = said.latest(users, last_day, MAX_FOLLOWED)
    return _lists(users, row, host_id=said.words.take(pa.array(code)), followed_at=_instants(at))


def query_words(users: Users) -> pa.ListArray:
    """Write the column ``query_words`` of ``tables.FEATURES_USER_DAILY``."""
    searched = np.flatnonzero(_is_of(users, "search"))
    text, words = words_of(pa.chunked_array([_taken(users.events.column("query"), searched)]))
    event = searched[text]
    day = users.events.column("event_date").cast(pa.int32()).to_numpy()[event].astype(np.int64)
    said = _Said.of(users, "query_words", (event, words, day))
    row, code, day = said.latest(users, said.at_N + QUERY_DAYS - 1, MAX_WORDS)
    on = pa.array(day.astype(np.int32)).cast(pa.date32())
    return _lists(users, row, word=said.words.take(pa.array(code)), searched_date=on)


def _is_of(users: Users, event_type: str) -> pa.ChunkedArray:
    return pc.equal(users.events.column("event_type"), event_type)


def _taken(column: pa.ChunkedArray, places: np.ndarray) -> pa.Array:
    return column.take(pa.array(places)).combine_chunks()


def _instants(at: np.ndarray) -> pa.Array:
    return pa.array(at).cast(INSTANT)


def _lists(users: Users, row: np.ndarray, **fields: pa.Array) -> pa.ListArray:
    elements = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return lists_of(row, len(users.evenings.day_R), elements)
