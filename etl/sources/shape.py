"""Finds out how a file is written: packed or plain, its encoding, rows or objects, its delimiter.

Files that are no log at all are turned away here, each with a sentence that says what they are.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from etl.sources.load import LoadError, lines_of

_HEAD_BYTES: Final = 65_536
_LOOKED_AT: Final = 500
_TAKEN_APART: Final = 5_000
"""Rows whose values are looked at; a word of the event column that is rarer is seen as rejected."""
_GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = ",;\t|"
_UTF_16: Final = "UTF-16 text; turn it into UTF-8 by `iconv -f UTF-16 -t UTF-8`"
_KINDS: Final = {
    b"PK\x03\x04": "a zip archive (or .xlsx); unpack it and name the file inside",
    b"PAR1": "a Parquet file; write it out as CSV or JSON lines",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it by `zstd -d`",
    b"\xfd7zXZ": "packed by xz; unpack it by `xz -d`",
    b"BZh": "packed by bzip2; unpack it by `bzip2 -d`",
    b"SQLite format 3": "a SQLite database; write its table out as CSV",
    b"%PDF": "a PDF",
    **dict.fromkeys((b"\xff\xfe", b"\xfe\xff"), _UTF_16),
}


class InspectError(ValueError):
    """A file cannot be looked at; the message says what it is and what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines of a file, evenly spaced from its first to its last."""

    numbers: tuple[int, ...]
    """Line number of each, 1 for the file's first."""
    lines: tuple[bytes, ...]
    num_lines: int
    """Of the whole file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How a file is written."""

    format: str
    """csv or jsonl"""
    encoding: str
    delimiter: str = ","
    header: tuple[str, ...] = ()
    """Names of the columns; ``column_1`` … where the file does not name them."""
    has_header: bool = False


