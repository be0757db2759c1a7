"""Says who proposed an item to a user, and what each source rests on.

Ranks and scores are those stored with the candidates. What lies behind them is looked up in what
the source itself read that evening: co-visitation's ways are found by its own function.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from etl.tables.retrieval import SOURCE_CODES, SOURCE_NAMES
from scoring.fusion import fuse
from scoring.mixes import CandidatesConfig
from training.retrieval import covisitation
from training.retrieval.covisitation import SeedConfig
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

Row = dict[str, Any]
_SHOWN_ITEMS: Final = 3
_SCOPES: Final = {
    "all": "popularity",
    "category": "popularity_in_categories",
    "segment": "popularity_in_segment",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Seed:
    """One of the user's last items that led to the explained one."""

    item_no: int
    item_id: str
    visited_at: datetime
    """His last visit, UTC."""
    weight: float
    """Co-visits from it to the explained item, 1/gap each, decayed to the evening."""
    score: float
    """Its part of the source's score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """One source that proposed the item, or knows of it."""

    source: str
    rank: int | None
    """The item's rank there, from 1; None where the source knows it and did not propose it."""
    score: float | None
    """In the source's own unit."""
    part: float | None
    """Its part of the fused score."""
    because: str
    """What it rests on, in words; empty where nothing is left of it."""
    seeds: tuple[Seed, ...] = field(default=())
    """Of co-visitation, the strongest first."""


def proposals_of(
    stored: list[Row],
    *,
    known: Mapping[str, str],
    seeds: tuple[Seed, ...],
    weights: Mapping[str, float],
    rank_offset: float,
) -> tuple[Proposal, ...]:
    """List the sources that proposed an item, then those that only know it.

    Args:
        stored: ``proposals`` of the item in ``tables.CANDIDATES``; empty where it is no candidate.
        known: What each source rests on, in words.
        seeds: The ways by which co-visitation reaches the item.
        weights: What each source weighs for the user.
        rank_offset: Added to each rank before it is inverted.
    """
    by_source = {SOURCE_NAMES[one["source"]]: one for one in stored}
    named = [*by_source, *(name for name in SOURCE_CODES if name in known.keys() - by_source)]
    return tuple(
        Proposal(
            source=name,
            rank=one["rank"] if (one := by_source.get(name)) else None,
            score=one["score"] if one else None,
            part=weights[name] / (rank_offset + one["rank"]) if one else None,
            because=known.get(name, ""),
            seeds=seeds if name == "covisitation" else (),
        )
        for name in named
    )


def proposed_of(item_no: int, candidates: pa.Table) -> list[Row]:
    """Take the proposals of one item out of a user's row of ``tables.CANDIDATES``."""
    lists = candidates.column("items").to_pylist()
    return next(
        (one["proposals"] for items in lists for one in items if one["item_no"] == item_no), []
    )


def seeds_of(
    item_no: int,
    batch: UserBatch,
    lists: SourceLists,
    *,
    names: Mapping[int, str],
    config: SeedConfig,
) -> tuple[Seed, ...]:
    """Find which of a user's last items led co-visitation to an item, the strongest first.

    Args:
        item_no: The item.
        batch: The user alone.
        lists: Neighbours of his last items, at least.
        names: Item ids by item_no.
        config: How his last items ask.
    """
    found = covisitation.links(batch, lists, config)
    ways = np.flatnonzero(found.item_L == item_no)
    seeds = [
        Seed(
            item_no=(number := int(found.seed_S[found.seed_L[way]])),
            item_id=names[number],
            visited_at=_last_visit(number, batch),
            weight=float(found.weight_L[way]),
            score=float(found.score_L[way]),
        )
        for way in ways
    ]
    return tuple(sorted(seeds, key=lambda seed: (-seed.score, seed.item_no)))


def _last_visit(item_no: int, batch: UserBatch) -> datetime:
    last = int(np.flatnonzero(batch.short.numbers("item_no") == item_no)[-1])
    return batch.short.elements.field("event_at")[last].as_py()


