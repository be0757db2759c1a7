"""What users had done before an evening, as rankers that read sequences are given it.

Belongs here: the shape of histories. Where they come from stands with whoever reads them: examples
of the lake, a night's scoring, a table from elsewhere.

Shapes: N rows of inputs, H histories, E events of all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Histories:
    """H histories, each newest event first, and which row reads which.

    Rows of one user and one evening share a history: what is worked out of it is worked out once.
    """

    of_N: np.ndarray
    """int64, ascending: each row's history, 0 … H − 1. None may read one."""
    offset_H1: np.ndarray
    """int64, H + 1: the events of history h are those from ``offset_H1[h]`` to before the next."""
    item_E: np.ndarray
    """int64: item_no of what was acted on, as ``Inputs.item_N`` counts it; −1 where it is not known
    which."""
    words: Mapping[str, pa.DictionaryArray]
    """For some of ``Inputs.words`` the same thing of the event's item: E strings, null where it is
    not known."""
    kind_E: np.ndarray
    """int8: what was done (``etl.tables.user_states``'s event codes), 0 where that is not told."""
    age_days_E: np.ndarray
    """float32: days from the event to the evening's end, >= 0; NaN where it is not told."""

    @property
    def num_histories(self) -> int:
        """H."""
        return len(self.offset_H1) - 1

    @property
    def length_H(self) -> np.ndarray:
        """Events of each history: int64."""
        return np.diff(self.offset_H1)
