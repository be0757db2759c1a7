"""What a source hands over: items for users, best first, and how they are cut and ranked.

Shapes: P proposals of all users of a batch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import order_by, places_in_runs, ranges, run_starts

_MOST: Final = np.iinfo(np.int32).max
"""The bits of no float32 that is a number are more."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Items that one source proposes to the users of a batch."""

    user_P: np.ndarray
    """int64: the user's row in the batch."""
    item_P: np.ndarray
    """int64: item_no; no user is proposed an item twice."""
    score_P: np.ndarray
    """float64: the source's own score, higher is better."""

    @classmethod
    def none(cls) -> "Proposals":
        """Propose nothing to anybody."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def by_score(user_P: np.ndarray, score_P: np.ndarray) -> np.ndarray:
    """Order proposals by user, then score downwards; equal scores stay as they stand.

    Args:
        user_P: int64, ascending.
        score_P: not negative; compared as float32.

    Returns:
        int64, P: places in the given order.
    """
    # The bits of a float32 order as the number does, where its sign is plus: of 0, too.
    bits = (score_P.astype(np.float32) + np.float32(0)).view(np.int32)
    return order_by(user_P, _MOST - bits.astype(np.int64))


def strongest(proposals: Proposals, num_items: int) -> Proposals:
    """Keep each user's ``num_items`` best of proposals sorted by user and item; ties by item_no."""
    order = by_score(proposals.user_P, proposals.score_P)
    user = proposals.user_P[order]
    kept = order[places_in_runs(run_starts(user)) < num_items]
    return Proposals(proposals.user_P[kept], proposals.item_P[kept], proposals.score_P[kept])


def summed(user_P: np.ndarray, item_P: np.ndarray, score_P: np.ndarray) -> Proposals:
    """Add up the scores of a user's item that was reached several times, in the order given."""
    order = order_by(user_P, item_P)
    key = user_P[order] << 32 | item_P[order]
    starts = np.flatnonzero(run_starts(key))
    total = np.add.reduceat(score_P[order], starts) if len(starts) else score_P[:0]
    return Proposals(key[starts] >> 32, key[starts] & 0xFFFFFFFF, total)


def from_lists(
    list_Q: np.ndarray,
    indptr: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow Q queries into lists stored one behind another.

    Args:
        list_Q: int64, which list is read; −1 reads nothing.
        indptr: int64, list l holds the elements indptr[l] … indptr[l + 1].

    Returns:
        query_P, element_P, place_P: for each element read the query, its place in the stored
        elements, and its place in its list.
    """
    has_list = np.flatnonzero(list_Q >= 0)
    chosen = list_Q[has_list]
    row, element = ranges(indptr, chosen)
    return has_list[row], element, element - indptr[chosen][row]
