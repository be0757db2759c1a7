"""References to items and live rooms, as versions 2 and 3 write them: objects left open.

Shapes: N items, M rooms, V events of one version, I items shown.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from etl import surfaces
from simulator import said
from simulator.day import NONE
from simulator.hashing import hashed, hex_ids, key_of
from simulator.names import Names
from simulator.pieces import integers, lists, quoted, scattered, table, taken, whole
from simulator.plan import ITEM
from simulator.said import Part

_TYPES: Final = table(*(f'{{"type":"{name}","id":' for name in surfaces.ITEM_TYPES))


def event_items(part: Part) -> pa.LargeBinaryArray:
    """Write what each event happened to; null for catalogue lines and events on no item."""
    place_V = _places(part.names, part.of(part.day.item_E), part.of(part.day.room_E))
    opened = taken(_references(part), np.where(part.is_type(ITEM), NONE, place_V))
    return whole(opened, b"}")


def shown_items(part: Part, *ends: pa.LargeBinaryArray | bytes) -> pa.LargeBinaryArray:
    """Write each impression's list of references, ``ends`` in each of them; null elsewhere.

    Args:
        part: The events.
        ends: Pieces of I shown items, the last of which closes the object.
    """
    shown = said.shown(part)
    opened = taken(_references(part), _places(part.names, shown.item_I, shown.room_I))
    return scattered(lists(whole(opened, *ends), shown.start_R), shown.row_R, len(part.event_V))


def _places(names: Names, item: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Places in ``_references``: a room's where there is one, else the item's."""
    return np.where(room == NONE, item, len(names.item_id) + room)


def _references(part: Part) -> pa.LargeBinaryArray:
    """N items, then M rooms, each an object without its closing brace."""
    names = part.names
    items = whole(_TYPES.take(pa.array(names.item_type_N)), quoted(names.item_id))
    rooms = whole(
        b'{"type":"live_room","id":"room-',
        hex_ids(hashed(key_of(part.config.seed, "room"), np.arange(len(names.room_host_M)))),
        b'","host":',
        taken(quoted(names.host_id), names.room_host_M),
        b',"started_at":',
        integers(names.room_started_us_M // 1_000),
    )
    return pa.concat_arrays([items, rooms])
