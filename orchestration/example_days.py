"""Reads days of examples for whoever learns from them or judges by them, as known on one night.

Belongs here: what of the lake a batch of labelled examples is made of. What a label is stands in
``training.labels``, what a batch is in ``training.rankers.ranker``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.days import Days, one_day
from etl.drawn_users import are_drawn
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables.schema import Table
from orchestration.example_histories import ExampleHistories
from orchestration.reads import Read, days_back, on_driver, same_days, since_full
from training import chance, delays, labels, tasks
from training.delays import Delays, DelaysConfig
from training.example_rows import LATE_DAYS
from training.inputs import NUMERIC, numbers
from training.rankers.ranker import Batch
from training.spill import spilled

KEPT_EXAMPLES: Final = 500_000
"""Examples that may lie in memory at a time; others are laid on disk once they are read."""
EXAMPLES_A_DAY: Final = 1_000_000
"""Examples that are read of one day."""
_EVENTS_AN_EXAMPLE: Final = 16
"""Events of histories that lie in as much memory as one example."""
_DATES: Final = ("shown_date", "arrival_date")
"""When an outcome's impression was shown, and when the outcome was attributed."""
_EPOCH: Final = date(1970, 1, 1)
_EVENINGS: Final = LATE_DAYS + 1
"""Evenings before a day that its examples can be of."""


def reads(num_days: int) -> Mapping[str, Read]:
    """Say what is read of the lake to know the examples of ``num_days`` days before a night."""
    return {
        "outcomes": on_driver(days_back(tables.SILVER_OUTCOMES, num_days)),
        "items": on_driver(since_full(tables.SILVER_ITEMS)),
        "users": on_driver(same_days(tables.FEATURES_USER_DAILY)),
        "histories": on_driver(since_full(tables.FEATURES_USER_HISTORY, num_days + _EVENINGS)),
        "item_words": on_driver(days_back(tables.FEATURES_ITEM_DAILY, num_days + _EVENINGS)),
        **{
            f"examples_{name}": on_driver(days_back(table, num_days))
            for name, table in tables.EXAMPLES.items()
        },
    }


