"""How a foreign log is read: which of its columns is what. The named logs are mappings as well."""

import tomllib
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    "seller",
    "stock",
    "quantity",
    "watch_ms",
    "duration_ms",
    "host",
    "query",
)
"""What a column of a foreign log can be."""
_REQUIRED: Final = ("user", "item", "event", "time", "events")
_UNITS: Final = ("s", "ms", "us", "iso")


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
    settings = {f.name for f in fields(Mapping)} - {"format", "columns", "fallback"}
    unknown = sorted(set(said) - set(COLUMNS) - settings)
    if unknown:
        allowed = ", ".join((*COLUMNS, *sorted(settings)))
        raise MappingError(f"{name}: unknown key {unknown[0]!r}; allowed are {allowed}")
    missing = [key for key in _REQUIRED if key not in said]
    if missing:
        raise MappingError(f"{name}: {missing[0]!r} is missing; needed are {', '.join(_REQUIRED)}")
    columns = {key: _word(said[key], key, name) for key in COLUMNS if key in said}
    rest = {key: said[key] for key in settings - {"events", "header"} if key in said}
    for key, value in rest.items():
        _word(value, key, name)
    mapping = Mapping(
        format=format_,
        columns=columns,
        events=_events(said["events"], name),
        header=_header(said.get("header"), name),
        **rest,
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
    return tuple(value)


def _events(value: object, name: str) -> dict[str, str]:
    """Turn ``{view = ["look", "open"]}`` into ``{"look": "view", "open": "view"}``."""
    if not isinstance(value, dict) or not value:
        raise MappingError(f"{name}: 'events' must be a table like {{view = [\"look\"]}}")
    found: dict[str, str] = {}
    for event_type, words in value.items():
        if event_type not in EVENT_TYPES:
            raise MappingError(
                f"{name}: events has {event_type!r}; event types are {', '.join(EVENT_TYPES)}"
            )
        for word in [words] if isinstance(words, str) else words:
            found[_word(word, f"events.{event_type}", name)] = event_type
    return found


def _checked(mapping: Mapping, name: str) -> Mapping:
    if mapping.time_unit not in _UNITS and "%" not in mapping.time_unit:
        raise MappingError(
            f"{name}: 'time_unit' is {mapping.time_unit!r}; it is one of {', '.join(_UNITS)} or a "
            "format like '%d.%m.%Y %H:%M:%S'"
        )
    if mapping.price_unit not in ("units", "cents"):
        raise MappingError(f"{name}: 'price_unit' is units or cents, not {mapping.price_unit!r}")
    if len(mapping.delimiter) != 1 or len(mapping.decimal) != 1:
        raise MappingError(f"{name}: 'delimiter' and 'decimal' are one character each")
    _require_known(mapping, name)
    return mapping


def _require_known(mapping: Mapping, name: str) -> None:
    try:
        ZoneInfo(mapping.timezone)
        "".encode(mapping.encoding)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MappingError(f"{name}: no time zone {mapping.timezone!r}") from error
    except LookupError as error:
        raise MappingError(f"{name}: no encoding {mapping.encoding!r}") from error
