"""Says where an item stands in what a user is shown, or why it does not stand there.

The user's stored slate is the truth; why an item is missing follows from the candidates, ranked and
chosen again by the code that made the slate.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from etl.surfaces import ALL, Surface
from scoring.slate_rows import OPTED_OUT, Chosen

Row = dict[str, Any]

IN_SLATE: Final = "in_slate"
IN_RESERVE: Final = "in_reserve"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether the item is shown, and if not, why not."""

    code: str
    """in_slate, in_reserve, wrong_type, opted_out, hidden, bought, sold_out, another_day, silent,
    not_a_candidate, replaced_by_exploration, capped, low_value."""
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the item stands in the row that the user is served."""

    served_from: str
    """own, segment or default."""
    rank: int | None
    """From 1; None where the slate does not hold it."""
    reserve_rank: int | None
    """From 1; None where the reserve does not hold it."""
    num_items: int
    """Of the slate."""
    short_reason: str | None
    """Why the user's own slate has fewer than K."""
    ranker: str
    model_date: date | None
    shown: Row | None
    """The item's element of ``items`` or ``reserve``: value, sources, rules, propensity, …"""

    @property
    def is_shown(self) -> bool:
        """Whether slate or reserve hold it."""
        return self.shown is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a candidate stands among the user's candidates, ranked again."""

    num_candidates: int
    rank_by_fused_score: int
    """From 1, as the candidates are stored."""
    rank_by_value: int
    """From 1, ties by item_no."""
    place_before_exploration: int | None
    """From 1, slate and reserve; None where caps or better candidates kept it out."""
    is_capped: bool
    """Whether worse candidates were let in, because its seller or category was full."""
    drawn_instead: str | None
    """The item that exploration drew for its place."""
    fused_score: float


class NoSlatesError(LookupError):
    """A surface has no slates on a day that was made."""


def place_of(item_no: int, slates: pa.Table) -> Place:
    """Find an item in the row that a user is served, chosen as readers choose it.

    Args:
        item_no: The item.
        slates: Rows of ``tables.SLATES`` of one day: the user's own if he has one, his segment's,
            and the default.

    Raises:
        NoSlatesError: If there is no such row.
    """
    by_audience = {row["audience"]: row for row in slates.to_pylist()}
    own = by_audience.get("user")
    served = next((by_audience[a] for a in ("user", "segment") if _items(by_audience, a)), None)
    served = served or by_audience.get("default")
    if served is None:
        raise NoSlatesError(
            "the day has no slates: its log had nothing that the surface could show"
        )
    rank, reserve_rank = (_rank(item_no, served[part]) for part in ("items", "reserve"))
    shown = served["items"][rank - 1] if rank else None
    return Place(
        served_from={"user": "own"}.get(served["audience"], served["audience"]),
        rank=rank,
        reserve_rank=reserve_rank,
        num_items=len(served["items"]),
        short_reason=(own or served)["short_reason"],
        ranker=served["ranker"],
        model_date=served["model_date"],
        shown=served["reserve"][reserve_rank - 1] if reserve_rank else shown,
    )


def _items(by_audience: dict[str, Row], audience: str) -> list[Row]:
    return by_audience[audience]["items"] if audience in by_audience else []


def _rank(item_no: int, places: list[Row]) -> int | None:
    found = (rank for rank, place in enumerate(places, start=1) if place["item_no"] == item_no)
    return next(found, None)


def standing_of(item_no: int, chosen: Chosen) -> Standing | None:
    """Say where one user's candidate ended up when his slate is made again; None if it is none.

    Args:
        item_no: The item.
        chosen: What ``scoring.slates.compose`` made of this one user.
    """
    [*at] = np.flatnonzero(chosen.rows.item_R == item_no)
    if not at:
        return None
    row = int(at[0])
    column = int(np.flatnonzero(chosen.grid.row_UC[0] == row)[0])
    place = np.flatnonzero(chosen.exploited.column_UL[0] == column)
    return Standing(
        num_candidates=len(chosen.rows.item_R),
        rank_by_fused_score=row + 1,
        rank_by_value=column + 1,
        place_before_exploration=int(place[0]) + 1 if len(place) else None,
        is_capped=not len(place) and column < chosen.exploited.column_UL[0].max(initial=-1),
        drawn_instead=_drawn_instead(chosen, int(place[0])) if len(place) else None,
        fused_score=float(chosen.rows.fused_R[row]),
    )


