"""How users may respond to categories that they have not shown an interest in: a draw, not a guess.

What a user would do in a category that he hardly saw is read off those who are like him: his
segment, and everybody who is interested in what he is interested in. Their lifts, clicks to those
that anybody would make, are drawn towards 1 (Gamma-Poisson shrinkage: DuMouchel, The American
Statistician 53(3), 1999) and add up to his, which then moves with every look and click of his own.
A draw decides (Thompson, 1933; Chapelle, Li, NIPS 2011): a category of which little is known is
tried now and then, one that returned nothing to a user less and less, until it is dropped.

What is drawn is how the groups respond, not how far this user may be from them: that would be noise
as large as what is known, day after day (docs/decisions/0022).

Here is arithmetic on arrays alone. Whose numbers they are stands in ``latent_interests``.

Shapes: U users, B of them at a time, Q categories of users, C categories that somebody looked at, L
groups of users, E categories of all groups, D draws.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from scipy.special import gammaincinv

from etl.features.positions import PARTS
from training import array_file
from training.retrieval.proposals import Proposals, from_lists, strongest
from training.seeds import uniforms
from training.user_side import Lists, codes_in

LEAST_CLICKS: Final = 2
"""Clicks in a category before it may be called an interest: one comes by chance."""
_FEW: Final = 3.0
"""Clicks added to a user's own and to what is usual before he counts as eager or shy."""
_LEAST_LIFT: Final = 0.1
"""No group makes an interest less likely than this."""
_AT_ONCE: Final = 1 << 20
"""Users × categories in memory at a time; no draw depends on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentConfig:
    """How a user's interests are guessed, and how long a guess is followed."""

    group_clicks: float = 10.0
    """Clicks added to a group's and to what is usual: how slowly a group's lift is believed."""
    own_clicks: float = 1.0
    """How many clicks of his own count as much as the groups that a user is in: 1 lets him differ
    from them by as much as the lift itself."""
    stop_after: float = 0.5
    """Clicks that anybody's looks would have brought: if a user made no more of them, the
    category is not tried on him again."""
    per_category: int = 3
    """Items of one category at most."""
    salt: str = "latent interests"
    """Seeds the draws together with user, day and surface."""


@dataclass(frozen=True, slots=True)
class Account:
    """What was spent on users and what they returned, by user and category: Q of them."""

    user_Q: np.ndarray
    """int64: the user's row."""
    code_Q: np.ndarray
    """int64: the category's place in a vocabulary."""
    looks_Q: np.ndarray
    """int64: items of it that he looked at, in parts of ``etl.features.positions``."""
    clicks_Q: np.ndarray
    """int64: those that he clicked, and what he found by himself."""
    is_interest_Q: np.ndarray
    """bool: he clicks there at least as readily as elsewhere, and more than once."""

    @classmethod
    def of(cls, categories: Lists, vocabulary: pa.Array, num_users: int) -> "Account":
        """Read features/user_pairs.categories; categories outside the vocabulary are left out.

        What is an interest does not depend on the vocabulary.
        """
        user_N = categories.row_N
        looks_N = categories.numbers("examined").astype(np.int64)
        clicks_N = categories.numbers("num_clicks").astype(np.int64)
        is_interest_N = _are_interests(user_N, looks_N, clicks_N, num_users)
        code_N = codes_in(categories.words("category"), vocabulary)
        known = np.flatnonzero(code_N >= 0)
        known = known[np.argsort(user_N[known] << 32 | code_N[known])]
        parts = (user_N, code_N, looks_N, clicks_N, is_interest_N)
        return cls(*(part[known] for part in parts))


def _are_interests(
    user_N: np.ndarray, looks_N: np.ndarray, clicks_N: np.ndarray, num_users: int
) -> np.ndarray:
    """Compare clicks per look with the user's in all categories together: bool, N."""
    looks_U, clicks_U = (_sums(user_N, part, num_users) for part in (looks_N, clicks_N))
    # Looks to the thousandth: their products with clicks stay far below 2^63.
    own, all_his = looks_N // (PARTS // 1000), looks_U[user_N] // (PARTS // 1000)
    is_eager = clicks_N * all_his >= clicks_U[user_N] * own
    return (clicks_N >= LEAST_CLICKS) & is_eager


