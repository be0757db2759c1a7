"""Looks at a foreign log before it is loaded: what it is, how to map it, what it would give.

Nothing is written and Spark is not started. A file is read through once; of a large one an evenly
spaced sample is judged.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from etl.sources import known, mapping_toml
from etl.sources import mapping as mappings
from etl.sources.adapter import Adapter, HeaderError
from etl.sources.contents import contents
from etl.sources.costs import estimate
from etl.sources.draft import draft
from etl.sources.mapping import Mapping, MappingError
from etl.sources.report import Contents, Report
from etl.sources.shape import InspectError, Sample, Shape, require_log, rows_of, sample, shape_of

MAX_LINES: Final = 100_000
"""Of a file with more lines a sample of half to all of so many is judged: about three seconds."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a file is going to be read."""

    source: str
    shape: Shape
    said: dict[str, Any]
    is_draft: bool
    doubts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    mapping: Mapping | None = None
    """None where the draft lacks keys."""


def inspect(path: Path, *, mapping: Mapping | None, max_lines: int) -> Report:
    """Find out what a log is and what it would give.

    Args:
        path: The file, plain or gzip.
        mapping: How to read it; None to recognise a known log, or else to draft a mapping.
        max_lines: So many lines are judged at most; ``MAX_LINES`` if nothing speaks against it.

    Raises:
        InspectError: If the file is no log, is damaged, or does not have the mapping's columns;
            the message says what it is and what to do.
    """
    is_gzip = require_log(path)
    lines = sample(path, max_lines=max_lines)
    plan = _given(mapping, lines) if mapping is not None else _found(lines, path.name)
    header_lines = int(plan.shape.has_header)
    found = _contents(plan, lines, path.name)
    num_lines = lines.num_lines - header_lines
    num_read = len(lines.lines) - header_lines
    return Report(
        file_name=path.name,
        path=str(path),
        num_bytes=path.stat().st_size,
        is_gzip=is_gzip,
        source=plan.source,
        format=plan.shape.format,
        encoding=plan.shape.encoding,
        delimiter=plan.shape.delimiter if plan.shape.format == "csv" else None,
        has_header=plan.shape.has_header,
        columns=plan.shape.header,
        mapping_toml=mapping_toml.toml(plan.said, plan.doubts),
        is_draft=plan.is_draft,
        doubts=plan.doubts,
        missing=plan.missing,
        num_lines=num_lines,
        num_read=num_read,
        contents=found,
        cost=estimate(num_lines=num_lines, num_read=num_read, found=found),
    )


def _found(lines: Sample, name: str) -> _Plan:
    """Recognise a known log, or draft a mapping."""
    shape = shape_of(lines.lines, name=name)
    source = _known(shape, lines.lines)
    if source is not None:
        mapping = known.BY_NAME[source]
        named = replace(shape, header=mapping.header or shape.header)
        return _Plan(source, named, mapping_toml.said_of(mapping), is_draft=False, mapping=mapping)
    rows = rows_of(lines.lines, shape)
    drafted = draft(rows, shape)
    return _Plan(
        shape.format,
        _with_paths(shape, rows),
        drafted.said,
        is_draft=True,
        doubts=tuple(drafted.doubts),
        missing=drafted.missing,
        mapping=None if drafted.missing else _mapping(drafted.said, shape, name),
    )


def _mapping(said: dict[str, Any], shape: Shape, name: str) -> Mapping:
    try:
        return mappings.of(said, format_=shape.format, name=f"the mapping drafted for {name}")
    except MappingError as error:
        raise InspectError(f"{error}; write a mapping and name it by --mapping") from error


def _with_paths(shape: Shape, rows: Sequence[dict[str, str]]) -> Shape:
    """Name the columns of objects by the paths that were seen."""
    if shape.format == "csv":
        return shape
    paths = tuple(dict.fromkeys(path for row in rows for path in row))
    return replace(shape, header=paths)


def _known(shape: Shape, lines: Sequence[bytes]) -> str | None:
    """Name the public log that a file is by its header, or by its words where it has none."""
    if shape.format != "csv" or shape.delimiter != ",":
        return None
    for name, mapping in known.BY_NAME.items():
        wanted = {*mapping.columns.values(), *mapping.fallback.values()}
        if mapping.header is None:
            if shape.has_header and set(shape.header) == wanted:
                return name
        elif not shape.has_header and _says(mapping, shape, lines):
            return name
    return None


def _says(mapping: Mapping, shape: Shape, lines: Sequence[bytes]) -> bool:
    """Whether rows without a header have a log's columns, and its words where it says events."""
    header = mapping.header or ()
    if len(shape.header) != len(header):
        return False
    place = shape.header[header.index(mapping.columns["event"])]
    words = [row[place] for row in rows_of(lines, shape) if place in row]
    return bool(words) and all(word in mapping.events for word in words)


def _given(mapping: Mapping, lines: Sample) -> _Plan:
    """Read a file as its mapping says."""
    has_header = mapping.format == "csv" and mapping.header is None
    shape = Shape(
        format=mapping.format,
        encoding=mapping.encoding,
        delimiter=mapping.delimiter,
        header=_header(mapping, lines) if mapping.format == "csv" else (),
        has_header=has_header,
    )
    said = mapping_toml.said_of(mapping)
    return _Plan(
        mapping.format,
        _with_paths(shape, rows_of(lines.lines, shape)),
        said,
        is_draft=False,
        mapping=mapping,
    )


def _header(mapping: Mapping, lines: Sample) -> tuple[str, ...]:
    if mapping.header is not None:
        return mapping.header
    first = lines.lines[0].decode(mapping.encoding, errors="replace").lstrip("\ufeff").rstrip("\r")
    return tuple(next(csv.reader([first], delimiter=mapping.delimiter), []))


def _contents(plan: _Plan, lines: Sample, name: str) -> Contents | None:
    if plan.mapping is None:
        return None
    try:
        return contents(Adapter(plan.mapping, name), lines.lines, lines.numbers)
    except HeaderError as error:
        raise InspectError(str(error)) from error
