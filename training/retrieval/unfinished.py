"""Unfinished business: what a user looked at or put into the cart, and did not buy.

Nothing is learned: the source reads features/user_pairs. What was bought or hidden is left to the
one place that suppresses it for all sources (``scoring.candidates``).
"""

import numpy as np

from training.retrieval.proposals import Proposals, strongest
from training.user_side import UserBatch


def propose(batch: UserBatch, *, num_items: int) -> Proposals:
    """Propose a user's own items that he clicked or carted and never ordered, by affinity."""
    is_open = batch.items.numbers("num_orders") == 0
    touched = batch.items.numbers("num_clicks") + batch.items.numbers("num_carts") > 0
    wanted = np.flatnonzero(is_open & touched)
    affinity = batch.items.affinity_at(batch.evening_us)[wanted]
    item = batch.items.numbers("item_no")[wanted].astype(np.int64)
    return strongest(Proposals(batch.items.row_N[wanted], item, affinity), num_items)
