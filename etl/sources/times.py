"""Recognises how a log writes its times."""

from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median
from typing import Final

_SHARE: Final = 0.9
"""Of a column's values that must read as times; the rest will be rejected lines."""
_LOOKED_AT: Final = 200
_TRIED_FIRST: Final = 3
_EARLIEST_S, _LATEST_S = 315_532_800, 4_102_444_800
"""1980 to 2100: smaller and greater numbers are ids or amounts."""
_SCALES: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}
_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S %z",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%Y%m%d%H%M%S",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%Y%m%d",
)
"""Tried in order: day before month where both would do."""


def units(values: Sequence[str]) -> tuple[str, ...]:
    """List every ``time_unit`` that reads a column, the likeliest first; none if it is no time.

    Args:
        values: Filled values of the column.
    """
    some = values[:: max(1, len(values) // _LOOKED_AT)]
    if not some:
        return ()
    epoch = _epoch_unit(some)
    if epoch is not None:
        return (epoch,)
    if not _are_numbers(some) and _share(some, datetime.fromisoformat) >= _SHARE:
        return ("iso",)
    likely = [form for form in _FORMATS if _share(some[:_TRIED_FIRST], _reader(form)) > 0]
    return tuple(form for form in likely if _share(some, _reader(form)) >= _SHARE)


def is_local(values: Sequence[str], unit: str) -> bool:
    """Say whether times that ``unit`` reads leave open in which zone they are."""
    if unit == "iso":
        readable = (v for v in values if _is_read(v, datetime.fromisoformat))
        return datetime.fromisoformat(next(readable)).tzinfo is None
    return "%" in unit and not unit.endswith((" UTC", "%z"))


def _reader(form: str) -> Callable[[str], object]:
    return lambda value: datetime.strptime(value, form)


def _share(values: Sequence[str], read: Callable[[str], object]) -> float:
    return sum(_is_read(value, read) for value in values) / len(values)


def _is_read(value: str, read: Callable[[str], object]) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _are_numbers(values: Sequence[str]) -> bool:
    return _share(values, float) >= _SHARE


def _epoch_unit(values: Sequence[str]) -> str | None:
    if not _are_numbers(values):
        return None
    middle = median(float(value) for value in values if _is_read(value, float))
    for unit, scale in _SCALES.items():
        if _EARLIEST_S <= middle / scale < _LATEST_S:
            return unit
    return None
