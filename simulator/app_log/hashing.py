"""Chance and names from numbers: the same for one seed, whatever was drawn before.

A number is hashed by the finaliser of splitmix64 (Steele, Lea and Flood, Fast splittable
pseudorandom number generators, 2014), a bijection of 64 bits: distinct numbers give distinct ids.
"""

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa

from simulator.app_log.pieces import BINARY

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FACTORS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_NUM_DIGITS: Final = 16
_PLACE_BITS: Final = 32
_COIN_BITS: Final = 10


def key_of(*parts: object) -> int:
    """Hash a seed, a purpose, a day into 64 bits."""
    said = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest())


def hashed(key: int, numbers: np.ndarray) -> np.ndarray:
    """Hash numbers under a key: uint64, one to one."""
    mixed = numbers.astype(np.uint64) * _GOLDEN + np.uint64(key)
    for factor, shift in zip(_FACTORS, _SHIFTS, strict=False):
        mixed = (mixed ^ (mixed >> shift)) * factor
    return mixed ^ (mixed >> _SHIFTS[-1])


def uniform(key: int, numbers: np.ndarray) -> np.ndarray:
    """Draw from [0, 1) for each number: float64."""
    return (hashed(key, numbers) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def coins(luck_E: np.ndarray, place: int, share: float) -> np.ndarray:
    """Read one coin of several from each hash, heads with ``share`` (to 1 / 1,024): bool.

    Args:
        luck_E: uint64 hashes.
        place: Which coin, 0 … 5; distinct places are independent.
        share: Probability of heads.
    """
    bits = (luck_E >> np.uint64(place * _COIN_BITS)) & np.uint64((1 << _COIN_BITS) - 1)
    return bits < np.uint64(round(share * (1 << _COIN_BITS)))


def numbered(day_number: int | np.ndarray, places: np.ndarray) -> np.ndarray:
    """Give each place of a day a number of its own among all days: uint64."""
    day = np.asarray(day_number).astype(np.uint64)
    return (day << np.uint64(_PLACE_BITS)) | places.astype(np.uint64)


def hex_ids(hashes: np.ndarray) -> pa.LargeBinaryArray:
    """Write 64-bit hashes as 16 hex digits."""
    digits = _DIGITS[hashes.astype(">u8").view(np.uint8)]
    offsets = np.arange(len(hashes) + 1, dtype=np.int64) * _NUM_DIGITS
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
    return pa.Array.from_buffers(BINARY, len(hashes), buffers)


_DIGITS: Final = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2")