def _sums(user_N: np.ndarray, part_N: np.ndarray, num_users: int) -> np.ndarray:
    sum_U = np.zeros(num_users, np.int64)
    np.add.at(sum_U, user_N, part_N)
    return sum_U


@dataclass(frozen=True, slots=True)
class Groups:
    """How L groups of users respond to categories, beside everybody."""

    names: pa.StringArray
    indptr: np.ndarray
    """int64, L + 1: group l has the elements indptr[l] … indptr[l + 1]."""
    code_E: np.ndarray
    """int64: the category's place among the C."""
    excess_E: np.ndarray
    """float64: the group's lift less 1."""
    variance_E: np.ndarray
    """float64: how uncertain that is."""


@dataclass(frozen=True, slots=True)
class Responses:
    """How everybody, segments and the interested respond to C categories on one evening."""

    categories: pa.StringArray
    """Ascending."""
    rate_C: np.ndarray
    """float64, >= 0: everybody's clicks per look."""
    clicks_C: np.ndarray
    """float64: everybody's clicks, on which that rests."""
    seed_C: np.ndarray
    """int64: of the category's draws."""
    segments: Groups
    interested: Groups
    """Groups by what they are interested in; none holds its own category."""

    @classmethod
    def of(cls, arrays: dict[str, pa.Array], config: LatentConfig) -> "Responses":
        """Read what ``latent_interests.arrays_of`` laid out for one evening."""
        rate_C, clicks_C, seed_C = (
            array_file.numbers(arrays[f"latent_{part}"]) for part in ("rate", "clicks", "seed")
        )
        groups = (_groups(arrays, kind, rate_C, config) for kind in ("segment", "category"))
        return cls(arrays["latent_categories"], rate_C, clicks_C, seed_C, *groups)


def _groups(
    arrays: dict[str, pa.Array], kind: str, rate_C: np.ndarray, config: LatentConfig
) -> Groups:
    """Compare groups with everybody; who clicks more on everything has no lift for it."""
    indptr, code_E, looks_E, clicks_E = (
        array_file.numbers(arrays[f"latent_{kind}_{part}"])
        for part in ("indptr", "code", "looks", "clicks")
    )
    few, num_groups = config.group_clicks, len(indptr) - 1
    group_E = np.repeat(np.arange(num_groups), np.diff(indptr))
    usual_E = looks_E * rate_C[code_E]
    usual_L, clicks_L = (np.bincount(group_E, part, num_groups) for part in (usual_E, clicks_E))
    usual_E = usual_E * ((clicks_L + few) / (usual_L + few))[group_E]
    lift_E = (clicks_E + few) / (usual_E + few)
    variance_E = np.square(lift_E) / (clicks_E + few)
    return Groups(arrays[f"latent_{kind}_names"], indptr, code_E, lift_E - 1, variance_E)


@dataclass(frozen=True, slots=True)
class Asked:
    """B users of whom interests are guessed."""

    account: Account
    """In the vocabulary of ``Responses.categories``."""
    segment_U: pa.Array
    """Words: country|platform|language."""
    stream_U: np.ndarray
    """uint64: their random numbers of the day and surface (``training.seeds``)."""

    def blocks(self, size: int) -> list["Asked"]:
        """Part them into runs of ``size`` users."""
        num_users = len(self.stream_U)
        return [self._between(n, min(n + size, num_users)) for n in range(0, num_users, size)]

    def _between(self, start: int, end: int) -> "Asked":
        own = slice(*np.searchsorted(self.account.user_Q, [start, end]))
        parts = (getattr(self.account, name)[own] for name in Account.__slots__[1:])
        account = Account(self.account.user_Q[own] - start, *parts)
        return Asked(account, self.segment_U[start:end], self.stream_U[start:end])


