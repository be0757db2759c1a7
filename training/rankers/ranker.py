"""What every ranker promises, and what it is fitted on.

A ranker's module has ``fit(days, split, config, seed)`` and ``load(files)``; both give a value that
keeps this Protocol. All rankers are run through one conformance test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from etl.arrow import run_starts
from training import inputs
from training.inputs import Inputs

TASKS: Final = ("click", "order")
"""What is predicted of an example: columns ``is_<task>`` of examples/<surface>."""
NONE: Final = "none"
"""The name under which the fused candidate order serves where no ranker does."""


class Ranker(Protocol):
    """A fitted model of p(click) and p(order)."""

    @property
    def name(self) -> str:
        """As in rankers/champions."""
        ...

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict for each row and each of ``TASKS``: float32, N, in [0, 1]."""
        ...

    def save(self) -> dict[str, bytes]:
        """Write the model as files by name, from which its module's ``load`` makes it again."""
        ...


class UnknownModelError(ValueError):
    """Files do not hold the model that they should."""


@dataclass(frozen=True, slots=True)
class Batch:
    """N examples of one day, sorted by their key."""

    given: Inputs
    label: Mapping[str, np.ndarray]
    """For each of ``TASKS``: bool, N."""
    weight_N: np.ndarray
    """float64: how many such rows one stands for."""
    user_N: np.ndarray
    """int64, ascending from 0: the example's user."""

    def __len__(self) -> int:
        return len(self.weight_N)

    @classmethod
    def of(cls, rows: pa.Table) -> "Batch":
        """Take rows of ``tables.EXAMPLES`` apart, in the order of their key."""
        key = ("user_id", "shown_date", "example_id", "item_no")
        ordered = rows.sort_by([(name, "ascending") for name in key])
        label = {task: _flags(ordered, f"is_{task}") for task in TASKS}
        weight = ordered.column("sampling_weight").to_numpy().astype(np.float64)
        users = ordered.column("user_id").combine_chunks().dictionary_encode().indices
        user_N = np.cumsum(run_starts(users.to_numpy())) - 1 if len(users) else np.empty(0, int)
        return cls(inputs.from_table(ordered), label, weight, user_N.astype(np.int64))


Days = Callable[[date], Batch]
"""Reads one day's examples; a fit asks for each day as often as it needs it."""


def _flags(rows: pa.Table, name: str) -> np.ndarray:
    return rows.column(name).to_numpy(zero_copy_only=False).astype(bool)
