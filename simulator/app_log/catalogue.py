"""What the catalogue says of an item, as the object of a line, for versions 2 and 3.

Shapes: V events of one version, C catalogue lines among them.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import surfaces
from simulator.app_log.pieces import (
    BINARY,
    field,
    integers,
    joined,
    lists,
    quoted,
    replaced,
    scattered,
    table,
    taken,
    where,
    whole,
)
from simulator.app_log.said import Part, in_encoding
from simulator.app_log.spelled import Spelled
from simulator.day import NONE

LIVE_SLOT: Final = surfaces.ITEM_TYPES.index(surfaces.LIVE_STREAMS.item_type)
_TYPES: Final = table(*(f'"{name}"' for name in surfaces.ITEM_TYPES))
_HOURS: Final = table(*map(str, range(24)))
_TEXTS: Final = ("title", "text", "category", "brand", "seller")
_END: Final = 1_000


def catalogue_items(part: Part, price: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Write the item of each catalogue line; null for all other events.

    Args:
        part: The events.
        price: The field of the price, with its name, of V events.
    """
    rows = np.flatnonzero(part.is_catalogue())
    item_C = part.of(part.day.item_E)[rows]
    items = whole(
        b'{"type":',
        _TYPES.take(pa.array(part.spelled.names.item_type_N[item_C])),
        _which(part.spelled, item_C),
        _all_of(part, rows, item_C),
        joined(price.take(pa.array(rows)), field("stock", _stock(part, rows))),
        b"}",
    )
    return scattered(items, rows, len(part.event_V))


def _stock(part: Part, rows: np.ndarray) -> pa.LargeBinaryArray:
    return integers(part.of(part.day.stock_E)[rows])


def _which(spelled: Spelled, item_C: np.ndarray) -> pa.LargeBinaryArray:
    """The id, or the host and the hour that make a live slot."""
    is_slot = spelled.names.item_type_N[item_C] == LIVE_SLOT
    slots = _slots(spelled, item_C[is_slot])
    return replaced(field("id", spelled.item.take(pa.array(item_C))), is_slot, slots)


def _slots(spelled: Spelled, item: np.ndarray) -> pa.LargeBinaryArray:
    """Host, weekday and hour, the last two from the end of ``<host>@<weekday>-<HH>``."""
    ids = spelled.names.item_id.take(pa.array(item))
    hours = pc.utf8_slice_codeunits(ids, -2, _END).cast(pa.int8())
    return whole(
        field("host", spelled.host.take(pa.array(spelled.names.host_N[item]))),
        field("weekday", quoted(pc.utf8_slice_codeunits(ids, -6, -3))),
        field("hour", _HOURS.take(hours)),
    )


def _all_of(part: Part, rows: np.ndarray, item_C: np.ndarray) -> pa.LargeBinaryArray:
    """What new items add: texts, kind, seller, length, host, attached products."""
    new = np.flatnonzero(part.of(part.day.is_new_item_E)[rows])
    names, item = part.spelled.names, pa.array(item_C[new])
    texts = {name: quoted(getattr(names, name).take(item)) for name in _TEXTS}
    texts["title"] = in_encoding(part, texts["title"], rows[new])
    host_C = np.where(names.item_type_N[item_C[new]] == LIVE_SLOT, NONE, names.host_N[item_C[new]])
    said = joined(
        *(field(name, values) for name, values in texts.items()),
        field("duration_ms", names.duration_ms.take(item).cast(pa.large_string()).cast(BINARY)),
        field("host", taken(part.spelled.host, host_C)),
        _products(part.spelled, item),
    )
    return pc.coalesce(scattered(said, new, len(rows)), pa.scalar(b"", BINARY))


def _products(spelled: Spelled, item: pa.Array) -> pa.LargeBinaryArray:
    """The field of the ids of attached products; null where there are none."""
    attached = spelled.names.products.take(item)
    ids = spelled.item.take(attached.flatten())
    lengths = pc.fill_null(pc.list_value_length(attached), 0).to_numpy()
    return where(lists("products", ids, np.r_[0, np.cumsum(lengths)]), lengths > 0)
