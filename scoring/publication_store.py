"""Writes one surface's slates and neighbours into one LMDB file.

Belongs here: rows in, entries of ``scoring.published`` out, in constant memory. Folders, manifests
and the pointer are ``scoring.publish``.

Shapes: R rows of one batch, P places (items of slates and reserves, one behind another).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import lmdb
import msgspec
import numpy as np
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.surfaces import NAMES
from etl.tables import PARTITION, SIMILAR, SLATES, Table
from scoring.publication_places import Places, StoreError, whole
from scoring.published import Item, Neighbours, Slate, key

_ROWS_AT_ONCE: Final = 4096
"""Rows of one transaction: bounds memory, whatever the size of the batches given."""
_FIRST_MAP_BYTES: Final = 1 << 30
"""LMDB's map, reserved ahead; doubled when full. Address space, not disk."""

Rows = Iterable[pa.Table | pa.RecordBatch]
Entries = Iterable[tuple[str, Slate | Neighbours | Item]]
"""Each with its kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """Who ordered a surface's slates."""

    ranker: str
    model_date: date | None


@dataclass(kw_only=True, slots=True)
class Written:
    """What was written so far."""

    rows: int = 0
    k: int = 0
    """Items of the longest slate."""
    served: dict[str, set[Served]] = field(default_factory=dict)
    """Who ordered the rows of each audience."""
    is_used_N: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """By item_no, whether an entry names it."""

    def use(self, item_no_P: np.ndarray) -> None:
        """Mark items as named."""
        if len(item_no_P) == 0:
            return
        missing = int(item_no_P.max()) + 1 - len(self.is_used_N)
        if missing > 0:
            self.is_used_N = np.pad(self.is_used_N, (0, missing + len(self.is_used_N)))
        self.is_used_N[item_no_P] = True

    def champion(self) -> Served:
        """Who ordered the users' slates; where there are none, the default slate."""
        found = self.served.get("user") or self.served["default"]
        if len(found) > 1:
            raise StoreError(
                "slates of one night name one model, and these name "
                f"{' and '.join(sorted(f'{s.ranker} of {s.model_date}' for s in found))}; "
                "make the night's slates again"
            )
        return next(iter(found))


def write(path: Path, *, day: date, slates: Rows, similar: Rows, items: pa.Table) -> Written:
    """Write one surface's file and make it durable.

    Args:
        path: The file; must not exist.
        day: The slates' day.
        slates: All rows of ``tables.SLATES`` of that day, in any order, read once.
        similar: Rows of ``tables.SIMILAR``, one an item, read once.
        items: ``item_no``, ``item_id`` and ``title`` of at least every item that is named.

    Returns:
        What was written.

    Raises:
        StoreError: If a row is of another day or comes twice, an item is not in ``items``, a
            source has no code, or the default slate is missing.
    """
    catalogue = _Catalogue(items)
    written = Written()
    with lmdb.open(
        str(path), subdir=False, lock=False, sync=False, map_size=_FIRST_MAP_BYTES
    ) as environment:
        for rows in _parts(slates, SLATES):
            _put(environment, _slate_entries(rows, day, written))
        if "default" not in written.served:
            raise StoreError(
                f"the slates of {day} hold no default row, which serves whoever has no other; "
                "make the night's slates again"
            )
        for rows in _parts(similar, SIMILAR):
            _put(environment, _similar_entries(rows, catalogue, written))
        for numbers in _chunks(np.flatnonzero(written.is_used_N)):
            _put(environment, catalogue.entries(numbers))
        environment.sync(True)
    return written


def _parts(rows: Rows, tables: dict[str, Table]) -> Iterator[pa.Table]:
    """Cut rows to size, in the types of the table that all surfaces share."""
    schema = arrow_schema(tables[NAMES[0]].schema)
    for given in rows:
        table = pa.Table.from_batches([given]) if isinstance(given, pa.RecordBatch) else given
        for start in range(0, len(table), _ROWS_AT_ONCE):
            yield table.slice(start, _ROWS_AT_ONCE).select(schema.names).cast(schema)


