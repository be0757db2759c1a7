"""Guesses which column of a foreign log is what, by its name and by its values.

Words of columns and events stand in ``words``, ways to write a time in ``times``. What a mapping
file then says is written by ``draft``.
"""

import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from etl.sources import times, words
from etl.sources.mapping import COLUMNS, REQUIRED
from etl.sources.shape import Shape

_MAX_WORDS: Final = 40
"""A column with more different values than this does not say what happened."""
_SHARE: Final = 0.9
"""Of a column's values that must fit what it is taken for."""
WITH_POINT: Final = re.compile(r"-?\d+(\.\d+)?")
WITH_COMMA: Final = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_WHOLE: Final = re.compile(r"\d+")
_PROBABILITY: Final = re.compile(r"0?[.,]\d+|1([.,]0+)?")
_FRACTION: Final = re.compile(r"-?\d+[.,]\d+")
_NUMBERS: Final = ("position", "quantity", "watch_ms", "duration_ms", "stock")
_ORDER: Final = ("time", "event", "user", "item", *(c for c in COLUMNS if c not in REQUIRED))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a log, as some of its rows fill it."""

    name: str
    values: tuple[str, ...]
    """Those that are filled, in the file's order."""


def take(columns: Sequence[Column]) -> tuple[dict[str, Column], list[str]]:
    """Choose a column for each of ``mapping.COLUMNS`` that the log seems to have.

    Returns:
        The columns by key, and what of it is uncertain.
    """
    taken = _by_name(columns)
    return taken, _by_values(columns, taken)


def columns_of(rows: Sequence[Dict[str, str]], shape: Shape) -> list[Column]:
    """Turn rows into columns, in the order of the header, else of first appearance."""
    names = dict.fromkeys((*shape.header, *(name for row in rows for name in row)))
    return [Column(name, tuple(row[name] for row in rows if name in row)) for name in names]


def _by_name(columns: Sequence[Column]) -> dict[str, Column]:
    """Take columns whose names are known: exact ones first, then those that hold a known name."""
    taken: dict[str, Column] = {}
    for key in _ORDER:
        ranked = [
            (rank, -len(column.values), place)
            for place, column in enumerate(columns)
            if (rank := words.rank(key, column.name)) is not None
            and column not in taken.values()
            and _fits(key, column)
        ]
        if ranked:
            taken[key] = columns[min(ranked)[2]]
    for key in ("time", "event", "user", "item"):
        like = [c for c in columns if words.is_like(key, c.name) and c not in taken.values()]
        fitting = [column for column in like if _fits(key, column)]
        if key not in taken and fitting:
            taken[key] = fitting[0]
    return taken


def _fits(key: str, column: Column) -> bool:
    """Say whether a column's values could be what its name says."""
    if not column.values:
        return False
    if key == "time":
        return bool(times.units(column.values))
    if key == "event":
        return _is_event(column)
    if key == "price":
        return share(column, WITH_POINT) >= _SHARE or share(column, WITH_COMMA) >= _SHARE
    if key in _NUMBERS:
        return share(column, _WHOLE) >= _SHARE
    return key != "propensity" or share(column, _PROBABILITY) >= _SHARE


def _is_event(column: Column) -> bool:
    return len(set(column.values)) <= _MAX_WORDS and not times.units(column.values)


def share(column: Column, pattern: re.Pattern[str]) -> float:
    """Say which share of a column's filled values a pattern fits."""
    fitting = sum(pattern.fullmatch(value) is not None for value in column.values)
    return fitting / len(column.values)


def _by_values(columns: Sequence[Column], taken: dict[str, Column]) -> list[str]:
    """Take columns for what is still needed by what they hold, and say so."""
    doubts = []
    for key, looks in (("event", _num_known), ("time", _steadiness)):
        free = [c for c in columns if c not in taken.values() and c.values]
        best = max(free, key=looks, default=None)
        if key not in taken and best is not None and looks(best) > 0:
            taken[key] = best
            doubts.append(f"{best.name!r} is taken for {key} by its values")
    for key in ("user", "item"):
        free = [c for c in columns if c not in taken.values() and _is_id(c)]
        if key not in taken and free:
            taken[key] = free[0]
            doubts.append(f"{free[0].name!r} is taken for {key} by its place: check it")
    return doubts


def _num_known(column: Column) -> int:
    known = {word for word in set(column.values) if words.meaning(word)}
    return len(known) if _is_event(column) and known else 0


def _steadiness(column: Column) -> float:
    """How far the column's values follow the order of the lines, as times of a log do; 0 if none.

    Ids may be as large as seconds since 1970; what sets times apart is that they rise or fall.
    """
    if not times.units(column.values):
        return 0.0
    steps = [a <= b for a, b in zip(column.values, column.values[1:], strict=False)]
    rising = sum(steps) / len(steps) if steps else 1.0
    return max(rising, 1 - rising)


def _is_id(column: Column) -> bool:
    return len(set(column.values)) > 1 and share(column, _FRACTION) < _SHARE
