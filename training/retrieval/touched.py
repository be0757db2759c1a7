"""Who visited what as known on an evening: the lake's rows as learned sources read them.

The same function lays out the histories that a source is fitted on and those that it is asked with.
Shapes: U users, N visits, I items of the surface, A attributes.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from etl import surfaces
from etl.arrow import flat_lists, offsets_of, run_starts
from etl.drawn_users import HASH_BYTES, user_hash
from etl.surfaces import Surface
from etl.tables.user_states import EVENT_CODES
from training.item_side import ItemSide
from training.lookup import find
from training.retrieval.interactions import UNSEEN, Interactions
from training.user_side import Lists

VISITS: Final = tuple(EVENT_CODES[name] for name in ("view", "click", "cart", "order"))
"""Events that say that a user went to an item."""
_WORDS: Final = ("category", "brand", "seller_id", "host_id")
_NO_LIMIT: Final = b"\xff" * HASH_BYTES


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items that a surface has, by the dense numbers that its sources know them by."""

    item_no_I: np.ndarray
    """int64, ascending."""
    attribute_IA: csr_array
    """float32 ones: words of the title, category, brand, seller and host."""

    @classmethod
    def of(cls, items: ItemSide, surface: Surface) -> "Catalogue":
        """List every item of the surface's type that is alive, sold out or not."""
        own = np.flatnonzero(items.type_code_N == surfaces.ITEM_TYPES.index(surface.item_type))
        return cls(items.item_no_N[own], _attributes(items)[own])


def _attributes(items: ItemSide) -> csr_array:
    num_items, start = len(items.item_no_N), len(items.title_vocabulary)
    titled = np.repeat(np.arange(num_items), np.diff(items.title_indptr))
    rows, columns = [titled], [items.title_word_W]
    for word in _WORDS:
        code = items.codes(word)
        told = np.flatnonzero(code >= 0)
        rows.append(told)
        columns.append(start + code[told])
        start += len(items.words(word))
    at = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.ones(len(at[0]), np.float32), at), shape=(num_items, start))


@dataclass(frozen=True, slots=True)
class Touched:
    """Events of the users that a fit may read, sorted by the hash of their ids, oldest first."""

    indptr: np.ndarray
    """int64, U + 1."""
    item_no_N: np.ndarray
    """int64: of any surface."""
    event_code_N: np.ndarray
    """int8, as ``EVENT_CODES``."""
    is_sample: bool
    """Whether there are more users."""

    @classmethod
    def of(
        cls,
        batches: Iterable[pa.RecordBatch],
        *,
        opted_out: Collection[str],
        max_users: int,
    ) -> "Touched":
        """Read histories batch by batch: what is kept in memory follows ``max_users`` alone.

        Args:
            batches: ``user_id``, ``arrival_date`` and ``short`` of
                ``tables.FEATURES_USER_HISTORY`` from its full day on, in any order.
            opted_out: Users of whom nothing is learned.
            max_users: Where there are more, those of the smallest hashes are read.
        """
        drawn = _Drawn(max_users)
        for batch in batches:
            drawn.add(batch, opted_out)
        return drawn.touched()

    def visits(self, catalogue: Catalogue) -> Interactions:
        """Lay out the visits to a catalogue's items, of users who have any."""
        num_users, item_no_I = len(self.indptr) - 1, catalogue.item_no_I
        row = np.repeat(np.arange(num_users), np.diff(self.indptr))
        found = _visits(row, self.item_no_N, self.event_code_N, item_no_I, num_users)
        kept = found.taken(np.flatnonzero(found.length_U > 0))
        rows = np.arange(len(kept))
        return replace(kept, user_U=rows, attribute_IA=catalogue.attribute_IA)


def visits(short: Lists, item_no_I: np.ndarray, *, num_users: int) -> Interactions:
    """Lay out the visits of users who ask to a catalogue's items.

    Args:
        short: ``short`` of ``tables.FEATURES_USER_HISTORY``, oldest first.
        item_no_I: The catalogue's items, ascending; visits to others are left out.
        num_users: U.

    Returns:
        One visit for a run of events on the same item, of users that no fit knows.
    """
    codes = short.numbers("event_code")
    item_no = short.numbers("item_no").astype(np.int64)
    return _visits(short.row_N, item_no, codes, item_no_I, num_users)


def _visits(
    row: np.ndarray, item_no: np.ndarray, code: np.ndarray, item_no_I: np.ndarray, num_users: int
) -> Interactions:
    item = find(item_no_I, item_no)
    kept = np.isin(code, VISITS) & (item >= 0)
    row, item = row[kept], item[kept]
    first = run_starts(row, item)
    row, item = row[first], item[first]
    indptr = offsets_of(row, num_users).astype(np.int64)
    unseen = np.full(num_users, UNSEEN, np.int64)
    return Interactions(indptr, item, len(item_no_I), True, unseen)


@dataclass(slots=True)
class _Kept:
    """Newest known events of one user."""

    day: int
    item_no: np.ndarray
    event_code: np.ndarray


class _Drawn:
    """Keeps the newest rows of the users with the smallest hashes."""

    def __init__(self, max_users: int) -> None:
        self._max_users = max_users
        self._kept: dict[tuple[bytes, str], _Kept] = {}
        self._largest = _NO_LIMIT

    def add(self, batch: pa.RecordBatch, opted_out: Collection[str]) -> None:
        """Look at one batch."""
        rows = pa.Table.from_batches([batch])
        day = rows.column("arrival_date").cast(pa.int32()).to_pylist()
        row, entries = flat_lists(rows.column("short"))
        indptr = offsets_of(row, rows.num_rows)
        item_no = entries.field("item_no").to_numpy().astype(np.int64)
        code = entries.field("event_code").to_numpy()
        for number, user in enumerate(rows.column("user_id").to_pylist()):
            if user in opted_out:
                continue
            name = (user_hash(user), user)
            known = self._kept.get(name)
            if name[0] > self._largest or (known is not None and known.day >= day[number]):
                continue
            part = slice(indptr[number], indptr[number + 1])
            self._kept[name] = _Kept(day[number], item_no[part].copy(), code[part].copy())
        if len(self._kept) > 2 * self._max_users:
            self._cut()

    def touched(self) -> Touched:
        """Lay out what was kept."""
        self._cut()
        kept = [self._kept[name] for name in sorted(self._kept)]
        indptr = np.cumsum([0, *(len(one.item_no) for one in kept)]).astype(np.int64)
        item_no = np.concatenate([np.empty(0, np.int64), *(one.item_no for one in kept)])
        code = np.concatenate([np.empty(0, np.int8), *(one.event_code for one in kept)])
        return Touched(indptr, item_no, code, self._largest != _NO_LIMIT)

    def _cut(self) -> None:
        if len(self._kept) <= self._max_users:
            return
        names = sorted(self._kept)
        for name in names[self._max_users :]:
            del self._kept[name]
        self._largest = names[self._max_users - 1][0]
