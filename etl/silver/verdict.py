"""What becomes of lines: each gives one event, or one reason why not. Any bytes do.

Here stands what holds whoever wrote the line; how lines of the app's log and envelopes of foreign
logs are read stands in ``app_line`` and ``envelope_line``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

MAX_AGE_DAYS: Final = 30
"""An event is at most so many days old when it arrives."""
WITHOUT_ITEM: Final = frozenset({"search", "follow", "personalisation_off", "personalisation_on"})
"""Events that may name no item."""
WITHOUT_USER: Final = frozenset({"item"})
"""Events that name no user."""
INT32: Final = 2**31
INT64: Final = 2**63
_MAX_SAID: Final = 200
_CUT_OFF: Final = "Input data was truncated"
_LATEST_US: Final = 86_400_000_000
_EARLIEST_US: Final = MAX_AGE_DAYS * _LATEST_US

Problem = tuple[str, str]
"""One of ``REJECT_REASONS`` and what was found."""


class Rejected(NamedTuple):
    """Why a line gave no event."""

    reason: str
    """One of ``REJECT_REASONS``."""
    detail: str
    sample: str


Columns = Mapping[str, Sequence | pa.Array]
"""Columns of ``tables.SILVER_EVENTS``, null where one is not there; event_us, microseconds of the
epoch, stands for event_at and event_date."""


class Events(NamedTuple):
    """What some lines say."""

    place: np.ndarray
    """int64: the lines' places."""
    columns: Columns


class Judged(NamedTuple):
    """What became of some lines: each is in one of the two."""

    events: Sequence[Events]
    rejected: Mapping[int, Rejected]
    """By the lines' places."""


def rejected(line: bytes, problem: Problem) -> Rejected:
    """Say why a line gives no event."""
    reason, detail = problem
    sample = line[: 4 * _MAX_SAID].decode(errors="replace")[:_MAX_SAID]
    return Rejected(reason, detail[:_MAX_SAID], sample)


def unreadable(line: bytes) -> Problem | None:
    """Say why a line is not one JSON object in UTF-8; None where it is."""
    if not line.strip():
        return "empty_line", "no characters"
    try:
        whole = msgspec.json.decode(line)
        line.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return broken(line, str(error))
    is_object = isinstance(whole, dict)
    return None if is_object else ("not_json", f"a JSON {type(whole).__name__}, not an object")


def broken(line: bytes, said: str) -> Problem:
    """Part lines that were cut off from those in another encoding and those that are no JSON.

    Args:
        line: Its bytes.
        said: What msgspec or the UTF-8 decoder said of it.
    """
    # A number that is cut off is malformed at the place behind it.
    ends_early = said == _CUT_OFF or said.endswith(f"invalid number (byte {len(line)})")
    is_cut_off = ends_early and line.lstrip().startswith(b"{")
    try:
        line.decode()
    except UnicodeDecodeError as found:
        if not (is_cut_off and found.reason == "unexpected end of data"):
            return "not_utf8", str(found)
    return ("truncated" if is_cut_off else "not_json"), said


def misdated(event_us: int, arrival_us: int) -> Problem | None:
    """Say what is wrong with an event's time, both in microseconds of the epoch."""
    if arrival_us - _EARLIEST_US <= event_us <= arrival_us + _LATEST_US:
        return None
    if not -INT64 <= event_us < INT64:
        return "bad_time", "it does not fit into 64 bits"
    days = (event_us - arrival_us) / _LATEST_US
    word = "before" if days < 0 else "after"
    return "absurd_time", f"{abs(days):,.1f} days {word} it arrived"


def id_of(source: str, text: bytes) -> str:
    """Name an event that nobody named: two equal lines of one log are one event."""
    digest = hashlib.blake2b(source.encode(), digest_size=16)
    digest.update(b"\0" + text)
    return digest.hexdigest()