def require_log(path: Path) -> bool:
    """Turn away what is no log.

    Returns:
        Whether the file is packed by gzip.

    Raises:
        InspectError: If it is missing, a folder, empty, damaged or not text.
    """
    if path.is_dir():
        raise InspectError(f"{path} is a folder; name one of its files")
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP
        with gzip.open(path) if is_gzip else path.open("rb") as text:
            head = text.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise InspectError(f"there is no file {path}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InspectError(_damaged(path, str(error))) from error
    except OSError as error:
        raise InspectError(f"{path} cannot be read: {error.strerror}") from error
    _require_text(path.name, head)
    return is_gzip


def _damaged(path: Path, said: str) -> str:
    return f"{path.name} is a gzip file that is cut off or damaged ({said}); fetch it again"


def _require_text(name: str, head: bytes) -> None:
    if not head.strip():
        raise InspectError(f"{name} is empty: there is no line in it")
    for start, kind in _KINDS.items():
        if head.startswith(start):
            raise InspectError(f"{name} is {kind}")
    if b"\0" in head:
        raise InspectError(f"{name} is not text: it begins with {head[:8].hex(' ')}")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
        raise InspectError(
            f"{name} is one JSON array, not one object a line; "
            f"turn it into lines by `jq -c '.[]' {name}`"
        )


def sample(path: Path, *, max_lines: int) -> Sample:
    """Read a file through and keep at most ``max_lines`` of it, evenly spaced.

    The whole file is read, so that its lines are counted and a damaged end is found. Whenever too
    many were kept, every second one goes and the spacing doubles: the first line always stays.

    Raises:
        InspectError: If a packed file is cut off or damaged.
    """
    kept: list[tuple[int, bytes]] = []
    step, number = 1, 0
    try:
        for number, line in enumerate(lines_of(path), start=1):
            if (number - 1) % step == 0:
                kept.append((number, line))
            if len(kept) > max_lines:
                kept, step = kept[::2], step * 2
    except LoadError as error:
        said = f"after line {number:,}: {error.__cause__}"
        raise InspectError(_damaged(path, said)) from error
    except OSError as error:
        raise InspectError(f"{path} cannot be read: {error.strerror}") from error
    return Sample(tuple(n for n, _ in kept), tuple(line for _, line in kept), number)


def shape_of(lines: Sequence[bytes], *, name: str) -> Shape:
    """Find out how lines are written.

    Args:
        lines: Of the file, its first among them.
        name: The file's, for messages.

    Raises:
        InspectError: If they are neither JSON objects nor rows with a delimiter.
    """
    some = _spread([line.rstrip(b"\r") for line in lines if line.strip()], _LOOKED_AT)
    if not some:
        raise InspectError(f"{name} has only empty lines among those that were looked at")
    encoding = _encoding(some)
    texts = [line.decode(encoding, errors="replace").lstrip("\ufeff") for line in some]
    if texts[0].startswith("{"):
        return Shape(format="jsonl", encoding=encoding)
    delimiter = _delimiter(texts)
    if delimiter is None or not num_fields(texts[0], delimiter):
        raise InspectError(
            f"{name} is neither one JSON object a line nor rows with one of , ; | or tab; "
            f"it begins with {texts[0][:80]!r}"
        )
    first = next(csv.reader([texts[0]], delimiter=delimiter))
    if is_header(first):
        return Shape(
            format="csv",
            encoding=encoding,
            delimiter=delimiter,
            header=tuple(first),
            has_header=True,
        )
    names = tuple(f"column_{number}" for number in range(1, len(first) + 1))
    return Shape(format="csv", encoding=encoding, delimiter=delimiter, header=names)


def _spread(lines: Sequence[bytes], num: int) -> Sequence[bytes]:
    """Keep the first line and about ``num`` others, evenly spaced."""
    return lines[:: max(1, len(lines) // num)]


def _encoding(lines: Sequence[bytes]) -> str:
    """UTF-8 but for odd lines, else cp1252, else latin-1, which reads anything."""
    if lines[0].startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    not_ascii = [line for line in lines if not line.isascii()]
    broken = sum(not _reads(line, "utf-8") for line in not_ascii)
    if 2 * broken <= len(not_ascii):
        return "utf-8"
    return "cp1252" if all(_reads(line, "cp1252") for line in not_ascii) else "latin-1"


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(texts: Sequence[str]) -> str | None:
    """The sign that parts most rows into the same number of fields, the more the better."""
    scored = {}
    for sign in _DELIMITERS:
        counts = Counter(num_fields(text, sign) for text in texts)
        size, times = max(counts.items(), key=lambda count: (count[1], count[0]))
        if size > 1 and 2 * times > len(texts):
            scored[sign] = (times, size)
    return max(scored, key=lambda sign: scored[sign], default=None)


def num_fields(text: str, delimiter: str) -> int:
    """Count the fields of a CSV row; 0 where it is none."""
    try:
        return len(next(csv.reader([text], delimiter=delimiter), []))
    except csv.Error:
        return 0


def is_header(fields: Sequence[str]) -> bool:
    """Say whether a first row names columns: no numbers, all differ, the first may be empty."""
    starts = [field.strip()[:1] for field in fields]
    are_words = all(start and not start.isdigit() and start not in "+-." for start in starts[1:])
    return are_words and not starts[0].isdigit() and len(set(fields)) == len(fields)


def rows_of(lines: Sequence[bytes], shape: Shape) -> list[dict[str, str]]:
    """Take some of a file's lines apart: the filled values by column, nested ones by their path."""
    body = lines[1:] if shape.has_header else lines
    texts = [line.decode(shape.encoding, errors="replace") for line in _spread(body, _TAKEN_APART)]
    return [row for text in texts if (row := _row(text.rstrip("\r"), shape))]


def _row(text: str, shape: Shape) -> dict[str, str]:
    try:
        if shape.format == "jsonl":
            return _flat(msgspec.json.decode(text), "")
        fields = next(csv.reader([text], delimiter=shape.delimiter), [])
    except (csv.Error, msgspec.DecodeError, RecursionError):
        return {}
    if len(fields) != len(shape.header):
        return {}
    return {name: field for name, field in zip(shape.header, fields, strict=True) if field}


def _flat(value: object, path: str) -> dict[str, str]:
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for key, inner in value.items():
            found |= _flat(inner, f"{path}.{key}" if path else key)
        return found
    is_word = isinstance(value, str | int | float) and not isinstance(value, bool)
    return {path: str(value)} if is_word and path and value != "" else {}
