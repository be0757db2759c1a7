"""How a foreign log is read: which of its columns is what. The named logs are mappings as well."""

import tomllib
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etl.surfaces import NAMES
from etl.tables.silver import EVENT_TYPES

COLUMNS: Final = (
    "user",
    "item",
    "event",
    "time",
    "id",
    "item_type",
    "category",
    "brand",
    "price",
    "session",
    "surface",
    "position",
    "request",
    "propensity",
    "country",
    "platform",
    "language",
    "title",
    "text",
    "seller",
    "stock",
    "quantity",
    "watch_ms",
    "duration_ms",
    "host",
    "query",
    "comment",
)
"""What a column of a foreign log can be."""
REQUIRED: Final = ("user", "item", "event", "time", "events")
"""Keys that every mapping file has."""
SETTINGS: Final = ("time_unit", "timezone", "delimiter", "encoding", "price_unit", "decimal")
"""Keys that say how values are written; each has a default."""
_TABLES: Final = ("events", "surfaces", "fallback", "header")
_UNITS: Final = ("s", "ms", "us", "iso")
_TRIAL: Final = datetime(2025, 12, 24, 18, 3, 59, tzinfo=UTC)
"""A moment that a time format must give back the day of."""


class MappingError(ValueError):
    """A mapping file is not usable; the message names the key and what is allowed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """Which column of a foreign log is what."""

    format: str
    """csv or jsonl"""
    columns: Dict[str, str]
    """For each of ``COLUMNS`` that the log has, the name of the log's column."""
    events: Dict[str, str]
    """For each word in the log's event column, our event type."""
    time_unit: str = "s"
    """s, ms or us since 1970; iso; or a strptime format."""
    timezone: str = "UTC"
    """Of times that do not name one themselves."""
    delimiter: str = ","
    """Between the fields of a CSV row."""
    encoding: str = "utf-8"
    """Of the file's text."""
    header: tuple[str, ...] | None = None
    """The columns of a CSV without a header line; None where its first line names them."""
    price_unit: str = "units"
    """units (12.50) or cents (1250)."""
    decimal: str = "."
    """The sign before the fraction of a price or propensity."""
    surfaces: Dict[str, str] = field(default_factory=dict)
    """For each word in the log's surface column, our surface; other words are none of ours. Empty
    where the log uses our names."""
    fallback: Dict[str, str] = field(default_factory=dict)
    """For some of ``COLUMNS`` a second column, read where the first is empty."""


def read(path: Path, *, format_: str) -> Mapping:
    """Read a mapping file.

    Args:
        path: TOML with ``user``, ``item``, ``event``, ``time``, ``events`` and what else is there.
        format_: csv or jsonl.

    Raises:
        MappingError: If a key is missing, unknown, or holds something else than it should.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path.name} is not TOML: {error}") from error
    return of(said, format_=format_, name=path.name)


def of(said: Dict[str, Any], *, format_: str, name: str) -> Mapping:
    """Check a mapping that was read from ``name`` and complete it."""
    allowed = (*COLUMNS, *_TABLES, *SETTINGS)
    unknown = sorted(set(said) - set(allowed))
    if unknown:
        raise MappingError(f"{name}: unknown key {unknown[0]!r}; allowed are {', '.join(allowed)}")
    missing = [key for key in REQUIRED if key not in said]
    if missing:
        raise MappingError(f"{name}: {missing[0]!r} is missing; needed are {', '.join(REQUIRED)}")
    mapping = Mapping(
        format=format_,
        columns={key: _word(said[key], key, name) for key in COLUMNS if key in said},
        events=_translations(said["events"], "events", EVENT_TYPES, name),
        surfaces=_translations(said["surfaces"], "surfaces", NAMES, name)
        if "surfaces" in said
        else {},
        fallback=_fallback(said.get("fallback", {}), name),
        header=_header(said.get("header"), name),
        **{key: _word(said[key], key, name) for key in SETTINGS if key in said},
    )
    return _checked(mapping, name)


def _word(value: object, key: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise MappingError(f"{name}: {key!r} must be a word, found {value!r}")
    return value


def _header(value: object, name: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise MappingError(f"{name}: 'header' must list the columns' names, found {value!r}")
    doubled = [word for word in value if value.count(word) > 1]
    if doubled:
        raise MappingError(f"{name}: 'header' names {doubled[0]!r} twice")
    return tuple(value)


def _fallback(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MappingError(
            f"{name}: 'fallback' must be a table like {{category = \"category_id\"}}"
        )
    unknown = sorted(set(value) - set(COLUMNS))
    if unknown:
        raise MappingError(f"{name}: fallback has {unknown[0]!r}; allowed are {', '.join(COLUMNS)}")
    return {key: _word(column, f"fallback.{key}", name) for key, column in value.items()}


def _translations(value: object, key: str, ours: tuple[str, ...], name: str) -> dict[str, str]:
    """Turn ``{view = ["look", "open"]}`` into ``{"look": "view", "open": "view"}``."""
    if not isinstance(value, dict) or not any(value.values()):
        raise MappingError(f'{name}: {key!r} must be a table like {{{ours[1]} = ["word"]}}')
    found: dict[str, str] = {}
    for meaning, words in value.items():
        if meaning not in ours:
            raise MappingError(f"{name}: {key} has {meaning!r}; allowed are {', '.join(ours)}")
        for word in words if isinstance(words, list) else [words]:
            if found.setdefault(_word(word, f"{key}.{meaning}", name), meaning) != meaning:
                raise MappingError(
                    f"{name}: {key} says that {word!r} is {found[word]} and {meaning}"
                )
    return found


def _checked(mapping: Mapping, name: str) -> Mapping:
    if mapping.price_unit not in ("units", "cents"):
        raise MappingError(f"{name}: 'price_unit' is units or cents, not {mapping.price_unit!r}")
    if len(mapping.delimiter) != 1 or mapping.delimiter in '"\r\n':
        raise MappingError(f"{name}: 'delimiter' is one character, not {mapping.delimiter!r}")
    if mapping.decimal not in (".", ","):
        raise MappingError(f"{name}: 'decimal' is a point or a comma, not {mapping.decimal!r}")
    _require_time_unit(mapping.time_unit, name)
    _require_timezone(mapping.timezone, name)
    _require_encoding(mapping.encoding, name)
    return mapping


def _require_time_unit(unit: str, name: str) -> None:
    """Refuse a format that could not give back any day: each line would fail, or be of 1900."""
    if unit in _UNITS:
        return
    said = f"{name}: 'time_unit' is {unit!r}; it is one of {', '.join(_UNITS)} or a format like "
    try:
        read = datetime.strptime(_TRIAL.strftime(unit), unit)
    except ValueError as error:
        raise MappingError(f"{said}'%d.%m.%Y %H:%M:%S': {error}") from error
    if read.date() != _TRIAL.date():
        raise MappingError(f"{said}'%d.%m.%Y %H:%M:%S': this one does not say year, month and day")


def _require_timezone(timezone: str, name: str) -> None:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MappingError(
            f"{name}: no time zone {timezone!r}; 'timezone' is a name like Europe/Berlin or UTC"
        ) from error


def _require_encoding(encoding: str, name: str) -> None:
    try:
        is_by_line = "a\n".encode(encoding).endswith(b"a\n")
    except (LookupError, ValueError) as error:
        raise MappingError(
            f"{name}: no encoding {encoding!r}; 'encoding' is a name like utf-8 or cp1252"
        ) from error
    if not is_by_line:
        raise MappingError(
            f"{name}: 'encoding' {encoding!r} cannot be read line by line; turn the file into UTF-8"
        )
