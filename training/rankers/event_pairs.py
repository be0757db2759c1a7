"""Pairs of a candidate and a newest event: a weight for each two values, at the hash of both.

What follows what (a case after a phone, a topic after another) is a table of two codes, which an
attention over vectors learns late or, of few examples, never (docs/experiments.md). Here each pair
has a weight of its own from the first reading on, as in the cartesian products that Bian et al.,
CAN, WSDM 2022, approximate. How new an event is decides which table is read.

Shapes: N rows, G fields that events and candidates share, E events, C pairs of a row.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from training.rankers.hashed_crosses import scattered

_BANDS: Final = np.array([0, 1, 1, 2, 2, 2, 2, 2], np.int64)
"""For the newest event, the two before it and the five before those which table is read."""
_NOTHING: Final = 0
"""The weight of who has no such event: of all of them the same."""


@dataclass(frozen=True, slots=True)
class EventPairs:
    """How many newest events are paired, and how many weights pairs share."""

    num_newest: int
    """Newest events, 1 … 8."""
    hash_bits: int
    """Pairs share 2^bits weights."""

    @property
    def size(self) -> int:
        """Weights there are."""
        return 1 << self.hash_bits

    def places(
        self, code_NG: np.ndarray, code_EG: np.ndarray, first_N: np.ndarray, length_N: np.ndarray
    ) -> np.ndarray:
        """Where the weights of rows lie: int32, N × C; what is unknown has no weight of its own.

        Args:
            code_NG: Codes of candidates, 0 where they are unknown.
            code_EG: Codes of events in the same fields, newest first.
            first_N: int64: where the events of a row's user begin.
            length_N: int64: how many there are.
        """
        num_fields = code_NG.shape[1]
        found = np.full((len(code_NG), self.num_newest * num_fields), _NOTHING, np.int32)
        if num_fields and len(code_EG):
            of_rows = (code_NG, code_EG, first_N, length_N)
            _places(of_rows, _BANDS[: self.num_newest], self.size - 1, found)
        return found


@njit(cache=True)
def _places(
    of_rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    band_P: np.ndarray,
    mask: int,
    found: np.ndarray,
) -> None:
    code_NG, code_EG, first_N, length_N = of_rows
    num_fields = code_NG.shape[1]
    for row in range(len(code_NG)):
        for back in range(min(len(band_P), length_N[row])):
            for g in range(num_fields):
                own, event = code_NG[row, g], code_EG[first_N[row] + back, g]
                if own and event:
                    hashed = scattered(own, event, band_P[back] * num_fields + g + 1)
                    found[row, back * num_fields + g] = 1 + np.int64(hashed % np.uint64(mask))
