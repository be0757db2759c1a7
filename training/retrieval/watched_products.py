"""Products that the videos and live slots show which a user clicked or watched.

Nothing is learned: the source reads features/user_pairs and what items show. The other way round
is ``training.retrieval.showing_products``.
"""

import numpy as np

from etl.arrow import ranges
from training.retrieval.proposals import Proposals, strongest, summed
from training.retrieval.shelf import Shelf
from training.user_side import UserBatch


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int) -> Proposals:
    """Propose products by Σ affinity with what shows them / √(products it shows)."""
    items, affinity = shelf.items, batch.items.affinity_at(batch.evening_us)
    place = items.places(batch.items.numbers("item_no").astype(np.int64))
    seen = np.flatnonzero((place >= 0) & (affinity > 0))
    of, shown = ranges(items.shown_indptr, place[seen])
    num_shown = np.diff(items.shown_indptr)[place[seen]][of]
    product, user = items.shown_place_S[shown], batch.items.row_N[seen][of]
    score = affinity[seen][of] / np.sqrt(num_shown)
    may = shelf.is_eligible_N[product]
    return strongest(summed(user[may], items.item_no_N[product[may]], score[may]), num_items)
