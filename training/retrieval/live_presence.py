"""Live slots that a user would like, at an hour at which he is there.

Nothing is learned: what he would like follows from his hosts and categories (features/user_pairs),
when he is there from the hours of his events (features/user_daily).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.retrieval.groups import Shares, shares_of_categories, shares_of_hosts
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.shelf import Listed, Shelf
from training.user_side import UserBatch

_HOURS: Final = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class PresenceConfig:
    """How a user's hours are read."""

    spread_hours: float = 1.5
    """Who came at eight may come at nine: his days are spread over the hours around by a normal
    distribution of this standard deviation, > 0. (Chosen on the simulated shop's seed 1:
    docs/experiments.md.)"""
    prior_days: float = 1.0
    """Days spread evenly over the 24 hours and added to his own, against few events."""
    num_most_clicked: int = 100
    """Slots that are proposed to everybody, whatever he likes."""
    prior_share: float = 0.05
    """What the most clicked slot counts without any liking, the n-th a n-th of it."""


def presence(active_hours_UH: np.ndarray, config: PresenceConfig) -> np.ndarray:
    """Say how likely a user is there in each hour, given that he comes: float64, U × 24."""
    with_prior_UH = np.full(active_hours_UH.shape, config.prior_days / _HOURS)
    # Hour by hour in one order: what BLAS adds up depends on how many users are asked at once.
    for hours, share in enumerate(_spread(config.spread_hours)):
        with_prior_UH += share * np.roll(active_hours_UH, hours, axis=1)
    return with_prior_UH / with_prior_UH.sum(axis=1, keepdims=True)


def _spread(spread_hours: float) -> np.ndarray:
    """Share of an hour's days that the hour so many hours later gets: float64, 24, adds up to 1."""
    later_H = np.arange(_HOURS)
    apart_H = np.minimum(later_H, _HOURS - later_H)
    weight_H = np.exp(-0.5 * (apart_H / spread_hours) ** 2)
    return weight_H / weight_H.sum()


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int, config: PresenceConfig) -> Proposals:
    """Propose slots by (share of their host + share of their category) × presence at their hour.

    The most clicked are proposed to everybody, by a small share of their own.
    """
    every = (
        _liked(shares_of_hosts(batch, shelf.items), shelf.by_host),
        _liked(shares_of_categories(batch, shelf.items), shelf.by_category),
        _most_clicked(batch, shelf, config),
    )
    user, place, share = (np.concatenate(parts) for parts in zip(*every, strict=True))
    hour = shelf.items.slot_hour_N[place]
    is_slot = hour >= 0
    user, place, share, hour = (part[is_slot] for part in (user, place, share, hour))
    there_UH = presence(batch.active_hours_UH, config)
    item = shelf.items.item_no_N[place]
    return strongest(summed(user, item, share * there_UH[user, hour]), num_items)


def _most_clicked(
    batch: UserBatch, shelf: Shelf, config: PresenceConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = shelf.place_E[: config.num_most_clicked]
    share = config.prior_share / (np.arange(len(place)) + 1)
    user = np.repeat(np.arange(batch.num_users), len(place))
    return user, np.tile(place, batch.num_users), np.tile(share, batch.num_users)


def _liked(shares: Shares, listed: Listed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every item of every group: user, place on the item side, share."""
    query, element, _ = from_lists(shares.code_Q, listed.indptr)
    return shares.user_Q[query], listed.place_N[element], shares.share_Q[query]
