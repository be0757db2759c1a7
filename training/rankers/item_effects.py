"""What remains of each item's clicks after everything that features say of it.

Rates of items are counted over whoever saw them, and a policy shows items to those who like their
kind: an item of a loved kind looks better than it is. What a fitted model expects of the very
people who saw an item takes that out; the item's clicks against it are its own effect. A
mixed-effects model with one random effect an item (GLMix: Zhang et al., KDD 2016), of the
gamma–Poisson form: factor = (clicks + prior) / (expected clicks + prior).

Shapes: N rows, I items.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from training.rankers.ranker import Batch

PRIORS: Final = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Clicks as expected that are added to an item's own: few let its own speak early."""


@dataclass(frozen=True, slots=True)
class Seen:
    """N examples with what a model expects of them."""

    item_N: np.ndarray
    """int64: item_no."""
    click_N: np.ndarray
    """bool."""
    expected_N: np.ndarray
    """float64: p(click) at the place where each was shown."""
    weight_N: np.ndarray
    """float64: how many such examples one stands for."""

    @classmethod
    def of(cls, batch: Batch, p_click_N: np.ndarray) -> "Seen":
        """Take a day's examples with the clicks that a model expects of them."""
        click_N = batch.label["click"].astype(bool)
        return cls(batch.given.item_N, click_N, p_click_N.astype(np.float64), batch.weight_N)


@dataclass(frozen=True, slots=True)
class ItemEffects:
    """Factors of items that were seen; all others have 1."""

    item_I: np.ndarray
    """int64, ascending: item_no."""
    factor_I: np.ndarray
    """float32, > 0: clicks beside what features alone expect."""

    def of(self, item_N: np.ndarray) -> np.ndarray:
        """Look items up: float32, N."""
        if not len(self.item_I):
            return np.ones(len(item_N), np.float32)
        place = np.minimum(np.searchsorted(self.item_I, item_N), len(self.item_I) - 1)
        return np.where(self.item_I[place] == item_N, self.factor_I[place], np.float32(1))

    def applied(self, p_N: np.ndarray, item_N: np.ndarray) -> np.ndarray:
        """Multiply the odds: float32, N, in [0, 1].

        Probabilities of a click are small, so that odds and chances change alike, and odds keep
        them below 1.
        """
        factor_N = self.of(item_N)
        return (p_N * factor_N / (1 + p_N * (factor_N - 1))).astype(np.float32)

    def save(self) -> bytes:
        """Write them as an Arrow file."""
        rows = pa.table({"item_no": pa.array(self.item_I), "factor": pa.array(self.factor_I)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows)
        return sink.getvalue().to_pybytes()


def load(written: bytes) -> ItemEffects:
    """Read what ``ItemEffects.save`` wrote."""
    rows = pa.ipc.open_file(pa.py_buffer(written)).read_all()
    return ItemEffects(rows.column("item_no").to_numpy(), rows.column("factor").to_numpy())


NOTHING: Final = ItemEffects(np.empty(0, np.int64), np.empty(0, np.float32))
"""No item has an effect of its own."""


def fit(learned: Sequence[Seen], kept: Sequence[Seen]) -> ItemEffects:
    """Choose how far items' own clicks are trusted, and read the effects off all examples.

    Args:
        learned: The days on which the model was fitted.
        kept: Later days: the prior is the one under which their clicks are likeliest, and where
            none is better than no effects there are none.
    """
    if not learned or not kept:
        return NOTHING
    early = _Counts.of(learned)
    losses = {prior: _loss(early.effects(prior), kept) for prior in PRIORS}
    prior = min(PRIORS, key=losses.__getitem__)
    if losses[prior] >= _loss(NOTHING, kept):
        return NOTHING
    return _Counts.of([*learned, *kept]).effects(prior)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Clicks of items, and how many were expected."""

    item_I: np.ndarray
    clicks_I: np.ndarray
    expected_I: np.ndarray

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> "_Counts":
        """Add up some days; there is at least one."""
        item_N, click_N, expected_N, weight_N = (
            np.concatenate([getattr(day, name) for day in seen]) for name in Seen.__slots__
        )
        item_I, place_N = np.unique(item_N, return_inverse=True)
        sums = (np.bincount(place_N, weight_N * of, len(item_I)) for of in (click_N, expected_N))
        return cls(item_I, *sums)

    def effects(self, prior: float) -> ItemEffects:
        """Draw clicks towards what is expected by so many clicks."""
        factor_I = (self.clicks_I + prior) / (self.expected_I + prior)
        return ItemEffects(self.item_I, factor_I.astype(np.float32))


def _loss(effects: ItemEffects, days: Iterable[Seen]) -> float:
    """Log loss of the clicks of some days, summed."""
    total = 0.0
    for day in days:
        p_N = np.clip(effects.applied(day.expected_N, day.item_N), 1e-7, 1 - 1e-7)
        loss_N = -np.where(day.click_N, np.log(p_N), np.log1p(-p_N))
        total += float(day.weight_N @ loss_N)
    return total
