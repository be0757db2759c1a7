"""Crosses of fields: a weight for each two values, at the hash of both.

Those fields are crossed that tell most about clicks, each with each. Weights of the fields' values
come first, those that crosses share by hash behind them.

Shapes: N rows, F fields, C crosses, V values.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numba import njit

from training.fields import Fields
from training.rankers.ranker import Batch

_LEAST: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Crosses:
    """Which fields are crossed, and where the crosses' weights lie."""

    pair_C2: np.ndarray
    """int64: the fields of each cross."""
    num_values: int
    """V."""
    hash_bits: int
    """Crosses share 2^bits weights."""

    @property
    def size(self) -> int:
        """Weights there are."""
        return self.num_values + (1 << self.hash_bits)

    def places(self, value_NF: np.ndarray) -> np.ndarray:
        """Where the weights of rows lie, of their values and of their crosses: int32, N × F + C."""
        num_fields = value_NF.shape[1]
        found = np.empty((len(value_NF), num_fields + len(self.pair_C2)), np.int32)
        found[:, :num_fields] = value_NF
        _places(value_NF, self.pair_C2, self.num_values, self.hash_bits, found[:, num_fields:])
        return found


def of_telling(known: Fields, batch: Batch, num: int, *, hash_bits: int) -> Crosses:
    """Cross those fields, ``num`` at most, whose values tell most about a day's clicks.

    Args:
        known: The fields.
        batch: The day.
        num: Fields that are crossed with one another.
        hash_bits: Crosses share 2^bits weights.
    """
    pairs = list(combinations(_telling(known, batch, num), 2))
    return Crosses(np.array(pairs, np.int64).reshape(-1, 2), known.num_values, hash_bits)


def _telling(known: Fields, batch: Batch, num: int) -> list[int]:
    """Fields by how much a day's clicks depend on their value (mutual information), most first."""
    value_NF, click_N = known.values(batch.given), batch.label["click"].astype(np.float64)
    first_F = np.cumsum(known.size_F) - known.size_F
    told = [
        _mutual(value_NF[:, f] - first, click_N, batch.weight_N, size)
        for f, (first, size) in enumerate(zip(first_F, known.size_F, strict=True))
    ]
    order = sorted(range(len(told)), key=lambda f: (-told[f], f))
    return sorted(f for f in order[:num] if told[f] > 0)


def _mutual(value_N: np.ndarray, click_N: np.ndarray, weight_N: np.ndarray, size: int) -> float:
    """Nats that a value tells about a click, less what as many values would tell by chance."""
    total_V = np.bincount(value_N, weight_N, minlength=size)
    click_V = np.bincount(value_N, weight_N * click_N, minlength=size)
    total, clicks = total_V.sum(), click_V.sum()
    if not 0 < clicks < total:
        return 0.0
    told = (
        _entropy(np.array(clicks / total))
        - total_V
        @ _entropy(np.divide(click_V, total_V, out=np.zeros(size), where=total_V > 0))
        / total
    )
    # A table of independent counts tells (values − 1) / 2N nats.
    return float(told - (np.count_nonzero(total_V) - 1) / (2 * len(value_N)))


def _entropy(p: np.ndarray) -> np.ndarray:
    inner = np.clip(p, _LEAST, 1 - _LEAST)
    return -(inner * np.log(inner) + (1 - inner) * np.log1p(-inner))


@njit(cache=True)
def scattered(one: int, other: int, table: int) -> np.uint64:
    """A multiply-xorshift hash of two values, another one for each table of them."""
    mixed = np.uint64(one) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(other) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(table) * np.uint64(0x165667B19E3779F9)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.uint64(mixed ^ (mixed >> np.uint64(32)))


@njit(cache=True)
def place(value_F: np.ndarray, pair_2: np.ndarray, num_values: int, mask: int) -> int:
    """Where the weight of a row's cross lies."""
    hashed = scattered(value_F[pair_2[0]], value_F[pair_2[1]], 0)
    return int(num_values + np.int64(hashed & np.uint64(mask)))


@njit(cache=True)
def _places(
    value_NF: np.ndarray, pair_C2: np.ndarray, num_values: int, hash_bits: int, found: np.ndarray
) -> None:
    mask = (1 << hash_bits) - 1
    for row in range(value_NF.shape[0]):
        for c in range(pair_C2.shape[0]):
            found[row, c] = place(value_NF[row], pair_C2[c], num_values, mask)
