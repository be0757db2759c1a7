"""Unfinished business: what a user looked at, began to watch or carted, and did not finish.

Nothing is learned: the source reads features/user_pairs. What was bought or hidden is left to the
one place that suppresses it for all sources (``scoring.fusion``). A video that he watched through
is finished, here and nowhere else: other sources may propose it again, and the ranker reads how
much of it he has seen.
"""

from typing import Final

import numpy as np

from training.item_side import FEATURES, ItemSide
from training.lookup import taken
from training.retrieval.proposals import Proposals, strongest
from training.user_side import UserBatch

WATCHED_THROUGH: Final = 0.9
"""Share of its length, all watches together, from which on a video is finished."""
_DURATION: Final = FEATURES.index("duration_ms")


def propose(batch: UserBatch, items: ItemSide, *, num_items: int) -> Proposals:
    """Propose a user's own items that he touched and neither ordered nor finished, by affinity."""
    own = batch.items
    is_touched = own.numbers("num_clicks") + own.numbers("num_carts") + own.numbers("watch_ms") > 0
    is_open = (own.numbers("num_orders") == 0) & ~_is_finished(batch, items)
    wanted = np.flatnonzero(is_open & is_touched)
    affinity = own.affinity_at(batch.evening_us)[wanted]
    item = own.numbers("item_no")[wanted].astype(np.int64)
    return strongest(Proposals(own.row_N[wanted], item, affinity), num_items)


def _is_finished(batch: UserBatch, items: ItemSide) -> np.ndarray:
    """Tell which of users' own items are videos that they watched through: bool, N."""
    place = items.places(batch.items.numbers("item_no").astype(np.int64))
    is_video = taken(items.is_video_N, place, otherwise=False).astype(bool)
    duration_ms = taken(items.numeric_NF[:, _DURATION], place, otherwise=np.nan)
    return is_video & (batch.items.numbers("watch_ms") >= WATCHED_THROUGH * duration_ms)
