"""What every ranker promises, and what it is fitted on.

A ranker's module has ``fit(days, split, config, seed)`` and ``load(files)``; both give a value that
keeps this Protocol. All rankers are run through one conformance test.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Protocol, runtime_checkable
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import run_starts
from training import inputs
from training.histories import ReadHistories
from training.inputs import Inputs, Layout
from training.tasks import Task

_FEATURES: Final = frozenset((*inputs.OURS.numeric, *inputs.OURS.words))
NONE: Final = "none"
"""The name under which the fused candidate order serves where no ranker does."""


class Ranker(Protocol):
    """A fitted model of what one surface's items bring: p(click), p(order), … (``tasks``)."""

    @property
    def name(self) -> str:
        """As in rankers/champions."""
        ...

    @property
    def layout(self) -> Layout:
        """The columns that it reads."""
        ...

    @property
    def reads_histories(self) -> bool:
        """Whether rows must come with ``Inputs.histories``."""
        ...

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict for each row and each task of its surface: float32, N, in [0, 1].

        Raises:
            MissingColumnError: If the rows lack a column of ``layout``.
            MissingHistoriesError: If it reads histories and the rows have none.
        """
        ...

    def save(self) -> dict[str, bytes]:
        """Write the model as files by name, from which its module's ``load`` makes it again."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A ranker that has more to tell of itself than every ranker does."""

    def facts(self) -> dict[str, Any]:
        """Say what people should know of it, as its manifest holds it: plain values."""
        ...


class UnknownModelError(ValueError):
    """Files do not hold the model that they should."""


class MissingHistoriesError(ValueError):
    """A model that was fitted with histories is given rows without."""


_NOT_WHOLE: Final = (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile)
"""What readers of JSON, arrays, Arrow and trees raise of files that are cut off."""


@contextmanager
def refused_unless_whole(name: str) -> Iterator[None]:
    """Say of files that cannot be read whose they should be."""
    try:
        yield
    except UnknownModelError:
        raise
    except _NOT_WHOLE as error:
        raise UnknownModelError(
            f"the files hold no {name}, or not the whole of one: {error}; fit it again"
        ) from error


@dataclass(frozen=True, slots=True)
class Batch:
    """N examples of one day, sorted by their key."""

    given: Inputs
    label: Mapping[str, np.ndarray]
    """For each task of the surface N: bool, or for a share float32, NaN where it is not known."""
    weight_N: np.ndarray
    """float64: how many such rows one stands for."""
    user_N: np.ndarray
    """int64, ascending from 0: the example's user."""
    evening_N: np.ndarray
    """int64, the evening its features are of: days of the epoch."""
    is_own_N: np.ndarray
    """bool: our own publication put it there, or it is a candidate of ours."""
    propensity_N: np.ndarray
    """float64: with which it was shown there; NaN where that is not logged."""

    def __len__(self) -> int:
        return len(self.weight_N)

    @classmethod
    def of(
        cls, rows: pa.Table, tasks: Sequence[Task], parts: list[np.ndarray] | None = None
    ) -> "Batch":
        """Take labelled rows of ``tables.EXAMPLES`` apart.

        They come in an order of their own in which nothing tells where an item was shown: rankings
        that leave ties in the order given must not be paid for the policy of the time.

        Args:
            rows: The rows, with a column for each task.
            tasks: What is predicted of them.
            parts: Their numeric features, if they have them no more (``inputs.from_table``).
        """
        key = ("user_id", "shown_date", "item_no", "example_id")
        place = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in key])
        own = [name for name in rows.column_names if name not in _FEATURES]
        ordered = rows.select(own).take(place)
        label = {task.name: _label(ordered, task) for task in tasks}
        weight = ordered.column("sampling_weight").to_numpy().astype(np.float64)
        users = ordered.column("user_id").combine_chunks().dictionary_encode().indices
        user_N = np.cumsum(run_starts(users.to_numpy())) - 1 if len(users) else np.empty(0, int)
        evening = ordered.column("feature_date").cast(pa.int32())
        return cls(
            inputs.from_table(rows, place.to_numpy(), parts),
            label,
            weight,
            user_N.astype(np.int64),
            evening.to_numpy().astype(np.int64),
            _flags(ordered, "is_own"),
            ordered.column("propensity").to_numpy(zero_copy_only=False).astype(np.float64),
        )

    def remembering(self, users: pa.ChunkedArray, read: ReadHistories) -> "Batch":
        """Add what the examples' users had done by the examples' evenings.

        Args:
            users: The user_ids of the rows that the batch was made of, in any order.
            read: Reads the histories.
        """
        # A batch numbers its users in the order of their names.
        user_N = users.unique().sort().take(pa.array(self.user_N))
        found = read(user_N, self.evening_N)
        return replace(self, given=replace(self.given, histories=found))


Days = Callable[[date], Batch]
"""Reads one day's examples; a fit asks for each day as often as it needs it."""


def _label(rows: pa.Table, task: Task) -> np.ndarray:
    if not task.is_share:
        return _flags(rows, task.column)
    return rows.column(task.column).to_numpy(zero_copy_only=False).astype(np.float32)


def _flags(rows: pa.Table, name: str) -> np.ndarray:
    return rows.column(name).to_numpy(zero_copy_only=False).astype(bool)
