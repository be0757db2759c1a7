"""Says what upkeep lets go of: a line for whatever goes for the same reason."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, Literal

from rich.filesize import decimal
from rich.table import Table

from etl.upkeep import Pile

_HEAD: Final = ("what", "why", "days", "files", "bytes")


def table(found: Iterable[Pile]) -> Table:
    """Draw it for a terminal."""
    drawn = Table(box=None, header_style="bold")
    for name in _HEAD:
        justify: Literal["left", "right"] = "right" if name in {"files", "bytes"} else "left"
        drawn.add_column(name, justify=justify, no_wrap=name != "why")
    for row in _rows(found):
        drawn.add_row(*row)
    return drawn


def markdown(found: Iterable[Pile]) -> str:
    """Write it for the UI."""
    rows = [_HEAD, ("---",) * len(_HEAD), *_rows(found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def total(found: Iterable[Pile]) -> str:
    """Say how much it is together."""
    every = list(found)
    num_files, num_bytes = (sum(one.num_files for one in every), sum(o.num_bytes for o in every))
    return f"{num_files:,} files, {decimal(num_bytes)}"


def _rows(found: Iterable[Pile]) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[str, str], list[Pile]] = {}
    for pile in found:
        alike.setdefault((pile.what, pile.why), []).append(pile)
    for (what, why), piles in alike.items():
        num_files, num_bytes = sum(p.num_files for p in piles), sum(p.num_bytes for p in piles)
        days = _days({day for pile in piles for day in pile.days})
        yield what, why, days, f"{num_files:,}", decimal(num_bytes)


def _days(days: set[date]) -> str:
    if len(days) <= 1:
        return "".join(map(str, days))
    return f"{min(days)} … {max(days)} ({len(days)})"