class ExampleDays:
    """One surface's examples as known on one night, each day read once.

    A fit goes over its days some fifteen times. The first few lie in memory, the others in files of
    ``TMPDIR`` that are mapped into it; where that is nearly full they are read anew.

    Of a day of more than ``max_a_day`` examples those of some users are read, drawn by hash
    (docs/decisions/0033).

    Where ``with_histories`` asks for it, batches say what the examples' users had done by the
    examples' own evenings, for rankers that read sequences.

    Who has opted out by the night is left out of all days: nothing is learned from him any more.
    """

    def __init__(  # noqa: PLR0913
        self,
        files: LakeFiles,
        surface: Surface,
        night: date,
        num_days: int,
        *,
        num_kept: int = KEPT_EXAMPLES,
        max_a_day: int = EXAMPLES_A_DAY,
        with_histories: bool = False,
    ) -> None:
        self._files, self._surface, self._night = files, surface, night
        self._histories = ExampleHistories(files) if with_histories else None
        self._max_kept, self._max_a_day = num_kept, max_a_day
        self._days = Days(night, night).reaching_back(num_days)
        self._kept: dict[date, Batch] = {}
        self._num_kept = 0

    def __call__(self, day: date) -> Batch:
        """Read one day, labelled and sorted."""
        if day in self._kept:
            return self._kept[day]
        batch = self._read(one_day(day))
        size = _size(batch)
        if self._num_kept + size <= self._max_kept:
            self._kept[day] = batch
            self._num_kept += size
            return batch
        try:
            self._kept[day] = spilled(batch)
        except OSError:
            return batch
        return self._kept[day]

    def for_learning(self, day: date) -> Batch:
        """Read one day as rankers learn from it.

        What chance placed counts for more (``training.chance``). Labels of delayed tasks are as if
        all outcomes had had their time; what came of a candidate that nobody was shown is known at
        once.
        """
        batch = self(day)
        batch = replace(batch, weight_N=chance.weights(batch))
        known_on = tasks.of_surface(self._surface.name)
        delayed = [task.name for task in known_on if task.is_delayed]
        if not delayed or not batch.given.has_positions:
            return batch
        age_N = (self._night - _EPOCH).days - (batch.evening_N + 1)
        told = {name: delays.ripened(batch.label[name], age_N, self.delays) for name in delayed}
        return replace(batch, label={**batch.label, **told})

    def together(self, days: Days) -> Batch:
        """Read several days as one batch, in which a user has one number; nothing is kept."""
        return self._read(days)

    def num_clicks(self, days: Days) -> dict[date, int]:
        """Count the clicked examples of each day there is."""
        first = max(days.first, self._files.first_day)
        if first > days.last:
            return {}
        return {day: int(self(day).label["click"].sum()) for day in Days(first, days.last)}

    def popularity(self, days: Days) -> pa.Table:
        """Read popularity-of-7-days of the evenings that the days' examples can be of."""
        of_surface = pc.field("surface") == self._surface.name
        evenings = Days(days.first - timedelta(days=_EVENINGS), days.last - timedelta(days=1))
        return self._files.arrow(
            tables.RETRIEVAL_POPULARITY, evenings, where=of_surface & (pc.field("scope") == "all")
        )

    def share(self, day: date) -> float:
        """Say of which share of the users a day's examples are read; 1.0 where of all."""
        return self._shares.get(day, 1.0)

    def _read(self, days: Days) -> Batch:
        table = tables.EXAMPLES[self._surface.name]
        others = [name for name in table.column_names if name not in NUMERIC]
        # Apart from all else, as soon as they are read: they are nine tenths of the memory.
        numeric: list[np.ndarray] = []
        parts = []
        for part in self._drawn(table, days, min(map(self.share, days))):
            is_off = pc.is_in(part.column("user_id"), value_set=self._opted_out)
            kept = part.filter(pc.invert(is_off))
            numeric.append(numbers(kept))
            parts.append(kept.select(others))
        rows = pa.Table.from_batches(parts, self._files.empty(table, others).schema)
        known = labels.as_known(rows, self._outcomes, self._durations)
        batch = Batch.of(known, tasks.of_surface(self._surface.name), numeric)
        if self._histories is None:
            return batch
        return batch.remembering(known.column("user_id"), self._histories.of)

    def _drawn(
        self,
        table: Table,
        days: Days,
        share: float,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read the rows of drawn users; of the others no more than a batch lies in memory."""
        for batch in self._files.batches(table, days, columns=columns, where=where):
            yield batch.filter(are_drawn(batch.column("user_id"), share)) if share < 1 else batch

    @cached_property
    def _shares(self) -> Mapping[date, float]:
        """The share of users of each day that has more examples than are read."""
        num_rows = self._files.num_rows(tables.EXAMPLES[self._surface.name], self._days)
        most = self._max_a_day
        return {day: most / num for day, num in num_rows.items() if num > most}

    @cached_property
    def _outcomes(self) -> pa.Table:
        is_own = ~pc.field("is_organic") & (pc.field("impression_surface") == self._surface.name)
        columns = [*labels.OUTCOME_COLUMNS, *_DATES, "user_id"]
        most = max(map(self.share, self._days))
        table = tables.SILVER_OUTCOMES
        found = self._drawn(table, self._days, most, columns=columns, where=is_own)
        return pa.Table.from_batches(found, self._files.empty(table, columns).schema)

    @cached_property
    def delays(self) -> Delays:
        """How soon it is known which of the surface's orders stand."""
        is_recent = pc.field("shown_date") >= self._days.first
        is_meant = pc.field("event_type").isin(["order", "cancel"])
        found = self._outcomes.filter(is_meant & is_recent)
        shown, known = (found.column(name).to_numpy().astype("datetime64[D]") for name in _DATES)
        is_order = pc.equal(found.column("event_type"), "order").to_numpy()
        change = np.where(is_order, 1, -1)
        return delays.fit(shown, known, change, night=self._night, config=DelaysConfig())

    @cached_property
    def _durations(self) -> pa.Table:
        of_type = pc.field("item_type") == self._surface.item_type
        columns = ["item_no", "duration_ms"]
        return self._files.arrow_as_of(
            tables.SILVER_ITEMS, self._night, columns=columns, where=of_type
        )

    @cached_property
    def _opted_out(self) -> pa.Array:
        users = self._files.arrow(
            tables.FEATURES_USER_DAILY,
            one_day(self._night),
            columns=["user_id"],
            where=pc.field("is_personalisation_off"),
        )
        return users.column("user_id").combine_chunks()


def _size(batch: Batch) -> int:
    """How many examples a batch weighs as, its histories included."""
    known = batch.given.histories
    num_events = 0 if known is None else len(known.item_E)
    return len(batch) + num_events // _EVENTS_AN_EXAMPLE
