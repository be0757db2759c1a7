"""How often a live slot of a slate is met: it is shown only while it is live.

The app shows the slots of a slate that are live when a user comes. So a slot counts as often as he
comes in its hour, and its place is its place among the slate's slots of that hour.

Shapes: R candidates, grouped by user; U users.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import places_in_runs, run_starts
from training.assemble import Rows
from training.inputs import SCORED_POSITION
from training.item_side import ItemSide
from training.lookup import taken
from training.retrieval.live_presence import PresenceConfig, presence
from training.user_side import hours_of

ALL_DAY: Final = -1


@dataclass(frozen=True, slots=True)
class Hours:
    """R candidates' hours, and how often their users come in them."""

    user_R: np.ndarray
    """int64."""
    item_R: np.ndarray
    """int64: item_no."""
    hour_R: np.ndarray
    """int64, of UTC; ``ALL_DAY`` of what is no live slot."""
    presence_R: np.ndarray
    """float64, in (0, 1]: the share of the user's active hours that are this hour of the day,
    spread and smoothed (``training.retrieval.live_presence``); 1 where it is there all day."""

    @classmethod
    def of(cls, rows: Rows, *, users: pa.Table, items: ItemSide) -> "Hours":
        """Look candidates' hours up.

        Args:
            rows: The candidates.
            users: U rows with ``active_hours``.
            items: The evening's item side.
        """
        place_R = items.places(rows.item_R)
        hour_R = taken(items.slot_hour_N, place_R, otherwise=ALL_DAY).astype(np.int64)
        presence_R = np.ones(len(hour_R))
        slot = np.flatnonzero(hour_R != ALL_DAY)
        if len(slot):
            there_UH = presence(hours_of(users.column("active_hours")), PresenceConfig())
            presence_R[slot] = there_UH[rows.user_R[slot], hour_R[slot]]
        return cls(rows.user_R, rows.item_R, hour_R, presence_R)

    @property
    def has_slots(self) -> bool:
        """Whether any candidate is a live slot."""
        return bool((self.hour_R != ALL_DAY).any())

    def places(self, value_R: np.ndarray) -> np.ndarray:
        """Say which place each has among his slots of the same hour, the best first.

        Args:
            value_R: What they are worth; ties by item_no.

        Returns:
            int64, R, from 0; ``SCORED_POSITION`` of what is no slot.
        """
        order = np.lexsort((self.item_R, -value_R, self.hour_R, self.user_R))
        place_R = np.empty(len(order), np.int64)
        place_R[order] = places_in_runs(run_starts(self.user_R[order], self.hour_R[order]))
        return np.where(self.hour_R == ALL_DAY, int(SCORED_POSITION), place_R)