def words_of(
    *, popularity: pa.Table, new_items: pa.Table, pair: Row | None, seeds: tuple[Seed, ...]
) -> dict[str, str]:
    """Say in words what each source that knows an item rests on.

    Args:
        popularity: The item's rows of ``tables.RETRIEVAL_POPULARITY`` in scopes of the user.
        new_items: Its rows of ``tables.RETRIEVAL_NEW_ITEMS``.
        pair: The user's history with it, an element of features/user_pairs.items.
        seeds: The ways by which co-visitation reaches it.
    """
    words = {_SCOPES[row["scope"]]: _popular(row) for row in popularity.to_pylist()}
    if seeds:
        words["covisitation"] = f"his last items that led to it: {len(seeds)}"
    if pair is not None and pair["num_clicks"] + pair["num_carts"] + pair["watch_ms"] > 0:
        words["unfinished"] = _unfinished(pair)
    for row in new_items.to_pylist():
        where = "all categories" if row["category"] == "*" else row["category"]
        words["new_items"] = f"age in days: {row['age_days']}; place {row['rank']} in {where}"
    return words


def learned_words_of(
    item_no: int, batch: UserBatch, lists: SourceLists, *, names: Mapping[int, str]
) -> dict[str, str]:
    """Say in words which of a user's last items lead learned sources to an item.

    Args:
        item_no: The item.
        batch: The user alone.
        lists: With the models of the sources that are asked.
        names: Item ids by item_no.
    """
    words = {}
    for source, model in lists.models.items():
        led = [names[one] for one in model.led_to(item_no, batch) if one in names]
        if led:
            words[source] = f"his last items that lead to it: {', '.join(led[:_SHOWN_ITEMS])}"
    return words


def _popular(row: Row) -> str:
    where = " of all" if row["scope"] == "all" else f" in {row['scope']} {row['scope_value']}"
    return f"users in 7 days: {row['num_users']}; place {row['rank']}{where}"


def _unfinished(pair: Row) -> str:
    every = (pair[f"last_{what}_at"] for what in ("click", "cart", "watch"))
    last = max(at for at in every if at is not None)
    watched = f", watched it {pair['watch_ms'] / 1000:.0f} s" if pair["watch_ms"] else ""
    return (
        f"he clicked it {pair['num_clicks']}×, carted it {pair['num_carts']}×, "
        f"ordered it {pair['num_orders']}×{watched}; last on {last:%Y-%m-%d %H:%M}"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond:
    """How far an item that was proposed and not kept is from being a candidate."""

    rank_by_fused_score: int
    """Among all that the sources proposed to the user, from 1."""
    num_proposed: int
    num_kept: int
    """How many are kept as candidates."""
    proposals: tuple[Row, ...]
    """As candidates store them: source, rank, score."""


def beyond(
    item_no: int,
    batch: UserBatch,
    *,
    sides: tuple[Shelf, SourceLists],
    config: CandidatesConfig,
) -> Beyond | None:
    """Fuse one user's proposals again, all of them; None where no source proposed the item.

    Args:
        item_no: The item.
        batch: The user alone.
        sides: The items and the lists that sources can propose to him.
        config: How much is proposed and how it is fused.
    """
    fused = fuse(batch, *sides, config=config.uncut)
    [*at] = np.flatnonzero(fused.item_C == item_no).tolist()
    if not at:
        return None
    parts = (fused.source_P, fused.rank_P, fused.source_score_P)
    own = (part[fused.candidate_P == at[0]].tolist() for part in parts)
    return Beyond(
        rank_by_fused_score=at[0] + 1,
        num_proposed=len(fused.item_C),
        num_kept=config.num_candidates,
        proposals=tuple(
            {"source": source, "rank": rank, "score": score}
            for source, rank, score in zip(*own, strict=True)
        ),
    )
