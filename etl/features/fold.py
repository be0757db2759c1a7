"""Folds events into state by key, day by day, in the order in which they happened.

A key is a user with an item, a category, a brand or a seller. Counts are integers. An affinity is
a decayed sum: it is folded event by event in order (arrival day, event time, event id), by one
expression, so that a night and a range of nights leave the same bits.

Shapes: K keys known so far, E events of one day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.arrow import distinct, places_in_runs, run_starts

NEVER: Final = np.iinfo(np.int64).min
DAY_US: Final = 86_400_000_000


@dataclass(slots=True)
class Fold:
    """State of K keys, sorted by key."""

    key_K: np.ndarray
    """int64, ascending."""
    sums: dict[str, np.ndarray]
    """int64 counts by name, K each."""
    lasts: dict[str, np.ndarray]
    """int64 microseconds by name, K each; NEVER where it never happened."""
    decayed: dict[float, np.ndarray]
    """float64 decayed sums by half-life in days, K each, as of ``at_K``."""
    at_K: np.ndarray
    """int64 microseconds: the latest event of the key."""

    def add(
        self,
        key_E: np.ndarray,
        at_E: np.ndarray,
        weight_E: np.ndarray,
        *,
        counted: Mapping[str, np.ndarray],
    ) -> None:
        """Fold the events of one arrival day in.

        Args:
            key_E: int64.
            at_E: int64 microseconds.
            weight_E: float64, what each event adds to the decayed sums.
            counted: For each name of ``sums`` and of ``lasts`` (as ``last_…``): int64, what each
                event adds to the count, and bool, whether it is the kind that a last is kept of.

        Events stand in order of event time and event id within a key.
        """
        self._make_room(distinct(key_E))
        place_E = np.searchsorted(self.key_K, key_E)
        for name, sums in self.sums.items():
            if counted[name].any():
                np.add.at(sums, place_E, counted[name])
        for name, lasts in self.lasts.items():
            is_kind = counted[name].astype(bool)
            np.maximum.at(lasts, place_E[is_kind], at_E[is_kind])
        self._decay_in(place_E, at_E, weight_E)

    def _decay_in(self, place_E: np.ndarray, at_E: np.ndarray, weight_E: np.ndarray) -> None:
        """Take the first event of every key, then the second, …: each round has a key once."""
        order = np.argsort(place_E, kind="stable")
        turn = places_in_runs(run_starts(place_E[order]))
        for number in range(int(turn.max()) + 1 if len(turn) else 0):
            now = order[turn == number]
            place, at, weight = place_E[now], at_E[now], weight_E[now]
            known = np.where(self.at_K[place] == NEVER, at, self.at_K[place])
            latest = np.maximum(known, at)
            for half_life_days, sums in self.decayed.items():
                unit = half_life_days * DAY_US
                sums[place] = sums[place] * np.exp2((known - latest) / unit) + weight * np.exp2(
                    (at - latest) / unit
                )
            self.at_K[place] = latest

    def _make_room(self, keys: np.ndarray) -> None:
        place = np.searchsorted(self.key_K, keys)
        known = place < len(self.key_K)
        known[known] = self.key_K[place[known]] == keys[known]
        new = keys[~known]
        if not len(new):
            return
        where = np.searchsorted(self.key_K, new)
        self.key_K = np.insert(self.key_K, where, new)
        self.sums = {n: np.insert(v, where, 0) for n, v in self.sums.items()}
        self.lasts = {n: np.insert(v, where, NEVER) for n, v in self.lasts.items()}
        self.decayed = {h: np.insert(v, where, 0.0) for h, v in self.decayed.items()}
        self.at_K = np.insert(self.at_K, where, NEVER)

    def keep(self, kept_K: np.ndarray) -> None:
        """Forget the keys that are not marked."""
        self.key_K = self.key_K[kept_K]
        self.sums = {n: v[kept_K] for n, v in self.sums.items()}
        self.lasts = {n: v[kept_K] for n, v in self.lasts.items()}
        self.decayed = {h: v[kept_K] for h, v in self.decayed.items()}
        self.at_K = self.at_K[kept_K]
