"""Weights of several sources' ranks and heights, by group of users, learned on held-out items.

The chance that a candidate is what a user touches next is the softmax of a weighted sum over his
pool (a conditional logit; McFadden, 1973). Groups of users (by length of history) have weights of
their own, held near the common ones. Shapes: N candidates, F features, G groups, U users.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from etl.arrow import run_starts
from training.retrieval.mixing_pool import Pool

_NEAR: Final = 30.0
"""Pull of a group's weights to the common ones, in users' worth."""
_SMALL: Final = 1.0
"""Pull of the common weights to 0."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted weights."""

    weight_GF: np.ndarray
    """float64."""
    length_above_G: np.ndarray
    """int64, G − 1: histories longer than this are of a later group."""

    def groups(self, length_U: np.ndarray) -> np.ndarray:
        """Each user's group: int64, U."""
        return np.searchsorted(self.length_above_G, length_U)

    def score(self, pool: Pool, length_U: np.ndarray) -> np.ndarray:
        """Score candidates: float32, N."""
        features_FN, group_N = pool.features(), self.groups(length_U)[pool.user_N]
        scores = np.zeros(len(pool), np.float32)
        for group, weight_F in enumerate(self.weight_GF.astype(np.float32)):
            rows = group_N == group
            scores[rows] = weight_F @ features_FN[:, rows]
        return scores


def fit(pool: Pool, is_found_N: np.ndarray, length_U: np.ndarray, *, num_groups: int) -> Weights:
    """Learn weights from the users among whose candidates there is a held-out item.

    Args:
        pool: Candidates.
        is_found_N: bool: those that were held out.
        length_U: int64: how long each user's history is.
        num_groups: Groups of about as many users each, by length of history.
    """
    cuts = np.quantile(length_U, np.arange(1, num_groups) / num_groups)
    length_above = np.unique(cuts.astype(np.int64))
    counted_U = np.bincount(pool.user_N, is_found_N, pool.num_users) > 0
    rows = counted_U[pool.user_N]
    choices = Choices(pool.features()[:, rows], pool.user_N[rows], is_found_N[rows])
    common_F = logit(choices, near_F=np.zeros(len(choices.features_FN)), pull=_SMALL)
    group_N = np.searchsorted(length_above, length_U)[choices.user_N]
    return Weights(by_group(choices, group_N, [common_F] * (len(length_above) + 1)), length_above)


@dataclass(frozen=True, slots=True)
class Choices:
    """N candidates among which users chose."""

    features_FN: np.ndarray
    """float32."""
    user_N: np.ndarray
    """int64, ascending; each has a found candidate."""
    is_found_N: np.ndarray
    """bool: what was chosen."""
    offset_N: np.ndarray | float = 0.0
    """float64: what speaks for a candidate besides its features, a logarithm of odds."""

    def of(self, rows: np.ndarray) -> "Choices":
        """Some users' candidates."""
        offset = self.offset_N if isinstance(self.offset_N, float) else self.offset_N[rows]
        return Choices(self.features_FN[:, rows], self.user_N[rows], self.is_found_N[rows], offset)


def by_group(choices: Choices, group_N: np.ndarray, common_GF: Sequence[np.ndarray]) -> np.ndarray:
    """Learn each group's weights, held near given ones: float64, G × F."""
    return np.array(
        [
            logit(choices.of(group_N == group), near_F=common_F, pull=_NEAR)
            for group, common_F in enumerate(common_GF)
        ]
    )


def logit(choices: Choices, *, near_F: np.ndarray, pull: float) -> np.ndarray:
    """Fit weights of features, none of them below 0: float64, F.

    Args:
        choices: What was chosen among what.
        near_F: Weights that the fit is held near.
        pull: How strongly, in users' worth.
    """
    features_FN, user_N = choices.features_FN, choices.user_N
    if not len(user_N):
        return near_F
    start = np.flatnonzero(run_starts(user_N))
    lengths = np.diff(np.r_[start, len(user_N)])
    share_N = choices.is_found_N / np.repeat(
        np.add.reduceat(choices.is_found_N, start, dtype=np.int64), lengths
    )

    def loss(weight_F: np.ndarray) -> tuple[float, np.ndarray]:
        logit = (weight_F.astype(np.float32) @ features_FN).astype(np.float64) + choices.offset_N
        logit -= np.repeat(np.maximum.reduceat(logit, start), lengths)
        chance = np.exp(logit)
        total = np.add.reduceat(chance, start)
        value = np.log(total).sum() - share_N @ logit
        slope = features_FN @ (chance / np.repeat(total, lengths) - share_N).astype(np.float32)
        off = weight_F - near_F
        return value + pull / 2 * (off @ off), slope + pull * off

    # No source counts against an item that it proposes.
    bounds = [(0.0, None)] * len(near_F)
    found = minimize(
        loss, near_F, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}
    )
    return found.x
