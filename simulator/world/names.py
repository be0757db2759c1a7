"""What the line writer reads of the world: the words and values behind a day's numbers.

Shapes: U users, N items (products, videos, live slots), H hosts, M live rooms.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Words of users, items, hosts and rooms, by number. Ids and texts are any text."""

    user_id: pa.StringArray
    """U, distinct."""
    country: pa.StringArray
    """U; null where the app does not know it."""
    platform: pa.StringArray
    """U; null where the app does not know it."""
    language: pa.StringArray
    """U; null where the app does not know it."""
    item_id: pa.StringArray
    """N, distinct within a type; of live slots ``<host>@<weekday>-<HH>``."""
    item_type_N: np.ndarray
    """int8: place in ``etl.surfaces.ITEM_TYPES``."""
    title: pa.StringArray
    """N; null where there is none, as are the columns below."""
    text: pa.StringArray
    """N: the description."""
    category: pa.StringArray
    """N: levels parted by dots."""
    brand: pa.StringArray
    """N."""
    seller: pa.StringArray
    """N."""
    duration_ms: pa.Int64Array
    """N: of videos and slots."""
    host_N: np.ndarray
    """int32: who hosts the video or the slot; −1 where nobody does."""
    products: pa.ListArray
    """N lists of int32: the attached products, as items."""
    host_id: pa.StringArray
    """H, distinct."""
    room_host_M: np.ndarray
    """int32: the host of each room."""
    room_started_us_M: np.ndarray
    """int64: when it started, UTC, microseconds of the epoch, a multiple of a second."""
