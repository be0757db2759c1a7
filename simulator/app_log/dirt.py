"""The dirt of the log: which lines are damaged, and how.

Each kind is one way in which a line suffers, and silver has one answer to it. A line has one kind
at most, so that every count is exact.

Shapes: E events of a day.
"""

from typing import Final

import numpy as np
import pyarrow as pa

from simulator.app_log.hashing import uniform
from simulator.app_log.log_config import DirtConfig
from simulator.app_log.pieces import BINARY
from simulator.day import NONE

KINDS: Final = (
    "duplicate",
    "late",
    "out_of_order",
    "truncated",
    "not_json",
    "wrong_type",
    "absurd_time",
    "renamed_field",
    "not_utf8",
)
"""Codes of kinds are places here."""
DUPLICATE, LATE, OUT_OF_ORDER, TRUNCATED, NOT_JSON, WRONG_TYPE, ABSURD, RENAMED, NOT_UTF8 = range(
    len(KINDS)
)
LOSING: Final = (TRUNCATED, NOT_JSON, WRONG_TYPE, ABSURD, RENAMED, NOT_UTF8)
"""Kinds of lines that give no event."""
_ABSURD_DAYS: Final = np.array([-7_300, -3_650, -1_461, -400, 400, 3_650])
_DAY_US: Final = 86_400_000_000
_LOG_TEXTS: Final = (
    "java.lang.NullPointerException: Attempt to read from field 'slate' on a null object",
    "\tat app.shop.feed.FeedFragment.onBind(FeedFragment.kt:214)",
    "Traceback (most recent call last):",
    '  File "/srv/collector/app.py", line 88, in receive',
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "[WARN ] collector-3 queue is 91 % full – dropping to disk",
    "<html><head><title>502 Bad Gateway</title></head></html>",
    "2026-01-01T00:00:00Z INFO  rotated, 0 bytes left",
)


def drawn(uniform_E: np.ndarray, can: dict[int, np.ndarray], config: DirtConfig) -> np.ndarray:
    """Give each event a kind of dirt, or none.

    Args:
        uniform_E: One draw of [0, 1) an event.
        can: For kinds that not every event can have, bool of E.
        config: The rates.

    Returns:
        int8 of E: the kind, ``NONE`` for clean lines. Of a ``duplicate`` the event itself is
        clean: it is sent once more.
    """
    kind_E = np.full(len(uniform_E), NONE, np.int8)
    low = 0.0
    for kind, name in enumerate(KINDS):
        if kind == NOT_JSON:
            continue
        high = low + getattr(config, name)
        is_drawn = (uniform_E >= low) & (uniform_E < high)
        kind_E[is_drawn & can[kind] if kind in can else is_drawn] = kind
        low = high
    return kind_E


def absurd(at_us: np.ndarray, key: int, places: np.ndarray) -> np.ndarray:
    """Set clocks years off: int64, microseconds of the epoch."""
    choice = (uniform(key, places) * len(_ABSURD_DAYS)).astype(int)
    return at_us + _ABSURD_DAYS[choice] * _DAY_US


def cut(lines: pa.LargeBinaryArray, key: int, places: np.ndarray) -> pa.LargeBinaryArray:
    """Cut lines after a byte from the first to the last but one; the newline stays."""
    shares = uniform(key, places).tolist()
    whole = (line.removesuffix(b"\n") for line in lines.to_pylist())
    found = [
        line[: 1 + int(share * (len(line) - 1))] + b"\n"
        for line, share in zip(whole, shares, strict=True)
    ]
    return pa.array(found, BINARY)


def in_latin_1(texts: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Write JSON strings in Latin-1 between guillemets, whose bytes begin nothing in UTF-8."""
    found = [
        b'"\xab' + text[1:-1].decode().encode("latin-1", "replace") + b'\xbb"'
        for text in texts.to_pylist()
    ]
    return pa.array(found, BINARY)


def log_texts(key: int, num_lines: int) -> pa.LargeBinaryArray:
    """Draw lines that are no JSON."""
    words = pa.array([f"{text}\n".encode() for text in _LOG_TEXTS], BINARY)
    choice = (uniform(key, np.arange(num_lines)) * len(words)).astype(int)
    return words.take(pa.array(choice))
