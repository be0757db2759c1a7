"""Turns one line of a foreign log into one envelope; what it cannot read, it says.

Each physical line is read by itself: a quoted field cannot run over a newline, and a quote that is
never closed spoils one line and not the rest of the file.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from etl.sources.envelope import Envelope, with_raw
from etl.sources.mapping import Mapping
from etl.sources.rows import ProblemError, at, csv_fields, json_fields, named

_SCALE: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AS_IS: Final = {
    "user": "user",
    "item": "item",
    "id": "id",
    "item_type": "item_type",
    "surface": "surface",
    "session": "session",
    "request": "request",
    "query": "query",
    "comment": "comment",
    "country": "country",
    "platform": "platform",
    "language": "language",
    "title": "title",
    "text": "text",
    "category": "category",
    "brand": "brand",
    "seller": "seller",
    "host": "host",
}
_WITH_COMMA: Final = re.compile(r"-?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]+)?")
"""12,50 or 1.299,00: a point parts thousands, so 12.50 is not twelve hundred and fifty."""
_MAX_EXPONENT: Final = 18
_WHOLE: Final = ("position", "quantity", "watch_ms", "stock", "duration_ms")


class HeaderError(ValueError):
    """A file does not have the columns that its mapping names."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Reads the lines of one file by a mapping."""

    mapping: Mapping
    file_name: str

    def envelopes(self, lines: Iterable[bytes]) -> Iterator[Envelope]:
        """Give one envelope for each line; a header is not a line.

        Args:
            lines: The file's lines without their newlines.

        Raises:
            HeaderError: If the file lacks a column that the mapping names.
        """
        numbered = enumerate(lines, start=1)
        split = self._splitter(numbered)
        for number, line in numbered:
            yield self._envelope(number, line, split)

    def _splitter(self, numbered: Iterator[tuple[int, bytes]]) -> Callable[[str], Dict[str, Any]]:
        if self.mapping.format == "jsonl":
            return json_fields
        header = self.mapping.header
        if header is None:
            _, first = next(numbered, (1, b""))
            text = first.decode(self.mapping.encoding, errors="replace").lstrip("\ufeff")
            header = self._header(text)
        self._require_columns(header)
        return lambda text: named(header, csv_fields(text, self.mapping.delimiter))

    def _header(self, text: str) -> tuple[str, ...]:
        try:
            return tuple(csv_fields(text, self.mapping.delimiter))
        except ProblemError as problem:
            raise HeaderError(
                f"{self.file_name} does not begin with a line of column names: {problem.detail}"
            ) from problem

    def _require_columns(self, header: tuple[str, ...]) -> None:
        for key, column in self.mapping.columns.items():
            if column not in header:
                raise HeaderError(
                    f"{self.file_name} has no column {column!r} (mapped to {key!r}); its first "
                    f"line names {', '.join(header[:20])}"
                )

    def _envelope(
        self, number: int, line: bytes, split: Callable[[str], Dict[str, Any]]
    ) -> Envelope:
        place = {"file": self.file_name, "line": number}
        found: dict[str, object] = {}
        try:
            self._read(line.rstrip(b"\r"), split, found)
        except ProblemError as problem:
            found |= {"problem": problem.reason, "detail": problem.detail[:200]}
        return with_raw(line, **place, **found)

    def _read(
        self, line: bytes, split: Callable[[str], Dict[str, Any]], found: dict[str, object]
    ) -> None:
        """Fill ``found`` field by field, so that what was read before a problem is kept."""
        if not line:
            raise ProblemError("empty_line", "no characters")
        row = split(self._text(line))
        found["time_us"] = self._time(self._value(row, "time"))
        for key, field in _AS_IS.items():
            if key in self.mapping.columns or key in self.mapping.fallback:
                found[field] = self._value(row, key)
        if self.mapping.surfaces:
            found["surface"] = self.mapping.surfaces.get(str(found.get("surface")))
        found["type"] = self._event_type(self._value(row, "event"))
        for key in _WHOLE:
            found[key] = _whole(key, self._value(row, key))
        found["price_cents"] = self._cents(self._value(row, "price"))
        found["propensity"] = self._fraction(self._value(row, "propensity"))

    def _text(self, line: bytes) -> str:
        try:
            return line.decode(self.mapping.encoding)
        except UnicodeDecodeError as error:
            raise ProblemError("not_utf8", f"not {self.mapping.encoding}: {error}") from error

    def _value(self, row: Dict[str, Any], key: str) -> str | None:
        """The log's value of one of ``mapping.COLUMNS``; None where it is absent or empty."""
        for columns in (self.mapping.columns, self.mapping.fallback):
            column = columns.get(key)
            value = None if column is None else at(row, column)
            if value is not None and value != "":
                return _word(key, value)
        return None

    def _event_type(self, word: str | None) -> str:
        if word is None:
            raise ProblemError("missing_event", "no event type")
        event_type = self.mapping.events.get(word)
        if event_type is None:
            known = ", ".join(self.mapping.events)
            raise ProblemError("unknown_event", f"{word!r}; the mapping lists {known}")
        return event_type

    def _time(self, word: str | None) -> int:
        if word is None:
            raise ProblemError("missing_time", "no event time")
        try:
            if self.mapping.time_unit in _SCALE:
                return _integer(Decimal(word) * _SCALE[self.mapping.time_unit])
            return self._parsed_time(word)
        except (ValueError, ArithmeticError) as error:
            said = f"{word!r} is not {self.mapping.time_unit}"
            raise ProblemError("bad_time", said) from error

    def _parsed_time(self, word: str) -> int:
        if self.mapping.time_unit == "iso":
            read = datetime.fromisoformat(word)
        else:
            read = datetime.strptime(word, self.mapping.time_unit)
        if read.tzinfo is None:
            read = read.replace(tzinfo=ZoneInfo(self.mapping.timezone))
        since = read - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def _cents(self, word: str | None) -> int | None:
        if word is None:
            return None
        scale = 100 if self.mapping.price_unit == "units" else 1
        try:
            return _integer((self._decimal(word) * scale).to_integral_value())
        except (ValueError, ArithmeticError) as error:
            raise ProblemError("bad_value", f"price {word!r}") from error

    def _fraction(self, word: str | None) -> float | None:
        if word is None:
            return None
        try:
            value = float(self._decimal(word))
        except (ValueError, ArithmeticError) as error:
            raise ProblemError("bad_value", f"propensity {word!r}") from error
        # JSON has no word for it: the envelope would say nothing at all.
        if not math.isfinite(value):
            raise ProblemError("bad_value", f"propensity {word!r}")
        return value

    def _decimal(self, word: str) -> Decimal:
        if self.mapping.decimal == ".":
            return Decimal(word)
        if not _WITH_COMMA.fullmatch(word):
            raise ValueError(word)
        return Decimal(word.replace(".", "").replace(",", "."))


def _word(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ProblemError("wrong_type", f"{key} is {str(value)[:100]}")
    return str(value)


def _integer(value: Decimal) -> int:
    """Cut the fraction off. 1e999999999 is a number too, and would fill the memory."""
    if not value.is_finite() or value.adjusted() > _MAX_EXPONENT:
        raise ValueError(f"{value} does not fit into 64 bits")
    return int(value)


def _whole(key: str, word: str | None) -> int | None:
    if word is None:
        return None
    try:
        value = Decimal(word)
        whole = _integer(value)
    except (ValueError, ArithmeticError) as error:
        raise ProblemError("bad_value", f"{key} {word!r}") from error
    if whole != value or abs(whole) >= 2**63:
        raise ProblemError("bad_value", f"{key} {word!r} is not a whole number")
    return whole
