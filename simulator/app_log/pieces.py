"""JSON in columns: pieces of lines as Arrow arrays, joined without a step of Python a line.

A piece is null where a line does not have it. Texts are escaped here and nowhere else.
"""

import json
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BINARY: Final = pa.large_binary()
"""Lines are bytes: some are not UTF-8, and a day's may be more than 2 GiB."""
_NOTHING: Final = pa.scalar(b"", BINARY)
_CONTROL: Final = [chr(code) for code in range(32)]
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def joined(*pieces: pa.Array | bytes) -> pa.LargeBinaryArray:
    """Join pieces line by line; a null piece, or a constant, adds what it says: nothing, or that.

    At least one of them is an array.
    """
    # Arrow 26 leaves a line out if all its pieces are null: one never is.
    return pc.binary_join_element_wise(_NOTHING, *_values(pieces), _NOTHING, null_handling="skip")


def whole(*pieces: pa.Array | bytes) -> pa.LargeBinaryArray:
    """Join pieces line by line; null where any of them is."""
    return pc.binary_join_element_wise(*_values(pieces), _NOTHING)


def _values(pieces: tuple[pa.Array | bytes, ...]) -> list[pa.Array | pa.Scalar]:
    return [pa.scalar(one, BINARY) if isinstance(one, bytes) else one for one in pieces]


def field(name: str, values: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Put ``,"name":`` before JSON values; null where they are."""
    return whole(f',"{name}":'.encode(), values)


def table(*words: str | None) -> pa.LargeBinaryArray:
    """Pieces to be taken by number."""
    return pa.array([None if word is None else word.encode() for word in words], BINARY)


def taken(words: pa.LargeBinaryArray, place: np.ndarray) -> pa.LargeBinaryArray:
    """Take pieces by number; null where it is negative."""
    return words.take(pa.array(place, mask=place < 0))


def where(pieces: pa.LargeBinaryArray, is_kept: np.ndarray) -> pa.LargeBinaryArray:
    """Keep pieces where ``is_kept``, null elsewhere."""
    return pc.if_else(pa.array(is_kept), pieces, pa.scalar(None, BINARY))


def integers(values: np.ndarray) -> pa.LargeBinaryArray:
    """Write integers; null where negative."""
    return pa.array(values, mask=values < 0).cast(pa.large_string()).cast(BINARY)


def decimals(values: np.ndarray, start: bytes = b"", end: bytes = b"") -> pa.LargeBinaryArray:
    """Write finite floats with as many digits as give them back, between two constants.

    Each distinct one is written once.
    """
    numbers = pc.dictionary_encode(pa.array(values))
    digits = numbers.dictionary.cast(pa.large_string()).cast(BINARY)
    return whole(start, digits, end).take(numbers.indices)


def units(cents: np.ndarray) -> pa.LargeBinaryArray:
    """Write cents as text in units, ``"19.99"``; null where negative."""
    return whole(b'"', integers(np.where(cents < 0, cents, cents // 100)), _cents(cents), b'"')


def _cents(cents: np.ndarray) -> pa.LargeBinaryArray:
    return table(*(f".{cent:02}" for cent in range(100))).take(pa.array(cents % 100))


def quoted(texts: pa.StringArray) -> pa.LargeBinaryArray:
    """Write texts as JSON strings, characters beyond ASCII as they are; null stays null."""
    found = texts.cast(pa.large_string())
    for plain, escape in _ESCAPES.items():
        found = pc.replace_substring(found, plain, escape)
    if pc.any(pc.match_substring_regex(found, "[\\x00-\\x1f]")).as_py():
        for plain in _CONTROL:
            found = pc.replace_substring(found, plain, f"\\u{ord(plain):04x}")
    return whole(b'"', found.cast(BINARY), b'"')


def quoted_in_ascii(texts: pa.StringArray) -> pa.LargeBinaryArray:
    r"""Write texts as JSON strings of ASCII alone, as old apps do: ``\u00e9``; null stays null."""
    words = pc.dictionary_encode(texts)
    escaped = [json.dumps(word).encode() for word in words.dictionary.to_pylist()]
    return pa.array(escaped, BINARY).take(words.indices)


def lists(name: str, pieces: pa.LargeBinaryArray, start_R: np.ndarray) -> pa.LargeBinaryArray:
    """Write fields that are lists: list r of the pieces start_R[r] … start_R[r + 1]."""
    elements = pa.LargeListArray.from_arrays(pa.array(start_R, pa.int64()), pieces)
    joint = pc.binary_join(elements, pa.scalar(b",", BINARY))
    return whole(f',"{name}":['.encode(), joint, b"]")


def scattered(pieces: pa.LargeBinaryArray, rows: np.ndarray, num_rows: int) -> pa.Array:
    """Put pieces at their rows, null between them."""
    place = np.full(num_rows, -1)
    place[rows] = np.arange(len(rows))
    return taken(pieces, place)


def replaced(pieces: pa.LargeBinaryArray, is_other: np.ndarray, others: pa.Array) -> pa.Array:
    """Put other pieces, in order, where ``is_other``."""
    return pc.replace_with_mask(pieces, pa.array(is_other), others)
