"""Folds each day's visits into the neighbours of the items they touched.

What was known is decayed, the day's visits are added, the strongest stay. The same walk serves a
night and a range. How visits are paired is ``training.retrieval.covisitation``.

Shapes: N neighbours of all items at hand.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import days_of_epoch, flat_lists, order_by, places_in_runs, run_starts
from etl.days import Days, is_full

UNIT: Final = 60
"""Visits are summed as integers of 1/60: every 1/gap up to a gap of 5 is a whole number of them."""
_ALIVE_DAYS: Final = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class CovisitationConfig:
    """How visits are forgotten, and how many neighbours are kept."""

    half_life_days: float = 30.0
    """Days after which a visit counts half."""
    num_neighbours: int = 200
    """Neighbours kept of one item."""
    min_weight: float = 0.001
    """Neighbours weaker than this are forgotten."""
    num_buckets: int = 4
    """Groups of items that are folded at once; no row depends on it."""


def fold(
    visits: pa.Table, state: pa.Table, *, days: Days, first_day: date, config: CovisitationConfig
) -> pa.Table:
    """Walk the days of some items: decay what was known, add the day's visits, keep the strongest.

    Args:
        visits: arrival_date, surface, item_no, to_item_no, sixtieths; one row per pair and day.
        state: Rows of ``tables.RETRIEVAL_COVISITATION``, one per item.
        days: The days to make.
        first_day: The lake's first day.
        config: How visits are forgotten, and how many neighbours are kept.

    Returns:
        Rows of ``tables.RETRIEVAL_COVISITATION``, the touched items of each day, all alive ones
        on full days.
    """
    memory = _Memory.of(state)
    surface_names = _surface_names(visits, state)
    made = []
    for day in days:
        today = visits.filter(pc.equal(visits.column("arrival_date"), pa.scalar(day)))
        if today.num_rows:
            memory, touched = memory.plus(today, day, config)
        else:
            touched = np.empty(0, np.int32)
        shown = memory.alive(day) if is_full(day, first_day) else memory.of_items(touched)
        made.append(shown.rows(day, surface_names))
    return pa.concat_tables(made)


def _surface_names(visits: pa.Table, state: pa.Table) -> dict[int, str]:
    names: dict[int, str] = {}
    for rows in (state, visits):
        columns = (rows.column(name).to_pylist() for name in ("item_no", "surface"))
        names.update(zip(*columns, strict=True))
    return names


@dataclass(frozen=True, slots=True)
class _Memory:
    """Neighbours of some items, sorted by item, then weight downwards, then neighbour."""

    item_N: np.ndarray
    to_N: np.ndarray
    weight_N: np.ndarray
    day_N: np.ndarray  # the day to which the item's weights are decayed

    @classmethod
    def of(cls, state: pa.Table) -> "_Memory":
        row, neighbours = flat_lists(state.column("neighbours"))
        item = state.column("item_no").to_numpy()[row].astype(np.int32)
        day = state.column("weights_date").cast(pa.int32()).to_numpy()[row]
        to, weight = (neighbours.field(name).to_numpy() for name in ("item_no", "weight"))
        order = np.lexsort((to, -weight, item))
        return cls(item[order], to[order], weight[order], day[order])

    def plus(
        self, today: pa.Table, day: date, config: CovisitationConfig
    ) -> tuple["_Memory", np.ndarray]:
        """Fold one day's visits in; also say which items they touched."""
        number = days_of_epoch(day)
        item = today.column("item_no").to_numpy()
        touched = np.unique(item)
        is_touched = np.isin(self.item_N, touched)
        age = number - self.day_N[is_touched]
        decayed = self.weight_N[is_touched] * np.exp2(-age / config.half_life_days)
        added = today.column("sixtieths").to_numpy() / UNIT
        keys = np.concatenate(
            [
                _key(self.item_N[is_touched], self.to_N[is_touched]),
                _key(item, today.column("to_item_no").to_numpy()),
            ]
        )
        # At most one old and one new weight meet in a key: their sum has no order.
        distinct, place = np.unique(keys, return_inverse=True)
        total = np.bincount(place, np.concatenate([decayed, added]), len(distinct))
        merged = _strongest(distinct, total, number, config)
        rest = self._where(~is_touched)
        return rest._with(merged), touched

    def alive(self, day: date) -> "_Memory":
        return self._where(days_of_epoch(day) - self.day_N < _ALIVE_DAYS)

    def of_items(self, touched: np.ndarray) -> "_Memory":
        return self._where(np.isin(self.item_N, touched))

    def rows(self, day: date, surface_names: dict[int, str]) -> pa.Table:
        """Write the neighbours as rows of the table, one per item."""
        starts = np.flatnonzero(run_starts(self.item_N))
        offsets = np.r_[starts, len(self.item_N)].astype(np.int32)
        item = self.item_N[starts]
        pair = pa.StructArray.from_arrays(
            [pa.array(self.to_N, pa.int32()), pa.array(self.weight_N)], ["item_no", "weight"]
        )
        columns = {
            "arrival_date": pa.array([day] * len(item), pa.date32()),
            "surface": pa.array([surface_names[n] for n in item.tolist()], pa.string()),
            "item_no": pa.array(item, pa.int32()),
            "weights_date": pa.array(self.day_N[starts], pa.int32()).cast(pa.date32()),
            "neighbours": pa.ListArray.from_arrays(pa.array(offsets), pair),
        }
        return pa.table(columns)

    def _where(self, keep: np.ndarray) -> "_Memory":
        return _Memory(self.item_N[keep], self.to_N[keep], self.weight_N[keep], self.day_N[keep])

    def _with(self, other: "_Memory") -> "_Memory":
        item = np.concatenate([self.item_N, other.item_N])
        order = order_by(item)
        parts = (
            (self.to_N, other.to_N),
            (self.weight_N, other.weight_N),
            (self.day_N, other.day_N),
        )
        return _Memory(item[order], *(np.concatenate(part)[order] for part in parts))


def _key(item: np.ndarray, to: np.ndarray) -> np.ndarray:
    return item.astype(np.int64) << 32 | to.astype(np.int64)


def _strongest(
    keys: np.ndarray, weight: np.ndarray, number: int, config: CovisitationConfig
) -> _Memory:
    strong = weight >= config.min_weight
    keys, weight = keys[strong], weight[strong]
    item, to = (keys >> 32).astype(np.int32), (keys & 0xFFFFFFFF).astype(np.int32)
    order = np.lexsort((to, -weight, item))
    item, to, weight = item[order], to[order], weight[order]
    kept = places_in_runs(run_starts(item)) < config.num_neighbours
    return _Memory(item[kept], to[kept], weight[kept], np.full(int(kept.sum()), number, np.int32))
