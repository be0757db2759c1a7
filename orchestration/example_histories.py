"""Reads what the users of a day's examples had done by the examples' evenings.

Belongs here: which rows of features/user_history and of features/item_daily that takes. How a
history is made of them stands in ``training.histories``, where scoring makes its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.arrow import run_starts
from etl.days import Days, last_full, one_day
from etl.lake_files import LakeFiles
from training import histories, item_side, user_side
from training.example_rows import LATE_DAYS
from training.histories import Histories
from training.item_side import ItemSide

_TABLE: Final = tables.FEATURES_USER_HISTORY
_KEY: Final = ("user_id", "arrival_date")
_FEW: Final = 100
"""Rows at most that are looked up by their users' names."""
_KEPT_SIDES: Final = LATE_DAYS + 2
"""A day's examples are of its own evening and of those before it, and the next day's almost of the
same."""


@dataclass(slots=True)
class ExampleHistories:
    """Reads histories as of evenings; what items were filed under is kept for the next day."""

    files: LakeFiles
    _sides: dict[date, ItemSide] = field(default_factory=dict)

    def of(self, user_N: pa.Array, evening_N: np.ndarray) -> Histories:
        """Read the histories of N examples: of each user and evening once.

        Args:
            user_N: The examples' users, equal ones side by side.
            evening_N: int64, the evenings that their features are of: days of the epoch.

        Returns:
            One history for each run of a user and an evening.
        """
        starts_N = run_starts(user_N.dictionary_encode().indices.to_numpy(), evening_N)
        first_H = pa.array(np.flatnonzero(starts_N))
        day_H = pa.array(evening_N.astype(np.int32)).cast(pa.date32())
        asked = pa.table({"user_id": user_N, "feature_date": day_H}).take(first_H)
        return self._of_requests(asked).read_by(np.cumsum(starts_N) - 1)

    def _of_requests(self, asked: pa.Table) -> Histories:
        """Make the history of each request: a user and an evening."""
        numbered = asked.append_column("_row", pa.array(np.arange(asked.num_rows)))
        parts, rows = [], []
        for evening, who, known in user_side.evenings(numbered, self._known(asked)):
            items = self._items(evening)
            parts.append(histories.of_evening(known["long"], items=items, evening=evening))
            rows.append(who["_row"].to_numpy())
        if not parts:
            return histories.nothing()
        return histories.joined(parts).arranged(np.argsort(np.concatenate(rows)))

    def _known(self, asked: pa.Table) -> pa.Table:
        """Read the rows that were the newest of these users on their evenings, and no others."""
        columns = [*_KEY, "long"]
        by_day = dict(_by_day(self._wanted(asked)))
        if not by_day:
            return self.files.empty(_TABLE, columns)
        if sum(map(len, by_day.values())) <= _FEW:
            return pa.concat_tables(self._of_few(day, users) for day, users in by_day.items())
        days = Days(min(by_day), max(by_day))
        where = reduce(or_, (_of_users(users, day) for day, users in by_day.items()))
        return self.files.arrow(_TABLE, days, columns=columns, where=where)

    def _of_few(self, day: date, users: pa.Array) -> pa.Table:
        columns, names = [*_KEY, "long"], users.to_pylist()
        return self.files.arrow_of(
            _TABLE, one_day(day), key="user_id", values=names, columns=columns
        )

    def _wanted(self, asked: pa.Table) -> pa.Table:
        """Find out by keys alone which rows are wanted."""
        if not asked.num_rows:
            return self.files.empty(_TABLE, _KEY)
        evenings = pc.min_max(asked["feature_date"]).as_py()
        first = last_full(max(evenings["min"], self.files.first_day), self.files.first_day)
        keys = self.files.arrow(
            _TABLE,
            Days(first, max(evenings["max"], first)),
            columns=_KEY,
            where=pc.field("user_id").isin(asked["user_id"].unique()),
        )
        return pa.concat_tables([newest for *_, newest in user_side.evenings(asked, keys)])

    def _items(self, evening: date) -> ItemSide:
        """Read what items were filed under on an evening, as the night's item side says it."""
        if evening not in self._sides:
            table, columns = tables.FEATURES_ITEM_DAILY, item_side.NAMED
            rows = self.files.arrow(table, one_day(evening), columns=columns)
            arrays = item_side.named(rows).items()
            self._sides[evening] = ItemSide({name: pa.array(array) for name, array in arrays})
            for old in list(self._sides)[:-_KEPT_SIDES]:
                del self._sides[old]
        return self._sides[evening]


def _of_users(users: pa.Array, day: date) -> pc.Expression:
    return (pc.field("arrival_date") == day) & pc.field("user_id").isin(users)


def _by_day(wanted: pa.Table) -> Iterator[tuple[date, pa.Array]]:
    """Split keys by day: each day's users."""
    known = wanted.drop_null()
    for day in sorted(known["arrival_date"].unique().to_pylist()):
        is_of_day = pc.equal(known["arrival_date"], pa.scalar(day, pa.date32()))
        yield day, known["user_id"].filter(is_of_day).unique()
