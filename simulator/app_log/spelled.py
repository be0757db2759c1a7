"""The world's words as JSON, made once a shop for all lines to take from.

Shapes: U users, N items, H hosts, M rooms.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl import surfaces
from simulator.app_log.hashing import hashed, hex_ids, key_of
from simulator.app_log.pieces import field, integers, joined, quoted, table, taken, whole
from simulator.world.names import Names

_SEGMENT: Final = ("country", "platform", "language")
_TYPES: Final = table(*(f'{{"type":"{name}","id":' for name in surfaces.ITEM_TYPES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelled:
    """Names, and those of their words that many lines need, as JSON strings."""

    names: Names
    user: pa.LargeBinaryArray
    """U."""
    flat: pa.LargeBinaryArray
    """U: the fields of country, platform and language in version 1, with their commas."""
    device: pa.LargeBinaryArray
    """U: the field ``device`` of version 2."""
    app: pa.LargeBinaryArray
    """U: the field ``app`` of version 3."""
    item: pa.LargeBinaryArray
    """N."""
    host: pa.LargeBinaryArray
    """H."""
    reference: pa.LargeBinaryArray
    """N items, then M rooms: objects as versions 2 and 3 write them, without closing brace."""

    def place(self, item: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Places in ``reference``: a room's where there is one (not negative), else the item's."""
        return np.where(room < 0, item, len(self.item) + room)


def spelled(names: Names, seed: int) -> Spelled:
    """Write the words of a world."""
    item, host = quoted(names.item_id), quoted(names.host_id)
    items = whole(_TYPES.take(pa.array(names.item_type_N)), item)
    rooms = whole(
        b'{"type":"live_room","id":"room-',
        hex_ids(hashed(key_of(seed, "room"), np.arange(len(names.room_host_M)))),
        b'","host":',
        taken(host, names.room_host_M),
        b',"started_at":',
        integers(names.room_started_us_M // 1_000),
    )
    return Spelled(
        names=names,
        user=quoted(names.user_id),
        flat=_segment(names, *_SEGMENT),
        device=whole(b',"device":{"model":"N-7"', _segment(names, "country", "os", "lang"), b"}"),
        app=whole(b',"app":{"version":"5.14.2"', _segment(names, *_SEGMENT), b"}"),
        item=item,
        host=host,
        reference=pa.concat_arrays([items, rooms]),
    )


def _segment(names: Names, *fields: str) -> pa.LargeBinaryArray:
    """Write what is known of country, platform and language, as one version calls them."""
    known = zip(fields, (names.country, names.platform, names.language), strict=True)
    return joined(*(field(name, quoted(words)) for name, words in known))
