"""Histories with a pattern in them, drawn quickly at any size. Shapes: U users, N interactions."""

from typing import Final

import numpy as np

from training.retrieval.interactions import Interactions

_NUM_TOPICS: Final = 40
_TOPICS_OF_USER: Final = 3
_FAITHFUL: Final = 0.8
"""Share of interactions within a user's own topics."""
_STEEPNESS: Final = 3.0
"""The larger, the more of a topic's interactions fall to its first items."""


def drawn(num_users: int, num_items: int, *, num_each: int, seed: int) -> Interactions:
    """Draw what users touch: mostly items of their own topics, and of those mostly a few.

    Args:
        num_users: U.
        num_items: Items of the catalogue.
        num_each: Interactions of each user, from which repeats are left out.
        seed: Of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    num_topics = min(_NUM_TOPICS, num_items)
    own_U3 = rng.integers(num_topics, size=(num_users, _TOPICS_OF_USER))
    shape = (num_users, num_each)
    own = np.take_along_axis(own_U3, rng.integers(_TOPICS_OF_USER, size=shape), axis=1)
    topic = np.where(rng.random(shape) < _FAITHFUL, own, rng.integers(num_topics, size=shape))
    place = (num_items // num_topics * rng.random(shape) ** _STEEPNESS).astype(np.int64)
    indptr = np.arange(num_users + 1, dtype=np.int64) * num_each
    item_N = (place * num_topics + topic).ravel()
    return Interactions(indptr, item_N, num_items, True, np.arange(num_users)).distinct()


def last_left_out(histories: Interactions) -> tuple[Interactions, Interactions]:
    """Cut off each user's newest item: what is learned from, and what is to be foretold."""
    back_N = histories.steps_back_N
    return histories.where(back_N > 0), histories.where(back_N == 0)
