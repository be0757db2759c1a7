"""How much of a user's affinity falls to each host or category, as sources weigh their lists.

Shapes: U users, Q pairs of a user and a group.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.item_side import ItemSide
from training.retrieval.proposals import summed
from training.user_side import Lists, UserBatch, codes_in

_TINY: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Shares:
    """Q groups that users have history with, by user and code."""

    user_Q: np.ndarray
    """int64: the user's row in the batch."""
    code_Q: np.ndarray
    """int64: the group's place in the item side's words."""
    share_Q: np.ndarray
    """float64: its part of the user's affinity with groups that alive items have, in (0, 1]."""


def shares_of_categories(batch: UserBatch, items: ItemSide) -> Shares:
    """Share each user's affinity out to his categories."""
    return _shares(batch, [(batch.categories, "category")], items, "category")


def shares_of_hosts(batch: UserBatch, items: ItemSide) -> Shares:
    """Share each user's affinity out to hosts; a seller who hosts is a host."""
    known = [(batch.hosts, "host_id"), (batch.sellers, "seller_id")]
    return _shares(batch, known, items, "host_id")


def _shares(batch: UserBatch, known: list[tuple[Lists, str]], items: ItemSide, word: str) -> Shares:
    parts = []
    for lists, column in known:
        code = codes_in(lists.words(column), items.words(word))
        affinity = lists.affinity_at(batch.evening_us)
        kept = (code >= 0) & (affinity > 0)
        parts.append((lists.row_N[kept], code[kept], affinity[kept]))
    user, code, affinity = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    found = summed(user, code, affinity)
    total = np.bincount(found.user_P, found.score_P, batch.num_users)
    share = found.score_P / np.maximum(total[found.user_P], _TINY)
    return Shares(found.user_P, found.item_P, share)
