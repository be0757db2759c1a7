"""Names groups so that Spark deals them out evenly among its tasks.

Spark sends a row to the task that the hash of its key says. A few groups numbered 0, 1, 2, … fall
as chance has it: of four, three to one task of two. So groups get numbers that are dealt in turn.
"""

from collections.abc import Iterator
from itertools import count
from typing import Final

_SEED: Final = 42
"""Of Spark's hash partitioning."""
_32: Final = 0xFFFFFFFF


def keys(num_groups: int, num_tasks: int) -> list[int]:
    """Give each group a key: the first goes to task 0, the next to task 1, and so on in turn.

    Args:
        num_groups: How many keys, distinct longs >= 0.
        num_tasks: ``spark.sql.shuffle.partitions``.
    """
    by_task = [_keys_of(task, num_tasks) for task in range(min(num_tasks, num_groups))]
    return [next(by_task[group % num_tasks]) for group in range(num_groups)]


def task_of(key: int, num_tasks: int) -> int:
    """Say to which task Spark sends a long: Murmur3 (x86, 32 bits; Appleby) of its two halves."""
    mixed = _mixed(_mixed(_SEED, key & _32), key >> 32 & _32) ^ 8
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & _32
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & _32
    mixed ^= mixed >> 16
    return (mixed - (mixed >> 31 << 32)) % num_tasks


def _keys_of(task: int, num_tasks: int) -> Iterator[int]:
    return (key for key in count() if task_of(key, num_tasks) == task)


def _mixed(state: int, half: int) -> int:
    half = _rotated(half * 0xCC9E2D51 & _32, 15) * 0x1B873593 & _32
    return (_rotated(state ^ half, 13) * 5 + 0xE6546B64) & _32


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _32