def drawn(
    asked: Asked,
    responses: Responses,
    *,
    best_C: np.ndarray,
    num_categories: int,
    config: LatentConfig,
) -> Proposals:
    """Draw each user's lift in every category that may be a latent interest of his.

    That is what he has shown no interest in, by fewer than ``LEAST_CLICKS`` clicks, and what is not
    stopped: his looks would have brought anybody fewer than ``stop_after`` clicks, or fewer than
    they brought him.

    Args:
        asked: The users.
        responses: The evening's.
        best_C: float64, >= 0: worth of the best item of each category; 0 where there is none.
        num_categories: Of the highest lift × worth that are kept of a user.
        config: How interests are guessed.

    Returns:
        Places of categories with the drawn lift as the score, by user, best first.
    """
    size = max(1, _AT_ONCE // max(len(best_C), 1))
    user, code, lift = [_NONE], [_NONE], [np.zeros(0)]
    for number, block in enumerate(asked.blocks(size)):
        found = _drawn(block, responses, best_C > 0, config)
        worth = found.score_P * best_C[found.item_P]
        place = np.arange(len(worth))
        kept = strongest(Proposals(found.user_P, place, worth), num_categories).item_P
        user.append(found.user_P[kept] + number * size)
        code.append(found.item_P[kept])
        lift.append(found.score_P[kept])
    return Proposals(*(np.concatenate(parts) for parts in (user, code, lift)))


_NONE: Final = np.zeros(0, np.int64)


def _drawn(
    asked: Asked, responses: Responses, may_C: np.ndarray, config: LatentConfig
) -> Proposals:
    usual_BC, clicks_BC = _own(asked, responses)
    is_stopped_BC = (usual_BC >= config.stop_after) & (clicks_BC <= usual_BC)
    user, code = np.nonzero(may_C & (clicks_BC < LEAST_CLICKS) & ~is_stopped_BC)
    mean_BC, variance_BC = _of_groups(asked, responses)
    mean = np.maximum(mean_BC[user, code], _LEAST_LIFT)
    doubt = 1 / (1 + responses.clicks_C[code]) + variance_BC[user, code] / np.square(mean)
    number = uniforms(asked.stream_U[user], responses.seed_C[code])
    of_groups = mean * doubt * gammaincinv(1 / doubt, number)
    own = config.own_clicks
    lift = of_groups * (own + clicks_BC[user, code]) / (own + of_groups * usual_BC[user, code])
    return Proposals(user, code, np.maximum(lift, np.finfo(np.float32).tiny))


def _own(asked: Asked, responses: Responses) -> tuple[np.ndarray, np.ndarray]:
    """Lay out the clicks that are usual for a user's looks, and his own: float64, B × C each."""
    account, num_users = asked.account, len(asked.stream_U)
    usual_Q = account.looks_Q / PARTS * responses.rate_C[account.code_Q]
    usual_B, clicks_B = (
        np.bincount(account.user_Q, part, num_users) for part in (usual_Q, account.clicks_Q)
    )
    eager_B = (clicks_B + _FEW) / (usual_B + _FEW)
    usual_BC, clicks_BC = (np.zeros((num_users, len(responses.rate_C))) for _ in range(2))
    usual_BC[account.user_Q, account.code_Q] = usual_Q * eager_B[account.user_Q]
    clicks_BC[account.user_Q, account.code_Q] = account.clicks_Q
    return usual_BC, clicks_BC


def _of_groups(asked: Asked, responses: Responses) -> tuple[np.ndarray, np.ndarray]:
    """Add up what the groups that a user is in say of his lift: mean and variance, B × C each."""
    account, num_users = asked.account, len(asked.stream_U)
    is_interest = account.is_interest_Q
    interest = responses.categories.take(pa.array(account.code_Q[is_interest]))
    memberships = (
        (responses.segments, np.arange(num_users), asked.segment_U),
        (responses.interested, account.user_Q[is_interest], interest),
    )
    shape = (num_users, len(responses.rate_C))
    mean, variance = np.ones(shape).ravel(), np.zeros(shape).ravel()
    for groups, user_X, name_X in memberships:
        query, element, _ = from_lists(codes_in(name_X, groups.names), groups.indptr)
        at = user_X[query] * shape[1] + groups.code_E[element]
        mean += np.bincount(at, groups.excess_E[element], len(mean))
        variance += np.bincount(at, groups.variance_E[element], len(mean))
    return mean.reshape(shape), variance.reshape(shape)
