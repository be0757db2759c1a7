"""Takes one line of a foreign log apart: a CSV row or a JSON object, as values by column."""

import csv
from collections.abc import Mapping as Dict
from typing import Any

import msgspec

from etl.silver.verdict import broken


class ProblemError(Exception):
    """A line cannot be read further: the reason and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def csv_fields(text: str, delimiter: str) -> list[str]:
    """Split a CSV row."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=False), [])
    except csv.Error as error:
        raise ProblemError("wrong_field_count", str(error)) from error


def named(header: tuple[str, ...], fields: list[str]) -> Dict[str, Any]:
    """Give the fields of a CSV row their columns' names."""
    if len(fields) != len(header):
        said = f"{len(fields)} fields where the header has {len(header)}"
        raise ProblemError("wrong_field_count", said)
    return dict(zip(header, fields, strict=True))


def json_fields(text: str) -> Dict[str, Any]:
    """Read a JSON object."""
    try:
        read = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProblemError(*broken(text.encode(), str(error))) from error
    if not isinstance(read, dict):
        raise ProblemError("not_json", f"a JSON {type(read).__name__}, not an object")
    return read


def at(row: Dict[str, Any], column: str) -> object:
    """Look a column up by its name, else as a path into nested objects: ``user.id``."""
    if column in row or "." not in column:
        return row.get(column)
    found: object = row
    for step in column.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
