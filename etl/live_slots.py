"""Live slots: what stands in silver for the rooms of a host, which live for minutes.

A slot is a host, a weekday and an hour of UTC, and is named by them: ``h0012@fri-20``. Here names
are made and read, one by one, in Arrow batches and in Spark. Whether a host goes live in a slot is
not known here.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: Final = tuple(f"{hour:02}" for hour in range(24))
_HOUR_US: Final = 3_600_000_000
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday.
_SUFFIXES: Final = tuple(f"@{day}-{hour}" for day in WEEKDAYS for hour in HOURS)
_PATTERN: Final = (
    rf"(?s)^(?P<host>.+)@(?P<weekday>{'|'.join(WEEKDAYS)})-(?P<hour>[01][0-9]|2[0-3])$"
)
_NAME: Final = re.compile(_PATTERN)
_JAVA_PATTERN: Final = _PATTERN.replace("?P<", "?<")


class SlotNameError(ValueError):
    """An id does not name a live slot."""


def slot_of(host: str, started_at_us: int) -> str:
    """Name the slot of a room.

    Args:
        host: Who hosts it.
        started_at_us: When it started, UTC, microseconds of the epoch.
    """
    hours = started_at_us // _HOUR_US
    return host + _SUFFIXES[(hours + 24 * _EPOCH_WEEKDAY) % len(_SUFFIXES)]


def slot_named(host: str, *, weekday: int, hour: int) -> str:
    """Name a slot by its parts: weekday 0 (Monday) … 6, hour 0 … 23 of UTC."""
    return host + _SUFFIXES[24 * weekday + hour]


def host_of(slot: str) -> str:
    """Say who hosts a slot.

    Raises:
        SlotNameError: If ``slot`` names none.
    """
    return _read(slot)["host"]


def weekday_of(slot: str) -> int:
    """Say a slot's day of the week, 0 for Monday.

    Raises:
        SlotNameError: If ``slot`` names none.
    """
    return WEEKDAYS.index(_read(slot)["weekday"])


def hour_of(slot: str) -> int:
    """Say a slot's hour of the day, UTC, 0 … 23.

    Raises:
        SlotNameError: If ``slot`` names none.
    """
    return int(_read(slot)["hour"])


def _read(slot: str) -> re.Match[str]:
    found = _NAME.fullmatch(slot)
    if found is None:
        raise SlotNameError(f"{slot!r} is not a live slot: one is named like h0012@fri-20")
    return found


def hosts_of(slots: pa.Array) -> pa.Array:
    """Say who hosts each slot: strings, null for what names no slot."""
    return _words(slots, "host")


def weekdays_of(slots: pa.Array) -> pa.Array:
    """Say each slot's day of the week: int32, 0 for Monday, null for what names no slot."""
    return pc.index_in(_words(slots, "weekday"), value_set=pa.array(WEEKDAYS))


def hours_of(slots: pa.Array) -> pa.Array:
    """Say each slot's hour of UTC: int32, 0 … 23, null for what names no slot."""
    return pc.index_in(_words(slots, "hour"), value_set=pa.array(HOURS))


def _words(slots: pa.Array, part: str) -> pa.Array:
    return pc.struct_field(pc.extract_regex(slots, pattern=_PATTERN), part)


def host_column(slot: Column) -> Column:
    """Say who hosts a slot; null for what names no slot."""
    return _word(slot, 1)


def weekday_column(slot: Column) -> Column:
    """Say a slot's day of the week as an int, 0 for Monday; null for what names no slot."""
    place = F.array_position(F.array(*map(F.lit, WEEKDAYS)), _word(slot, 2)) - 1
    return place.cast("int")


def hour_column(slot: Column) -> Column:
    """Say a slot's hour of UTC as an int, 0 … 23; null for what names no slot."""
    return _word(slot, 3).cast("int")


def _word(slot: Column, group: int) -> Column:
    found = F.regexp_extract(slot, _JAVA_PATTERN, group)
    return F.when(found != "", found)
