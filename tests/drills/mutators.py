"""Spoils lines of logs as disks, networks, shells and other people's programs do; seeded.

A mutator takes a generator, a line and another line of the same log, and gives bytes that may hold
newlines: then it has made several lines of one. None of them knows how a line is read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

Mutator = Callable[[Random, bytes, bytes], bytes]

PIECES: Final = (
    b"\x00",
    b"\r",
    b"\n",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # half a surrogate pair, which UTF-8 forbids
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x92\xa9",
    b"\\u0000",
    b"\\ud800",
    b'"',
    b"\\",
    b"'",
    b",",
    b"{",
    b"]",
    b"../",
    b"%00",
    b"e\xcc\x81",
    b"\t",
)
"""What breaks readers when it stands where nobody expects it."""
VALUES: Final = (
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-0.0",
    b"0.1",
    b"-1",
    b"2147483648",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"1" * 400,
    b"[]",
    b"{}",
    b'""',
    b'"\\ud83d\\ude00"',
    b'"1"',
    b"[[[[1]]]]",
    b'{"id": {"id": 1}}',
    b'"' + b"x" * 5_000 + b'"',
    b'"0001-01-01T00:00:00Z"',
    b'"9999-12-31T23:59:60Z"',
    b'"2026-01-01T00:00:00"',
    b'"2026-01-01T00:00:00.123456789+23:59"',
)
"""What stands in a value's place."""
NUMBERS: Final = (b"0", b"-1", b"00", b"1e5", b"0x10", b"99999999999999999999", b"1.5", b"", b"NaN")
_VALUE: Final = re.compile(rb'"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9.eE+]+|true|false|null)')
_KEY: Final = re.compile(rb'"([a-z_]+)"\s*:')
_NUMBER: Final = re.compile(rb"[0-9]+(?:\.[0-9]+)?")
_ID: Final = re.compile(rb'(?<=[",])[0-9a-f]{16}(?=")')
_DEPTH: Final = 20_000


def _place(rng: Random, line: bytes) -> int:
    return rng.randint(0, len(line))


def flip_a_bit(rng: Random, line: bytes, _: bytes) -> bytes:
    if not line:
        return line
    at = rng.randrange(len(line))
    return line[:at] + bytes([line[at] ^ 1 << rng.randrange(8)]) + line[at + 1 :]


def cut_off(rng: Random, line: bytes, _: bytes) -> bytes:
    return line[: _place(rng, line)]


def lose_the_start(rng: Random, line: bytes, _: bytes) -> bytes:
    return line[_place(rng, line) :]


def lose_a_part(rng: Random, line: bytes, _: bytes) -> bytes:
    at = _place(rng, line)
    return line[:at] + line[at + rng.randint(1, 30) :]


def say_a_part_twice(rng: Random, line: bytes, _: bytes) -> bytes:
    at = _place(rng, line)
    end = at + rng.randint(1, 40)
    return line[:end] + line[at:]


def put_a_piece_in(rng: Random, line: bytes, _: bytes) -> bytes:
    at = _place(rng, line)
    return line[:at] + rng.choice(PIECES) * rng.choice((1, 1, 1, 3)) + line[at:]


def put_noise_in(rng: Random, line: bytes, _: bytes) -> bytes:
    at = _place(rng, line)
    return line[:at] + rng.randbytes(rng.randint(1, 12)) + line[at:]


def run_into_another(rng: Random, line: bytes, other: bytes) -> bytes:
    return line[: _place(rng, line)] + other[_place(rng, other) :]


def stand_behind_another(_: Random, line: bytes, other: bytes) -> bytes:
    return other + line


def change_a_value(rng: Random, line: bytes, _: bytes) -> bytes:
    return _replaced(rng, _VALUE, line, rng.choice(VALUES))


def swap_a_value(rng: Random, line: bytes, other: bytes) -> bytes:
    found = [match[1] for match in _VALUE.finditer(other)]
    return _replaced(rng, _VALUE, line, rng.choice(found)) if found else line


def rename_a_key(rng: Random, line: bytes, _: bytes) -> bytes:
    return _replaced(rng, _KEY, line, rng.choice((b"id", b"at", b"items", b"", b"V", b"x" * 300)))


def change_a_number(rng: Random, line: bytes, _: bytes) -> bytes:
    return _replaced(rng, _NUMBER, line, rng.choice(NUMBERS), group=0)


def nudge_a_number(rng: Random, line: bytes, _: bytes) -> bytes:
    digits = [m.start() for m in re.finditer(rb"[0-9]", line)]
    if not digits:
        return line
    at = rng.choice(digits)
    return line[:at] + b"%d" % rng.randrange(10) + line[at + 1 :]


def change_case(_: Random, line: bytes, __: bytes) -> bytes:
    return line.swapcase()


def another_encoding(_: Random, line: bytes, __: bytes) -> bytes:
    return line.decode(errors="replace").encode("utf-16-le", errors="replace")


def spread_out(_: Random, line: bytes, __: bytes) -> bytes:
    return b" " + line.replace(b",", b" ,\t") + b" \r"


def dig_deep(rng: Random, line: bytes, _: bytes) -> bytes:
    """Rarely as deep as a recursive reader fears: such a line is long."""
    depth = _DEPTH if rng.random() < 0.01 else 50
    return _replaced(rng, _VALUE, line, b"[" * depth + b"]" * depth)


def be_nothing(rng: Random, _: bytes, __: bytes) -> bytes:
    return rng.choice((b"", b" ", b"{}", b"[]", b"null", b"0", b'""', b"\xff", b"{" * 300))


MUTATORS: Final[tuple[Mutator, ...]] = (
    flip_a_bit,
    cut_off,
    lose_the_start,
    lose_a_part,
    say_a_part_twice,
    put_a_piece_in,
    put_noise_in,
    run_into_another,
    stand_behind_another,
    change_a_value,
    change_a_value,
    swap_a_value,
    swap_a_value,
    rename_a_key,
    change_a_number,
    nudge_a_number,
    change_case,
    another_encoding,
    spread_out,
    dig_deep,
    be_nothing,
)
UNTOUCHED: Final = 0.1
"""Of the lines: what is spoiled must not carry away what stands beside it."""
REPEATED: Final = 0.05
"""Of the lines: sent again as they are."""
RENAMED: Final = 0.8
"""Of the others: given an id of their own, so that they repeat no event."""


def _replaced(
    rng: Random, pattern: re.Pattern[bytes], line: bytes, value: bytes, *, group: int = 1
) -> bytes:
    found = list(pattern.finditer(line))
    if not found:
        return line
    start, end = rng.choice(found).span(group)
    return line[:start] + value + line[end:]


def mutated(seeds: Sequence[bytes], number: int, rng: Random) -> Iterator[bytes]:
    """Give ``number`` lines made of real ones; a few of them hold newlines.

    Most are spoiled once, some twice or three times.
    """
    last = seeds[0]
    for _ in range(number):
        drawn = rng.random()
        if drawn < REPEATED:
            yield last
            continue
        line = rng.choice(seeds)
        if rng.random() < RENAMED:
            line = _ID.sub(b"%016x" % rng.getrandbits(64), line)
        if drawn > REPEATED + UNTOUCHED:
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                line = rng.choice(MUTATORS)(rng, line, rng.choice(seeds))
        last = line
        yield line
