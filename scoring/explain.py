"""Explains an item in a user's slate: its place, its value, who proposed it, what its features say.

Pure on the rows that the lake holds of one user, one item and one evening. The slate is made again
from them by the functions that made it, so that what is explained is what happened; where settings
have changed since, the explanation says that it differs from what is stored.
"""

import math
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoring.contributions import Contributions, contributions_of
from scoring.explained_evening import Again, Known
from scoring.explained_lines import Event, Line
from scoring.explained_links import links_of
from scoring.explained_place import (
    Place,
    Standing,
    Verdict,
    place_of,
    standing_of,
    suppression_of,
    verdict_of,
)
from scoring.explained_score import Value, value_of
from scoring.explained_sources import (
    Beyond,
    Proposal,
    beyond,
    learned_words_of,
    proposals_of,
    proposed_of,
    seeds_of,
    words_of,
)
from scoring.fusion import num_visits_of, weights_of
from scoring.mixes import CandidatesConfig
from scoring.rank import ranker_of
from scoring.slate_rows import Chosen
from scoring.slates import SlateConfig
from training.assemble import assemble
from training.rankers.ranker import NONE
from training.retrieval import user_groups
from training.retrieval.shelf import Shelf

Row = dict[str, Any]
NUM_CONTRIBUTIONS: Final = 10
"""Features that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a user is shown an item, or not."""

    user: str
    item: str
    item_no: int
    title: str | None
    surface: str
    day: date
    segment: str
    verdict: Verdict
    place: Place
    standing: Standing | None
    """None for no candidate."""
    is_made_alike: bool | None
    """Whether today's settings give the item the fused score, value and place that are stored; None
    where nothing of it is stored."""
    value: Value | None
    champion: Row
    """Who ordered the slate, since when and why: of ``tables.RANKERS_CHAMPIONS``."""
    proposals: tuple[Proposal, ...]
    beyond: Beyond | None
    """For an item that was proposed and not kept as a candidate."""
    contributions: Contributions | None
    """None for no candidate, and where no trees serve."""
    is_own_evidence: bool = True
    """Whether ``events`` are the user's; else those of anybody with the item in the 7 days."""
    num_events: int = 0
    """The user's events with the item and with those that led to it, as known that evening."""
    events: tuple[Event, ...] = field(default=())
    """Of them the first: with the item itself, then with what led to it; newest first."""
    lines: tuple[Line, ...] = field(default=())
    """Raw lines of the first of these events."""


def explain(known: Known, *, slate: SlateConfig, candidates: CandidatesConfig) -> Explanation:
    """Explain an item to the last feature; events and lines are added by who reads the lake.

    Args:
        known: The rows of this user, this item and this evening.
        slate: What the surface's slate looks like.
        candidates: How candidates are proposed and fused.

    Raises:
        NoSlatesError: If the surface has no slates on that evening.
    """
    again = Again.of(known, slate)
    item_no = known.item["item_no"]
    place, standing = place_of(item_no, known.slates), standing_of(item_no, again.chosen)
    suppressed = suppression_of(
        item_no, surface=known.surface, state=known.state, item_daily=known.item_daily
    )
    found = _far(known, again, candidates) if standing is None and not suppressed else None
    value, contributions = _score(known, again, slate)
    proposals = _proposals(known, again, found, candidates)
    return Explanation(
        user=known.user["user_id"][0].as_py(),
        item=known.item["item_id"],
        item_no=item_no,
        title=known.item["title"],
        surface=known.surface.name,
        day=known.evening,
        segment=known.user["segment"][0].as_py(),
        verdict=verdict_of(
            place, surface=known.surface, item=known.item, suppressed=suppressed, standing=standing
        ),
        place=place,
        standing=standing,
        is_made_alike=_is_alike(place, standing, again.chosen, proposals),
        value=value,
        champion=asdict(known.serving.champion),
        proposals=proposals,
        beyond=found,
        contributions=contributions,
    )


def _far(known: Known, again: Again, config: CandidatesConfig) -> Beyond | None:
    """How far a non-candidate is from being one; nobody is asked for who has no candidates."""
    if not known.candidates.num_rows:
        return None
    sides = (Shelf(again.items, known.surface), again.lists)
    return beyond(known.item["item_no"], again.batch, sides=sides, config=config)


def _score(
    known: Known, again: Again, slate: SlateConfig
) -> tuple[Value | None, Contributions | None]:
    """The value's terms and the features' parts; None for an item that was not ranked."""
    is_it = again.chosen.rows.item_R == known.item["item_no"]
    if not is_it.any():
        return None, None
    given = assemble(
        again.chosen.rows.chosen(is_it),
        users=again.asked,
        state=known.state,
        items=again.items,
        evening=known.evening,
    )
    row = int(np.flatnonzero(is_it)[0])
    value = value_of(row, again.chosen, given=given, config=slate.value)
    if known.serving.champion.ranker == NONE:
        return value, None
    [p_click] = [one.uncalibrated for one in value.terms if one.task == "click"]
    return value, contributions_of(
        ranker_of(known.serving), given, p_click=p_click, num_largest=NUM_CONTRIBUTIONS
    )


def _is_alike(
    place: Place, standing: Standing | None, chosen: Chosen, proposals: tuple[Proposal, ...]
) -> bool | None:
    if standing is None:
        return None
    fused = sum(one.part for one in proposals if one.part is not None)
    # Fused scores are stored as float32.
    is_fused_alike = math.isclose(fused, standing.fused_score, rel_tol=1e-6)
    if place.shown is None or place.served_from != "own":
        return is_fused_alike
    made = (chosen.slate() if place.rank else chosen.reserve())[0].as_py()
    at = (place.rank or place.reserve_rank or 0) - 1
    is_there = at < len(made) and all(made[at][n] == place.shown[n] for n in _COMPARED)
    return is_fused_alike and is_there


_COMPARED: Final = ("item_no", "value", "propensity", "is_exploration")


def _proposals(
    known: Known, again: Again, found: Beyond | None, config: CandidatesConfig
) -> tuple[Proposal, ...]:
    item_no = known.item["item_no"]
    seeds = seeds_of(item_no, again.batch, again.lists, names=known.names, config=config.seeds)
    words = words_of(
        popularity=_of_item(known.popularity, item_no),
        new_items=_of_item(known.new_items, item_no),
        pair=_pair(known.state, item_no),
        seeds=seeds,
    )
    words |= learned_words_of(item_no, again.batch, again.lists, names=known.names)
    words |= links_of(item_no, again.batch, users=known.user, items=again.items)
    stored = proposed_of(item_no, known.candidates)
    if found is not None:
        stored = list(found.proposals)
    shelf = Shelf(again.items, known.surface)
    [group] = user_groups.codes(num_visits_of(again.batch, shelf)).tolist()
    weights = {name: float(weights_of(name, again.lists, config)[group]) for name in config.mix}
    return proposals_of(
        stored, known=words, seeds=seeds, weights=weights, rank_offset=config.rank_offset
    )


def _of_item(rows: pa.Table, item_no: int) -> pa.Table:
    return rows.filter(pc.equal(rows.column("item_no"), item_no))


def _pair(state: pa.Table, item_no: int) -> Row | None:
    pairs = state.column("items")[0].as_py() or []
    return next((pair for pair in pairs if pair["item_no"] == item_no), None)
