"""References to items and live rooms, as versions 2 and 3 write them.

Shapes: V events of one version, I items shown.
"""

import numpy as np
import pyarrow as pa

from simulator.app_log.pieces import lists, scattered, taken, whole
from simulator.app_log.said import Part, Shown
from simulator.day import NONE


def event_items(part: Part) -> pa.LargeBinaryArray:
    """Write what each event happened to; null for catalogue lines and events on no item."""
    place_V = part.spelled.place(part.of(part.day.item_E), part.of(part.day.room_E))
    is_said = ~part.is_catalogue()
    return whole(taken(part.spelled.reference, np.where(is_said, place_V, NONE)), b"}")


def shown_items(part: Part, shown: Shown, end: pa.LargeBinaryArray | bytes) -> pa.LargeBinaryArray:
    """Write each impression's field ``shown``, a list of references; null elsewhere.

    Args:
        part: The events.
        shown: Their requests.
        end: What stands behind the reference of each of the I items and closes its object.
    """
    place_I = part.spelled.place(shown.item_I, shown.room_I)
    items = whole(part.spelled.reference.take(pa.array(place_I)), end)
    return scattered(lists("shown", items, shown.start_R), shown.row_R, len(part.event_V))
