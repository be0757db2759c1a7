"""What is clicked most often where it is looked at, in the categories that a user is eager for.

An item scores by its appeal (features/item_appeal) times the user's lift in its category
(``training.category_looks``), which is 1 where he was never shown any. Popularity counts; this asks
how good something is for how often it was seen, and by whom, so that little-seen items of a loved
category come before much-seen ones of any. Silent where the log has no impressions.
"""

from dataclasses import dataclass

import numpy as np

from etl.arrow import order_by
from training.category_looks import CategoryLooks
from training.lookup import find, key, taken
from training.retrieval.proposals import Proposals, from_lists, strongest
from training.retrieval.shelf import Shelf
from training.user_side import UserBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class WellRatedConfig:
    """How many lists are read."""

    num_categories: int = 16
    """Categories of a user's highest lift whose items are looked up."""
    per_category: int = 60
    """Items of one category at most."""
    num_overall: int = 200
    """Items of the highest appeal of all, of which those of categories never shown are read."""


def propose(
    batch: UserBatch, shelf: Shelf, *, num_items: int, config: WellRatedConfig
) -> Proposals:
    """Propose the items of the highest appeal × lift; ties by item_no."""
    looks = CategoryLooks.of(batch.categories, shelf.items)
    if np.isnan(looks.rate_C).all():
        return Proposals(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.float64)))
    return strongest(
        _by_user_and_item(
            _of_categories(looks, shelf, config), _of_all(looks, shelf, batch.num_users, config)
        ),
        num_items,
    )


def _of_categories(looks: CategoryLooks, shelf: Shelf, config: WellRatedConfig) -> Proposals:
    """The best of each user's categories of the highest lift."""
    chosen = strongest(
        Proposals(looks.user_Q, np.arange(len(looks.user_Q)), looks.lift_Q), config.num_categories
    ).item_P
    listed = shelf.rated_by_category
    query, element, place = from_lists(looks.code_Q[chosen], listed.indptr)
    first = place < config.per_category
    query, at = chosen[query[first]], listed.place_N[element[first]]
    score = shelf.appeal_N[at] * looks.lift_Q[query]
    return Proposals(looks.user_Q[query], shelf.items.item_no_N[at], score)


def _of_all(
    looks: CategoryLooks, shelf: Shelf, num_users: int, config: WellRatedConfig
) -> Proposals:
    """The best of everything, to each user what is of no category that he was shown."""
    best = shelf.rated_E[: config.num_overall]
    user = np.repeat(np.arange(num_users), len(best))
    at = np.tile(best, num_users)
    code = taken(shelf.items.codes("category"), at, otherwise=-1).astype(np.int64)
    own = find(key(looks.user_Q, looks.code_Q), key(user, np.maximum(code, 0)))
    kept = (code < 0) | (own < 0)
    user, at = user[kept], at[kept]
    return Proposals(user, shelf.items.item_no_N[at], shelf.appeal_N[at])


def _by_user_and_item(one: Proposals, other: Proposals) -> Proposals:
    user, item, score = (
        np.concatenate([getattr(part, name) for part in (one, other)])
        for name in ("user_P", "item_P", "score_P")
    )
    order = order_by(user, item)
    return Proposals(user[order], item[order], score[order])
