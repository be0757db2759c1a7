"""Slots and videos of the hosts that a user follows.

Nothing is learned: the source reads whom he follows in features/user_daily.
"""

import numpy as np

from training.lookup import find, key, taken
from training.retrieval.groups import shares_of_hosts
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.shelf import Shelf
from training.user_side import UserBatch, codes_in


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int) -> Proposals:
    """Propose what followed hosts have, the best of each before the second of any.

    The score is 1 + the host's share of the user's affinity, over the item's place with its host.
    """
    followed = batch.followed_hosts
    code = codes_in(followed.words("host_id"), shelf.items.words("host_id"))
    known = code >= 0
    user, code = followed.row_N[known], code[known]
    hosts = shares_of_hosts(batch, shelf.items)
    place = find(key(hosts.user_Q, hosts.code_Q), key(user, code))
    weight = 1 + taken(hosts.share_Q, place, otherwise=0)
    listed = shelf.by_host
    query, element, rank = from_lists(code, listed.indptr)
    item = shelf.items.item_no_N[listed.place_N[element]].astype(np.int64)
    return strongest(summed(user[query], item, weight[query] / (rank + 1)), num_items)
