"""Fuses what the sources propose to a batch of users into one list each.

Every source proposes; what the user hid, or bought where items are bought once, what is sold out or
of another surface is taken away once, here, for all of them; the rest is fused by weighted
reciprocal ranks (Cormack, Clarke, Büttcher, SIGIR 2009) and the best are kept with who proposed
them.

Shapes: U users, P proposals, C candidates.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import is_in, offsets_of, order_by, places_in_runs, run_starts
from etl.surfaces import Surface
from etl.tables.retrieval import SOURCE_CODES
from scoring.mixes import CandidatesConfig
from scoring.sources import Asked, propose
from training.lookup import key
from training.retrieval import user_groups
from training.retrieval.proposals import Proposals, by_score
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.retrieval.touched import visits
from training.user_side import UserBatch

_ITEM_BITS: Final = 0xFFFFFFFF


def fuse(
    batch: UserBatch,
    shelf: Shelf,
    lists: SourceLists,
    *,
    config: CandidatesConfig,
) -> "Fused":
    """Propose, suppress and fuse for one batch of users.

    Args:
        batch: U users on one evening.
        shelf: What the surface may show.
        lists: What the surface's sources read that evening.
        config: How much is proposed and how it is fused.

    Returns:
        At most ``config.num_candidates`` items a user, by fused score, ties by item_no.
    """
    batch = shelf.own(batch)
    done = _done(batch, shelf.surface)
    group_U = user_groups.codes(num_visits_of(batch, shelf))
    found = []
    for name, proposals in propose(Asked(batch, shelf, lists, config)):
        kept = _suppressed(proposals, shelf, done)
        weight_P = weights_of(name, lists, config)[group_U[kept.user_P]]
        found.append(_ranked(SOURCE_CODES[name], kept, weight_P, config.rank_offset))
    return _fuse(_Ranked.joined(found), batch.num_users, config.num_candidates)


def num_visits_of(batch: UserBatch, shelf: Shelf) -> np.ndarray:
    """Count each user's visits, of a batch that ``Shelf.own`` left the surface's: int64, U."""
    return visits(batch.short, shelf.items.item_no_N, num_users=batch.num_users).length_U


def weights_of(source: str, lists: SourceLists, config: CandidatesConfig) -> np.ndarray:
    """A source's weight for each group of users: float64; learned, or else as configured."""
    configured = (config.mix[source].weight,) * len(user_groups.NAMES)
    return np.array(lists.weights.get(source, configured))


def _done(batch: UserBatch, surface: Surface) -> np.ndarray:
    """Keys (user, item) that no slate of the surface may hold, ascending."""
    is_done = batch.items.numbers("num_hides") > 0
    if surface.is_bought_once:
        is_done |= batch.items.numbers("num_orders") > 0
    item = batch.items.numbers("item_no")[is_done].astype(np.int64)
    return np.sort(key(batch.items.row_N[is_done], item))


def _suppressed(proposals: Proposals, shelf: Shelf, done: np.ndarray) -> Proposals:
    keep = shelf.may_show(proposals.item_P)
    keep &= ~is_in(key(proposals.user_P, proposals.item_P), done)
    return Proposals(proposals.user_P[keep], proposals.item_P[keep], proposals.score_P[keep])


@dataclass(frozen=True, slots=True)
class _Ranked:
    """P proposals of any sources with their ranks there and their part of the fused score."""

    key_P: np.ndarray
    source_P: np.ndarray
    rank_P: np.ndarray
    score_P: np.ndarray
    part_P: np.ndarray

    @classmethod
    def joined(cls, parts: list["_Ranked"]) -> "_Ranked":
        """All proposals by user and item, sources of one item in the order of their codes."""
        arrays = [np.concatenate([getattr(p, name) for p in parts]) for name in cls.__slots__]
        order = order_by(arrays[0] >> 32, arrays[0] & _ITEM_BITS)
        return cls(*(array[order] for array in arrays))


def _ranked(code: int, proposals: Proposals, weight_P: np.ndarray, rank_offset: float) -> _Ranked:
    rank = places_in_runs(run_starts(proposals.user_P)) + 1
    return _Ranked(
        key(proposals.user_P, proposals.item_P),
        np.full(len(rank), code, np.int8),
        rank.astype(np.int16),
        proposals.score_P.astype(np.float32),
        weight_P / (rank_offset + rank),
    )


@dataclass(frozen=True, slots=True)
class Fused:
    """C candidates of U users with the P proposals behind them."""

    num_users: int
    user_C: np.ndarray
    item_C: np.ndarray
    score_C: np.ndarray
    candidate_P: np.ndarray
    source_P: np.ndarray
    rank_P: np.ndarray
    source_score_P: np.ndarray

    def rows(self, evening: date, who: pa.Table) -> pa.Table:
        """Write them as rows of ``tables.CANDIDATES``, one for each row of ``who``."""
        proposal = pa.StructArray.from_arrays(
            [pa.array(self.source_P), pa.array(self.rank_P), pa.array(self.source_score_P)],
            ["source", "rank", "score"],
        )
        of_candidate = offsets_of(self.candidate_P, len(self.item_C))
        item = pa.StructArray.from_arrays(
            [
                pa.array(self.item_C.astype(np.int32)),
                pa.array(self.score_C),
                pa.ListArray.from_arrays(pa.array(of_candidate), proposal),
            ],
            ["item_no", "fused_score", "proposals"],
        )
        of_user = offsets_of(self.user_C, self.num_users)
        return pa.table(
            {
                "arrival_date": pa.array([evening] * self.num_users, pa.date32()),
                "user_id": who.column("user_id"),
                "items": pa.ListArray.from_arrays(pa.array(of_user), item),
            }
        )


def _fuse(ranked: _Ranked, num_users: int, num_candidates: int) -> Fused:
    starts = run_starts(ranked.key_P)
    first = np.flatnonzero(starts)
    item_of_P = np.cumsum(starts) - 1
    score = np.add.reduceat(ranked.part_P, first) if len(first) else ranked.part_P[:0]
    # Kept as precisely as it is compared: who reads the list finds it in order.
    score = score.astype(np.float32).astype(np.float64)
    key = ranked.key_P[first]
    user, item = key >> 32, key & _ITEM_BITS
    order = by_score(user, score)
    kept = order[places_in_runs(run_starts(user[order])) < num_candidates]
    place = np.full(len(key), -1, np.int64)
    place[kept] = np.arange(len(kept))
    candidate = place[item_of_P]
    is_kept = np.flatnonzero(candidate >= 0)
    by_candidate = is_kept[order_by(candidate[is_kept])]
    return Fused(
        num_users,
        user[kept],
        item[kept],
        score[kept],
        candidate[by_candidate],
        ranked.source_P[by_candidate],
        ranked.rank_P[by_candidate],
        ranked.score_P[by_candidate],
    )
