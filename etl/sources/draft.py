"""Drafts the mapping file of a foreign log: a proposal that a person reads and corrects.

What is uncertain is said as a doubt beside it. Which column is what is guessed in ``guess``.
"""

from collections import Counter
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from etl.sources import times, words
from etl.sources.guess import WITH_COMMA, WITH_POINT, Column, columns_of, share, take
from etl.sources.mapping import COLUMNS, REQUIRED
from etl.sources.shape import Shape
from etl.surfaces import ITEM_TYPES, NAMES

_LISTED: Final = {"surface": NAMES, "item_type": ITEM_TYPES}


@dataclass(slots=True)
class Draft:
    """What a mapping file could say, and what of it to check."""

    said: dict[str, Any] = field(default_factory=dict)
    """As ``mapping.of`` takes it; keys that nothing was found for are left out."""
    doubts: list[str] = field(default_factory=list)

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys that a mapping needs and the draft lacks."""
        return tuple(key for key in REQUIRED if key not in self.said)


def draft(rows: Sequence[Dict[str, str]], shape: Shape) -> Draft:
    """Draft a mapping.

    Args:
        rows: Filled values of some lines, by column.
        shape: How the file is written.
    """
    columns = columns_of(rows, shape)
    taken, doubts = take(columns)
    found = Draft(doubts=doubts)
    found.said |= {key: taken[key].name for key in COLUMNS if key in taken}
    _say_events(taken, found)
    _say_times(taken, found)
    _say_price(taken, found)
    _say_places(taken, found)
    _say_fallback(columns, taken, found)
    _say_shape(shape, found)
    found.doubts += [_missing(key, columns) for key in found.missing if key != "events"]
    return found


def _say_events(taken: Dict[str, Column], found: Draft) -> None:
    if "event" not in taken:
        return
    events: dict[str, list[str]] = {}
    unknown = []
    for word, _ in Counter(taken["event"].values).most_common():
        meaning = words.meaning(word)
        if meaning is None:
            unknown.append(repr(word))
        else:
            events.setdefault(meaning, []).append(word)
    if events:
        found.said["events"] = events
    if unknown:
        found.doubts.append(
            "these words of the event column are in no list of events and would be rejected: "
            + ", ".join(unknown[:10])
        )


def _say_times(taken: Dict[str, Column], found: Draft) -> None:
    if "time" not in taken:
        return
    column = taken["time"]
    unit, *others = times.units(column.values)
    found.said["time_unit"] = unit
    if others:
        found.doubts.append(
            f"times can also be read by {others[0]!r}: day and month may be swapped"
        )
    if times.is_local(column.values, unit) and "utc" not in column.name.lower():
        found.doubts.append(
            'times name no zone and are read as UTC; if they are local, add timezone = "Europe/…"'
        )


def _say_price(taken: Dict[str, Column], found: Draft) -> None:
    price = taken.get("price")
    if price is None:
        return
    if share(price, WITH_COMMA) > share(price, WITH_POINT):
        found.said["decimal"] = ","
    if "cent" in price.name.lower():
        found.said["price_unit"] = "cents"


def _say_places(taken: Dict[str, Column], found: Draft) -> None:
    """Leave out words for surfaces and items that are not ours: they would be rejected."""
    position = taken.get("position")
    if position is not None and not any(value.strip("0") == "" for value in position.values):
        found.doubts.append(f"{position.name!r} never is 0: with us the first place is 0")
    for key, ours in _LISTED.items():
        if key in taken and not set(taken[key].values) <= set(ours):
            _say_listed(key, taken[key], found)


def _say_listed(key: str, column: Column, found: Draft) -> None:
    del found.said[key]
    few = ", ".join(repr(word) for word, _ in Counter(column.values).most_common(3))
    found.doubts.append(
        f"{column.name!r} may be the {key}, but says {few}: left out"
        + (f'; add surface = "{column.name}" and surfaces' if key == "surface" else "")
    )


def _say_fallback(columns: Sequence[Column], taken: Dict[str, Column], found: Draft) -> None:
    """Where the category is not always filled and a second column has one, read that then."""
    category = taken.get("category")
    others = [c for c in columns if words.rank("category", c.name) is not None and c != category]
    fuller = [c for c in others if category and len(c.values) > len(category.values)]
    if fuller:
        found.said["fallback"] = {"category": fuller[0].name}


def _say_shape(shape: Shape, found: Draft) -> None:
    if shape.encoding != "utf-8":
        found.said["encoding"] = shape.encoding
    if shape.format == "csv" and shape.delimiter != ",":
        found.said["delimiter"] = shape.delimiter
    if shape.format == "csv" and not shape.has_header:
        found.said["header"] = list(shape.header)


def _missing(key: str, columns: Sequence[Column]) -> str:
    return f"no column looks like {key}; the file has {', '.join(c.name for c in columns[:10])}"
