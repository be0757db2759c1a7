"""Videos and live slots that show products which a user clicked, carted or bought.

Nothing is learned: the source reads features/user_pairs and what items show. The other way round
is ``training.retrieval.watched_products``.
"""

import numpy as np

from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.shelf import Shelf
from training.user_side import UserBatch


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int) -> Proposals:
    """Propose what shows a user's products, by Σ affinity with them / √(products it shows)."""
    items, affinity = shelf.items, batch.items.affinity_at(batch.evening_us)
    product = items.places(batch.items.numbers("item_no").astype(np.int64))
    touched = np.flatnonzero((product >= 0) & (affinity > 0))
    query, element, _ = from_lists(product[touched], shelf.by_product.indptr)
    showing = shelf.by_product.place_N[element]
    num_shown = np.diff(items.shown_indptr)[showing]
    score = affinity[touched][query] / np.sqrt(num_shown)
    user = batch.items.row_N[touched][query]
    return strongest(summed(user, items.item_no_N[showing], score), num_items)
