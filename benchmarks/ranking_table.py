"""A table from elsewhere as examples: its rows as days, what its past says, its histories.

Rows are cut into 20 blocks by time, which are called days. The first has no past to speak of and is
left out; rankers learn from the next ones, stop and are calibrated on the two before the last four,
and are judged on those. Shapes: N rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np

from benchmarks import ranking_features, ranking_histories
from benchmarks.ranking_files import Rows, UnusableTableError
from benchmarks.ranking_histories import Past
from etl.days import Days
from training.rankers.ranker import Batch
from training.split import Split

NUM_BLOCKS: Final = 20
_NUM_STOPPING, _NUM_JUDGED = 2, 4
_FIRST: Final = date(2000, 1, 1)
"""Blocks are called days from here on."""
_CLICK: Final = "click"
"""What rankers call the first label."""


@dataclass(frozen=True)
class FlatTable:
    """The rows as days of batches."""

    whole: Batch
    past: Past
    block_N: np.ndarray
    names: Mapping[str, str]
    """Tasks as the mapping has them, by what rankers call them."""
    split: Split
    judged: Batch

    @classmethod
    def of(cls, rows: Rows) -> "FlatTable":
        """Lay a table out.

        Raises:
            UnusableTableError: If its times, or its first label, leave nothing to learn or to
                judge.
        """
        block_N = _blocks(rows.time_N)
        first_judged = NUM_BLOCKS - _NUM_JUDGED
        known_N = np.minimum(block_N, first_judged)
        given = ranking_features.inputs(rows, known_N)
        names = dict(zip((_CLICK, *list(rows.labels)[1:]), rows.labels, strict=True))
        whole = Batch(
            given,
            {task: rows.labels[name] for task, name in names.items()},
            np.ones(len(rows)),
            rows.user_N,
            block_N,
            np.ones(len(rows), bool),
            np.full(len(rows), np.nan),
        )
        last = first_judged - _NUM_STOPPING
        split = Split(Days(_day(1), _day(last - 1)), Days(_day(last), _day(first_judged - 1)))
        past = ranking_histories.of_table(rows, known_N)
        judged = _taken(whole, past, np.flatnonzero(block_N >= first_judged))
        made = cls(whole, past, block_N, names, split, judged)
        made._require_both_kinds()
        return made

    def batch(self, day: date) -> Batch:
        """Read a block."""
        of_block = np.flatnonzero(self.block_N == (day - _FIRST).days)
        return _taken(self.whole, self.past, of_block)

    def known(self, day: date) -> Batch:
        """The same: a table's labels have had their time."""
        return self.batch(day)

    @cached_property
    def popular_N(self) -> np.ndarray:
        """How many positives each judged row's item had before: float64."""
        given = self.judged.given
        rows, rate = (np.float64(given.number(f"item: {one} before")) for one in ("rows", "rate"))
        popular_N: np.ndarray = np.expm1(rows) * rate
        return popular_N

    def _require_both_kinds(self) -> None:
        parts = {
            "learned from": np.concatenate([self.batch(d).label[_CLICK] for d in self.split.fit]),
            "judged": self.judged.label[_CLICK],
        }
        for part, label_N in parts.items():
            if not 0 < np.nansum(label_N) < len(label_N):
                raise UnusableTableError(
                    f"{self.names[_CLICK]} should be there and not there among the rows that are "
                    f"{part}; of {len(label_N)} it is there in {np.nansum(label_N):.0f}"
                )


def _day(block: int) -> date:
    return _FIRST + timedelta(days=block)


def _blocks(time_N: np.ndarray) -> np.ndarray:
    """Cut rows into blocks of about as many; rows of one time stay together: int64, ascending."""
    edges = time_N[[len(time_N) * n // NUM_BLOCKS for n in range(1, NUM_BLOCKS)]]
    block_N = np.searchsorted(edges, time_N, side="right").astype(np.int64)
    if len(np.unique(block_N)) < NUM_BLOCKS:
        raise UnusableTableError(
            f"rows should be of {NUM_BLOCKS} times at least, evenly spread; they fall into "
            f"{len(np.unique(block_N))} of {NUM_BLOCKS} blocks"
        )
    return block_N


def _taken(batch: Batch, past: Past, row_N: np.ndarray) -> Batch:
    """Some rows, sorted by user, with their histories."""
    order = row_N[np.argsort(batch.user_N[row_N], kind="stable")]
    given = replace(batch.given.taken(order), histories=past.of(order))
    arrays = ("weight_N", "user_N", "evening_N", "is_own_N", "propensity_N")
    label = {task: found[order] for task, found in batch.label.items()}
    return replace(
        batch, given=given, label=label, **{name: getattr(batch, name)[order] for name in arrays}
    )
