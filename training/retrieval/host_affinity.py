"""Slots, videos and products of the hosts whose things a user clicked, watched or bought.

Nothing is learned: the source reads features/user_pairs. A seller who is also a host counts as one.
"""

from training.retrieval.groups import shares_of_hosts
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.shelf import Shelf
from training.user_side import UserBatch


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int) -> Proposals:
    """Propose what a user's hosts have: the host's share of his affinity over the item's place."""
    hosts = shares_of_hosts(batch, shelf.items)
    listed = shelf.by_host
    query, element, place = from_lists(hosts.code_Q, listed.indptr)
    item = shelf.items.item_no_N[listed.place_N[element]]
    score = hosts.share_Q[query] / (place + 1)
    return strongest(summed(hosts.user_Q[query], item, score), num_items)