def _drawn_instead(chosen: Chosen, place: int) -> str | None:
    if place >= chosen.k or not chosen.explored.is_drawn_UK[0, place]:
        return None
    return chosen.slate()[0][place]["item_id"].as_py()


def verdict_of(
    place: Place, *, surface: Surface, item: Row, suppressed: str | None, standing: Standing | None
) -> Verdict:
    """Judge why the item is shown or not.

    Args:
        place: Where it stands in what is served.
        surface: The surface.
        item: Its row of silver/items.
        suppressed: What ``suppression_of`` found.
        standing: Where it stands among the candidates.
    """
    if item["item_type"] != surface.item_type:
        return _wrong_type(item, surface)
    if place.short_reason == OPTED_OUT:
        return Verdict(code="opted_out", sentence=_opted_out(place))
    if place.rank:
        whose = "" if place.served_from == "own" else f" of the {place.served_from} row he is given"
        drawn = ", drawn by exploration" if place.shown and place.shown["is_exploration"] else ""
        said = f"place {place.rank} of {place.num_items}{whose}{drawn}"
        return Verdict(code=IN_SLATE, sentence=said)
    if place.reserve_rank:
        said = f"not in the slate; place {place.reserve_rank} of the reserve, for a dropped item"
        return Verdict(code=IN_RESERVE, sentence=said)
    if suppressed is not None:
        return Verdict(code=suppressed, sentence=_SUPPRESSED[suppressed])
    return _not_chosen(standing, place)


_SUPPRESSED: Final = {
    "hidden": "he hid it: what a user hid is never shown to him again",
    "bought": "he ordered it: what a user bought is not shown to him",
    "sold_out": "the log says that no piece is left",
    "another_day": "its live slot is of another day, or has not been heard of for two weeks",
    "silent": "nothing was heard of it for 90 days, so it is not recommended",
}


def suppression_of(
    item_no: int, *, surface: Surface, state: pa.Table, item_daily: pa.Table
) -> str | None:
    """Say why no source may propose an item to a user: a key of ``_SUPPRESSED``, None if it may.

    Args:
        item_no: The item.
        surface: Where it might be shown.
        state: The user's row of ``tables.FEATURES_USER_PAIRS``, null where he has none.
        item_daily: Rows of ``tables.FEATURES_ITEM_DAILY``, the item's among them if it is alive.
    """
    pairs = state.column("items")[0].as_py() or []
    pair = next((one for one in pairs if one["item_no"] == item_no), None)
    if pair is not None and pair["num_hides"] > 0:
        return "hidden"
    if surface.is_bought_once and pair is not None and pair["num_orders"] > 0:
        return "bought"
    names = ("item_no", "is_sold_out", "is_eligible")
    columns = (item_daily.column(name).to_pylist() for name in names)
    said = {number: flags for number, *flags in zip(*columns, strict=True)}
    if item_no not in said:
        return "silent"
    is_sold_out, is_eligible = said[item_no]
    return "sold_out" if is_sold_out else None if is_eligible else "another_day"


def _wrong_type(item: Row, surface: Surface) -> Verdict:
    own = next(other.name for other in ALL if other.item_type == item["item_type"])
    said = (
        f"{surface.name} shows items of type {surface.item_type}, this is a {item['item_type']}: "
        f"ask with --surface {own}"
    )
    return Verdict(code="wrong_type", sentence=said)


def _opted_out(place: Place) -> str:
    where = f"place {place.rank} of {place.num_items}" if place.rank else "not"
    return (
        "he opted out of personalisation and is given the "
        f"{place.served_from} row, which is the same for many; it stands {where} there"
    )


def _not_chosen(standing: Standing | None, place: Place) -> Verdict:
    if standing is None:
        return Verdict(
            code="not_a_candidate", sentence="not among his candidates: too weak in every source"
        )
    ranked = f"{standing.rank_by_value} of {standing.num_candidates} candidates by value"
    if standing.drawn_instead is not None:
        said = f"{ranked}; exploration drew {standing.drawn_instead} for its place"
        return Verdict(code="replaced_by_exploration", sentence=said)
    if standing.is_capped:
        said = f"{ranked}, but its seller or category already has all the places it may hold"
        return Verdict(code="capped", sentence=said)
    return Verdict(code="low_value", sentence=f"only {ranked}, the slate has {place.num_items}")
