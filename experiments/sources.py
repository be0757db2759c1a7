"""What candidates hold of what users then visited, and what each source brought of it.

All of it is of one evening's proposals to users who came the next day, cut after the best by fused
score as candidates are. Shapes: U users, N candidates, S sources, V visited candidates, W all that
was visited, I items that the surface may show.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from etl.arrow import is_in, places_in_runs, ranges, run_starts
from training.lookup import key
from training.metrics import bootstrap_ratio, bootstrap_ratios
from training.retrieval import user_groups
from training.retrieval.weights import Proposed

EVERYBODY: Final = "all"
AGES: Final = ("up to 1 day", "2 to 7 days", "8 to 28 days", "older")
"""Groups of items by the days since they were first heard of."""
_AGES_FROM: Final = (2, 8, 29)
_SEED: Final = 1
_SMALLEST: Final = 1e-9


@dataclass(frozen=True)
class Evening:
    """One evening's proposals, and what weighed them."""

    proposed: Proposed
    weight_GS: np.ndarray
    """float64: weights of that evening, by group of users."""
    rank_offset: float
    num_candidates: int
    """Places of a user's list."""

    @cached_property
    def parts_SN(self) -> np.ndarray:
        """Each source's part of a candidate's fused score: float32."""
        group_N = user_groups.codes(self.proposed.num_visits_U)[self.proposed.user_N]
        weight_SN = self.weight_GS.astype(np.float32).T[:, group_N]
        return self.proposed.features(self.rank_offset) * weight_SN

    @cached_property
    def visited_V(self) -> np.ndarray:
        """int64: places in N of what was visited."""
        return np.flatnonzero(self.proposed.is_visited_N)

    @cached_property
    def score_N(self) -> np.ndarray:
        """Fused scores: float32."""
        return self.parts_SN.sum(axis=0)

    @cached_property
    def _rivals(self) -> tuple[np.ndarray, np.ndarray]:
        """For each visited candidate all candidates of its user: places in V, and in N."""
        indptr = np.searchsorted(
            self.proposed.user_N, np.arange(len(self.proposed.num_visits_U) + 1)
        )
        return ranges(indptr, self.proposed.user_N[self.visited_V])

    def is_kept(self, score_N: np.ndarray) -> np.ndarray:
        """Tell which visited candidates stand in the lists that scores make: bool, V.

        A candidate without a score is in no list; ties stand by item_no.
        """
        of_V, other = self._rivals
        mine = self.visited_V[of_V]
        is_before = (score_N[other] == score_N[mine]) & (other < mine)
        num_before_V = np.bincount(
            of_V, (score_N[other] > score_N[mine]) | is_before, len(self.visited_V)
        )
        return (num_before_V < self.num_candidates) & (score_N[self.visited_V] > 0)

    @cached_property
    def is_kept_N(self) -> np.ndarray:
        """bool: which candidates stand in the lists of fused scores."""
        order = np.lexsort((self.proposed.item_N, -self.score_N, self.proposed.user_N))
        place = places_in_runs(run_starts(self.proposed.user_N[order]))
        kept = np.zeros(len(order), bool)
        kept[order[place < self.num_candidates]] = True
        return kept & (self.score_N > 0)

    def found_U(self, is_kept_V: np.ndarray) -> np.ndarray:
        """Count what lists held of each user's visits: float64, U."""
        own = self.proposed.user_N[self.visited_V]
        return np.bincount(own, is_kept_V, len(self.proposed.num_visits_U))


@dataclass(frozen=True, slots=True)
class _Brought:
    """What one source brought: of each user's visits, float64, U."""

    alone_U: np.ndarray
    lost_U: np.ndarray
    only_U: np.ndarray
    credit_U: np.ndarray