def _chunks(numbers: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        yield numbers[start : start + _ROWS_AT_ONCE]


def _slate_entries(rows: pa.Table, day: date, written: Written) -> Entries:
    _require_day(rows, day)
    items = Places.of_slates(rows.column("items"))
    reserve = Places.of_slates(rows.column("reserve"))
    written.use(items.item_no_P)
    written.use(reserve.item_no_P)
    written.rows += len(rows)
    written.k = max(written.k, int(items.lengths_R.max(initial=0)))
    served = rows.select(["audience", "ranker", "model_date"]).group_by(
        ["audience", "ranker", "model_date"]
    )
    for one in served.aggregate([]).to_pylist():
        written.served.setdefault(one.pop("audience"), set()).add(Served(**one))
    words = (
        rows.column(name).to_pylist()
        for name in ("audience", "audience_key", "segment", "short_reason")
    )
    return [
        (
            audience,
            Slate(
                identity,
                segment,
                reason,
                int(items.lengths_R[row]),
                *_joined(items, reserve, row),
            ),
        )
        for row, (audience, identity, segment, reason) in enumerate(zip(*words, strict=True))
    ]


def _joined(items: Places, reserve: Places, row: int) -> Iterator[bytes]:
    pairs = zip(items.row(row), reserve.row(row), strict=True)
    return (first + then for first, then in pairs)


def _similar_entries(rows: pa.Table, catalogue: "_Catalogue", written: Written) -> Entries:
    places = Places.of_neighbours(rows.column("neighbours"))
    written.use(places.item_no_P)
    item_ids = catalogue.ids(whole(rows.column("item_no"), "item_no"))
    return [
        ("similar", Neighbours(item_id, *places.row(row))) for row, item_id in enumerate(item_ids)
    ]


def _require_day(rows: pa.Table, day: date) -> None:
    others = {found for found in rows.column(PARTITION).unique().to_pylist() if found != day}
    if others:
        raise StoreError(
            f"the slates of {day} were to be published, and among them are rows of "
            f"{', '.join(sorted(map(str, others)))}; read one day of the table"
        )


def _put(environment: lmdb.Environment, entries: Entries) -> None:
    """Write entries in one transaction, with a larger map as often as they do not fit."""
    encoder = msgspec.msgpack.Encoder()
    raw = sorted((key(kind, one.id), kind, one.id, encoder.encode(one)) for kind, one in entries)
    while True:
        try:
            with environment.begin(write=True) as transaction:
                _put_all(transaction, raw)
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])
        else:
            return


def _put_all(transaction: lmdb.Transaction, raw: list[tuple[bytes, str, str, bytes]]) -> None:
    for hashed, kind, identity, value in raw:
        if not transaction.put(hashed, value, overwrite=False):
            raise StoreError(
                f"{kind} {identity[:80]!r} has two rows, and one was promised; make the day again"
            )


class _Catalogue:
    """Items by item_no."""

    def __init__(self, items: pa.Table) -> None:
        number = whole(items.column("item_no"), "item_no")
        self._items = items
        self._place_N = np.full(int(number.max(initial=-1)) + 1, -1)
        self._place_N[number] = np.arange(len(items))

    def ids(self, item_no_N: np.ndarray) -> list[str]:
        """Name items."""
        return self._column("item_id", item_no_N)

    def entries(self, item_no_N: np.ndarray) -> Entries:
        """Describe items for readers."""
        told = zip(
            item_no_N.tolist(), self.ids(item_no_N), self._column("title", item_no_N), strict=True
        )
        return [("item", Item(str(number), item_id, title)) for number, item_id, title in told]

    def _column(self, name: str, item_no_N: np.ndarray) -> list:
        return self._items.column(name).take(pa.array(self._places(item_no_N))).to_pylist()

    def _places(self, item_no_N: np.ndarray) -> np.ndarray:
        is_known_N = item_no_N < len(self._place_N)
        is_known_N[is_known_N] = self._place_N[item_no_N[is_known_N]] >= 0
        if not is_known_N.all():
            raise StoreError(
                f"{(~is_known_N).sum()} items are named and not in the catalogue given, the first "
                f"item_no {item_no_N[~is_known_N][0]}; give silver/items of the slates' day"
            )
        return self._place_N[item_no_N]
