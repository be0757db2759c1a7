"""Writes scored candidates as examples of both kinds, and reads them back as fits do.

Belongs here: how candidates pass through the shape in which rankers learn. Everything is done by
the functions that make and read a night's examples. What is held against it is ``scoring.parity``.
Shapes: U users, R candidates of theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from etl import tables
from etl.arrow import arrow_schema, lists_of
from etl.surfaces import Surface
from training import candidate_examples, impression_examples, labels, tasks
from training.assemble import Rows
from training.example_rows import ExamplesConfig
from training.histories import ReadHistories
from training.inputs import Inputs
from training.item_side import ItemSide
from training.lookup import find, key
from training.rankers.ranker import Batch

IMPRESSIONS: Final = "impressions"
KINDS: Final = {
    IMPRESSIONS: impression_examples.examples,
    "candidates": candidate_examples.examples,
}
"""Each way in which examples are made."""
_MANY: Final = 1 << 40
_ALL: Final = ExamplesConfig(num_negatives=_MANY, max_impressions=_MANY)
"""Nothing is left out."""
_ACTED: Final = pa.struct([("item_no", pa.int32()), ("level", pa.int8())])
_PLACED: Final = pa.struct([("item_no", pa.int32()), ("propensity", pa.float64())])
_NO_OUTCOMES: Final = arrow_schema(tables.SILVER_OUTCOMES.schema).empty_table()
_NO_DURATIONS: Final = arrow_schema(tables.SILVER_ITEMS.schema).empty_table()
_DONE: Final = pa.struct([_NO_OUTCOMES.schema.field(name) for name in labels.OUTCOME_COLUMNS])


@dataclass(frozen=True, slots=True)
class TrainingPath:
    """How one evening's candidates become what rankers learn from."""

    surface: Surface
    evening: date
    """The day at whose end everything is known."""
    items: ItemSide
    """Of the evening."""
    histories: ReadHistories | None
    """Reads what users had done; None where no ranker asks."""

    def examples(
        self, rows: Rows, users: pa.Table, state: pa.Table
    ) -> Iterator[tuple[str, Inputs | None]]:
        """Describe candidates by the training path, once for each of ``KINDS``.

        Args:
            rows: R candidates of U users.
            users: U users, sorted by user_id: ``candidates`` and features/user_daily's features.
            state: Their rows of ``tables.FEATURES_USER_PAIRS`` as of the evening.

        Yields:
            The kind and the features of the R candidates in their order, as a ranker is given them
            in training, at the place at which all are scored; None where other rows are made.
        """
        stored = arrow_schema(tables.EXAMPLES[self.surface.name].schema)
        asked = _as_shown(users, rows, self.evening + timedelta(days=1))
        for kind, examples in KINDS.items():
            made = examples(
                self.evening, asked, state, items=self.items, surface=self.surface, config=_ALL
            )
            known = labels.as_known(made.cast(stored), _NO_OUTCOMES, _NO_DURATIONS)
            batch = Batch.of(known, tasks.of_surface(self.surface.name))
            if self.histories is not None:
                batch = batch.remembering(known.column("user_id"), self.histories)
            yield kind, _in_order_of(rows, batch)


def _as_shown(users: pa.Table, rows: Rows, day: date) -> pa.Table:
    """Ask for examples as if every candidate had been shown on a day and nothing had followed."""
    num_users, num_rows = users.num_rows, len(rows.item_R)
    number_R = np.arange(num_rows)
    shown = {
        "event_id": pa.array(number_R).cast(pa.string()),
        "position": pa.array(number_R.astype(np.int32)),
        "source": pa.array(["scored"] * num_rows, pa.string()),
        "item_no": pa.array(rows.item_R.astype(np.int32)),
        "propensity": pa.nulls(num_rows, pa.float64()),
        "lot": pa.array(number_R),
    }
    elements = pa.StructArray.from_arrays(list(shown.values()), list(shown))
    columns = {
        "day": pa.array([day] * num_users, pa.date32()),
        "shown": lists_of(rows.user_R, num_users, elements),
        "slate": pa.array([[]] * num_users, pa.list_(_PLACED)),
        "done": pa.array([[]] * num_users, pa.list_(_DONE)),
        "acted": pa.array([[]] * num_users, pa.list_(_ACTED)),
    }
    for name, column in columns.items():
        users = users.append_column(name, column)
    return users


def _in_order_of(rows: Rows, batch: Batch) -> Inputs | None:
    """The features of a batch, which is sorted by user and item, in the order of candidates."""
    user_U = np.unique(rows.user_R)
    if len(batch) != len(rows.item_R) or len(np.unique(batch.user_N)) != len(user_U):
        return None
    own = key(user_U[batch.user_N], batch.given.item_N)
    order = np.argsort(own)
    place_R = find(own[order], key(rows.user_R, rows.item_R))
    if (place_R < 0).any():
        return None
    return batch.given.taken(order[place_R]).at_scored_position()