def report(evening: Evening, sources: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Measure every source for each group of users and for everybody.

    Yields:
        Rows of ``tables.REPORTS_SOURCES`` but for day and surface, of groups that came.
    """
    is_mixed_V = evening.is_kept_N[evening.visited_V]
    mixed_U = evening.found_U(is_mixed_V)
    brought = _brought(evening, is_mixed_V)
    total_U = evening.proposed.num_visited_U.astype(np.float64)
    upper_UM = np.stack([mixed_U, *(one.lost_U for one in brought)], axis=1)
    for group, chosen_U in _groups(evening.proposed):
        lower_UM = np.repeat(total_U[chosen_U, None], upper_UM.shape[1], axis=1)
        mixed, *lost = bootstrap_ratios(upper_UM[chosen_U], lower_UM, seed=_SEED)
        total = total_U[chosen_U].sum()
        for source, one, less in zip(sources, brought, lost, strict=True):
            yield {
                "user_group": group,
                "source": source,
                "num_users": len(chosen_U),
                "num_visited": int(total),
                "recall": mixed.mean,
                "recall_low": mixed.low,
                "recall_high": mixed.high,
                "recall_alone": float(one.alone_U[chosen_U].sum() / total),
                "lost_without": less.mean,
                "lost_without_low": less.low,
                "lost_without_high": less.high,
                "found_by_it_only": float(one.only_U[chosen_U].sum() / total),
                "share_of_found": _share(one.credit_U[chosen_U], mixed_U[chosen_U]),
            }


def _brought(evening: Evening, is_mixed_V: np.ndarray) -> list[_Brought]:
    parts_SN, visited_V = evening.parts_SN, evening.visited_V
    mixed_U = evening.found_U(is_mixed_V)
    ranked_SN = evening.proposed.features(evening.rank_offset)
    is_found_SV = ranked_SN[:, visited_V] > 0
    share_SV = parts_SN[:, visited_V] / np.maximum(evening.score_N[visited_V], _SMALLEST)
    found = []
    for number, is_found_V in enumerate(is_found_SV):
        rest_N = np.delete(parts_SN, number, axis=0).sum(axis=0)
        found.append(
            _Brought(
                alone_U=evening.found_U(evening.is_kept(ranked_SN[number])),
                lost_U=mixed_U - evening.found_U(evening.is_kept(rest_N)),
                only_U=evening.found_U(is_found_V & (is_found_SV.sum(axis=0) == 1)),
                credit_U=evening.found_U(share_SV[number] * is_mixed_V),
            )
        )
    return found


def _share(part_U: np.ndarray, whole_U: np.ndarray) -> float:
    return float(part_U.sum() / whole_U.sum()) if whole_U.sum() else 0.0


def _groups(proposed: Proposed) -> Iterator[tuple[str, np.ndarray]]:
    codes_U = user_groups.codes(proposed.num_visits_U)
    yield EVERYBODY, np.arange(len(codes_U))
    for code, name in enumerate(user_groups.NAMES):
        if (codes_U == code).any():
            yield name, np.flatnonzero(codes_U == code)


def by_age(evening: Evening, age_days_by_item: Mapping[int, float]) -> Iterator[Mapping[str, Any]]:
    """Say what the lists held of what was visited, by the visited items' age.

    Args:
        evening: Proposals and weights.
        age_days_by_item: Of items known that evening; what is younger has no age.

    Yields:
        Rows of ``tables.REPORTS_CANDIDATES`` but for day and surface, of ages that were visited.
    """
    proposed = evening.proposed
    found = is_in(
        key(proposed.visitor_W, proposed.visited_W),
        key(proposed.user_N, proposed.item_N)[evening.is_kept_N],
    )
    age_W = np.array([age_days_by_item.get(item, 0.0) for item in proposed.visited_W.tolist()])
    group_W = np.searchsorted(_AGES_FROM, age_W, side="right")
    for code, name in enumerate(AGES):
        of = group_W == code
        if of.any():
            yield _recall_row(f"item age: {name}", proposed.visitor_W[of], found[of])


def _recall_row(name: str, visitor_W: np.ndarray, is_found_W: np.ndarray) -> Mapping[str, Any]:
    _, user = np.unique(visitor_W, return_inverse=True)
    found = bootstrap_ratio(
        np.bincount(user, is_found_W), np.bincount(user).astype(np.float64), seed=_SEED
    )
    return {
        "measure": f"recall, {name}",
        "value": found.mean,
        "low": found.low,
        "high": found.high,
        "num_users": found.num_users,
        "num_visited": len(is_found_W),
    }


def spread(evening: Evening, num_eligible: int) -> Iterator[Mapping[str, Any]]:
    """Say how lists are spread over the shelf: the share of it that they hold, and Gini.

    Gini is 0 where every item that may be shown stands in as many lists, 1 where one stands in all.

    Args:
        evening: Proposals and weights.
        num_eligible: I.

    Yields:
        Rows of ``tables.REPORTS_CANDIDATES`` but for day and surface.
    """
    _, count = np.unique(evening.proposed.item_N[evening.is_kept_N], return_counts=True)
    if not len(count):
        return
    rising_I = np.sort(np.r_[np.zeros(max(num_eligible - len(count), 0)), count])
    place_I = np.arange(1, len(rising_I) + 1)
    gini = 2 * (place_I @ rising_I) / (len(rising_I) * rising_I.sum()) - 1 - 1 / len(rising_I)
    same = {
        "low": None,
        "high": None,
        "num_users": len(evening.proposed.num_visits_U),
        "num_visited": len(evening.proposed.visited_W),
    }
    yield {"measure": "coverage", "value": len(count) / len(rising_I), **same}
    # Where all are listed alike, rounding leaves less than 0.
    yield {"measure": "gini", "value": max(float(gini), 0.0), **same}
