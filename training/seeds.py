"""Randomness that depends on nothing but names: a day, a user, a surface, a purpose.

The order of rows, partitions and retries do not matter: each user's stream starts from a hash of
the names, and the numbers in it are counted, not drawn one after another (splitmix64; Steele, Lea,
Flood, OOPSLA 2014).
"""

from datetime import date
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)


def streams(
    users: pa.ChunkedArray | pa.Array, *, day: date, surface: str, purpose: str
) -> np.ndarray:
    """Start one stream of random numbers for each user.

    Args:
        users: U user ids.
        day: The day the numbers are for.
        surface: The surface they are for.
        purpose: What they are for, with the configured salt.

    Returns:
        uint64, U: to be given to ``uniforms``.
    """
    prefix = blake2b(f"{purpose}\0{surface}\0{day}\0".encode(), digest_size=8)

    def start(user: str) -> int:
        one = prefix.copy()
        one.update(user.encode())
        return int.from_bytes(one.digest(), "little")

    return np.array([start(user) for user in users.to_pylist()], np.uint64)


def uniforms(stream: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Give number ``counter`` of each stream: float64 in [0, 1), shapes broadcast."""
    with np.errstate(over="ignore"):
        mixed = stream + (counter.astype(np.uint64) + np.uint64(1)) * _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)) * 2.0**-53
