"""Reads what is published: a user's slate, an item's neighbours.

Readers follow the pointer at every call, so that a swap is seen at once and never in the middle of
an answer. Belongs here: lookups alone. Standard library, lmdb and msgspec: a reader starts fast.
"""

from collections.abc import Set
from itertools import islice
from pathlib import Path

from scoring.opened import Answer, BrokenPublicationError, Opened, answered
from scoring.published import (
    EVERYBODY,
    EXPLORATION_BIT,
    Item,
    Neighbours,
    Slate,
    integers,
    marks,
    scores,
)
from scoring.reasons import sentence


class NoNeighboursError(LookupError):
    """Nothing is known to be similar to an item."""


def top(publications: Path, user: str, surface: str, *, exclude: Set[str] = frozenset()) -> Answer:
    """Say what a user is shown on a surface.

    Args:
        publications: The folder with the pointer.
        user: His id, as the log names him; one never heard of gets the default slate.
        surface: A surface's name.
        exclude: Item ids to leave out; the reserve steps in for them.

    Returns:
        ``user``, ``surface``, ``day`` (ISO), ``served_from`` (own, segment or default),
        ``short_reason``, and ``items``: each with ``rank`` from 1, ``item``, ``title``, ``score``,
        ``sources`` and ``reason``.

    Raises:
        NoPublicationError: If nothing is published, at all or for this surface.
    """

    def answer(opened: Opened) -> Answer:
        own = opened.find("user", user, Slate)
        served_from, slate = _served(opened, own)
        return {
            "user": user,
            "surface": surface,
            "day": str(opened.of_surface.slate_date),
            "served_from": served_from,
            "short_reason": (own or slate).short_reason,
            "items": _items(opened, slate, exclude),
        }

    return answered(publications, surface, answer)


def similar(publications: Path, item: str, surface: str) -> Answer:
    """Say which items are most like one.

    Returns:
        ``item``, ``surface``, ``day`` (ISO) and ``items``: each with ``rank`` from 1, ``item``,
        ``title``, ``score`` and ``source``.

    Raises:
        NoPublicationError: If nothing is published, at all or for this surface.
        NoNeighboursError: If no neighbours of the item are known.
    """

    def answer(opened: Opened) -> Answer:
        found = opened.find("similar", item, Neighbours)
        if found is None:
            raise NoNeighboursError(
                f"nothing is known to be similar to item {item!r} on {surface}: no such item, or "
                "nobody went on from it yet"
            )
        return {
            "item": item,
            "surface": surface,
            "day": str(opened.of_surface.slate_date),
            "items": _neighbours(opened, found),
        }

    return answered(publications, surface, answer)


def _served(opened: Opened, own: Slate | None) -> tuple[str, Slate]:
    """Choose the row: a user's own, else his segment's if his is empty, else the default."""
    if own is not None and own.num_items:
        return "own", own
    of_segment = opened.find("segment", own.segment, Slate) if own is not None else None
    if of_segment is not None and of_segment.num_items:
        return "segment", of_segment
    default = opened.find("default", EVERYBODY, Slate)
    if default is None:
        raise BrokenPublicationError(
            f"publication {opened.manifest.publication_id} holds no default slate; publish again: "
            "nightmarket publish"
        )
    return "default", default


def _items(opened: Opened, slate: Slate, exclude: Set[str]) -> list[Answer]:
    places = zip(integers(slate.item_nos), scores(slate.scores), marks(slate.marks), strict=True)
    named = ((opened.item(number), score, mark) for number, score, mark in places)
    left = (place for place in named if place[0].item_id not in exclude)
    return [
        _said(rank, item, score) | _why(opened, mark)
        for rank, (item, score, mark) in enumerate(islice(left, slate.num_items), start=1)
    ]


def _said(rank: int, item: Item, score: float) -> Answer:
    return {"rank": rank, "item": item.item_id, "title": item.title, "score": score}


def _why(opened: Opened, mark: int) -> Answer:
    named = [name for code, name in opened.manifest.sources.items() if mark >> code & 1]
    return {
        "sources": named,
        "reason": sentence(named, is_exploration=bool(mark >> EXPLORATION_BIT & 1)),
    }


def _neighbours(opened: Opened, found: Neighbours) -> list[Answer]:
    places = zip(integers(found.item_nos), scores(found.scores), found.sources, strict=True)
    return [
        _said(rank, opened.item(number), score) | {"source": opened.manifest.sources[code]}
        for rank, (number, score, code) in enumerate(places, start=1)
    ]
