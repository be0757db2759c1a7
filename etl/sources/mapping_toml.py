"""Writes a mapping as the TOML that ``mapping.read`` reads."""

import json
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from typing import Any, Final

from etl.sources.mapping import COLUMNS, SETTINGS, Mapping

_SHAPE: Final = ("time_unit", "timezone", "delimiter", "encoding", "decimal", "price_unit")


def toml(said: Dict[str, Any], comments: Iterable[str] = ()) -> str:
    """Write keys of a mapping, columns first, with comments on top."""
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    keys = [key for key in (*COLUMNS, *_SHAPE, "header") if key in said]
    lines += [f"{key} = {_value(said[key])}" for key in keys]
    for table in ("events", "surfaces", "fallback"):
        if said.get(table):
            lines += ["", f"[{table}]"]
            lines += [f"{key} = {_value(value)}" for key, value in said[table].items()]
    return "\n".join(lines) + "\n"


def said_of(mapping: Mapping) -> dict[str, Any]:
    """Say a mapping as its file would: defaults left out."""
    plain = Mapping(format=mapping.format, columns={}, events={})
    said: dict[str, Any] = dict(mapping.columns)
    said["events"] = _grouped(mapping.events)
    for key in SETTINGS:
        if getattr(mapping, key) != getattr(plain, key):
            said[key] = getattr(mapping, key)
    if mapping.header is not None:
        said["header"] = list(mapping.header)
    if mapping.surfaces:
        said["surfaces"] = _grouped(mapping.surfaces)
    if mapping.fallback:
        said["fallback"] = dict(mapping.fallback)
    return said | {"time_unit": mapping.time_unit}


def _grouped(words: Dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, meaning in words.items():
        found.setdefault(meaning, []).append(word)
    return found


def _value(value: str | list[str]) -> str:
    """Write a word or a list of words; TOML's strings are JSON's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
