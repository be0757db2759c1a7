"""What ``inspect`` finds out about a log, as plain values: nothing here reads or prints."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Example:
    """One rejected line."""

    line_number: int
    detail: str
    """What was found."""
    sample: str
    """The line's start, at most 200 characters."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """The lines that are rejected for one reason."""

    reason: str
    """One of ``REJECT_REASONS``."""
    num_lines: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one surface can expect of the log."""

    surface: str
    num_items: int
    """Distinct items that it could recommend."""
    num_impressions: int
    """Impressions that were logged there."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something the log does not say, and the features that stay null or 0 for want of it."""

    what: str
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """A rough estimate of what the whole file costs on two cores, embedded."""

    load_seconds: float
    backfill_seconds: float
    """One backfill over all its days, up to features."""
    disk_bytes: int
    """Landing and tables, all days together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What the lines that were read give."""

    num_events: int
    num_repeated: int
    """Events that repeat one of at most 7 arrival days earlier: silver/duplicate_lines."""
    rejections: tuple[Rejection, ...]
    """The most frequent first."""
    filled: tuple[tuple[str, float], ...]
    """Share of the events that fill each column of silver/events, 0 left out."""
    first_day: date | None
    last_day: date | None
    num_days: int
    """Arrival days with lines."""
    num_users: int
    num_items: int
    event_types: tuple[tuple[str, int], ...]
    """Events of each type, the most frequent first."""
    surfaces: tuple[Outlook, ...]
    lacks: tuple[Lack, ...]
    refusal: str | None
    """Why ``load`` would refuse the file; None where it would not."""

    @property
    def num_rejected(self) -> int:
        """Lines that give no event."""
        return sum(rejection.num_lines for rejection in self.rejections)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a file is, what its mapping could be, and what it would give."""

    file_name: str
    path: str
    """As it was given."""
    num_bytes: int
    is_gzip: bool
    source: str
    """retailrocket, rees46, taobao; csv or jsonl for any other log."""
    format: str
    """csv or jsonl"""
    encoding: str
    delimiter: str | None
    """None for jsonl."""
    has_header: bool
    columns: tuple[str, ...]
    """Of a CSV, as its header or mapping names them; of jsonl, the paths seen."""
    mapping_toml: str
    """The mapping that was given, that of a known log, or a draft."""
    is_draft: bool
    doubts: tuple[str, ...]
    """What of a draft to check."""
    missing: tuple[str, ...]
    """Keys that the draft lacks: nothing could be read by it."""
    num_lines: int
    """Of the whole file, without its header."""
    num_read: int
    """Lines looked at: all, or an evenly spaced sample of a larger file."""
    contents: Contents | None
    """None where the draft lacks keys."""
    cost: Cost
    """Of the whole file."""

    @property
    def is_sample(self) -> bool:
        """Whether counts below are of a sample and not of the whole file."""
        return self.num_read < self.num_lines
