"""Writes chosen slates as rows of slates/<surface>.

Shapes: U users, K places, P proposals, N chosen items one behind another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import lists_of, offsets_of
from etl.tables.retrieval import SOURCE_NAMES
from etl.tables.serving import PREDICTIONS
from scoring.explore import Explored
from scoring.grid import ABSENT, Grid
from scoring.rank import Ranked
from scoring.rerank import Exploited
from training.assemble import Rows
from training.item_side import ItemSide
from training.promote import Champion
from training.rankers.ranker import NONE

OPTED_OUT: Final = "personalisation_off"
CAPS: Final = "caps"
"""The rule that let an item move up past better ones of a full group."""
_NAME_BY_CODE: Final = pa.array([SOURCE_NAMES.get(code) for code in range(max(SOURCE_NAMES) + 1)])


@dataclass(frozen=True, slots=True)
class Chosen:
    """U slates with their reserves, as places in the candidates' rows."""

    rows: Rows
    ranked: Ranked
    items: ItemSide
    grid: Grid
    exploited: Exploited
    explored: Explored
    k: int

    def slate(self) -> pa.ListArray:
        """The slates: U lists of ``items``."""
        return self._lists(
            self.explored.column_UK,
            self.explored.propensity_UK,
            self.explored.is_drawn_UK,
            self.exploited.passed_UL[:, : self.k] & ~self.explored.is_drawn_UK,
        )

    def reserve(self) -> pa.ListArray:
        """The reserves: U lists of ``items``."""
        column = self.exploited.column_UL[:, self.k :]
        return self._lists(
            column,
            np.ones(column.shape),
            np.zeros(column.shape, bool),
            self.exploited.passed_UL[:, self.k :],
        )

    def num_items_U(self) -> np.ndarray:
        """Items in each slate: int64."""
        return (self.explored.column_UK != ABSENT).sum(axis=1)

    def num_candidates_U(self) -> np.ndarray:
        """Candidates there were to choose from: int64."""
        return self.grid.is_there_UC.sum(axis=1)

    def _lists(
        self,
        column_UK: np.ndarray,
        propensity_UK: np.ndarray,
        is_drawn_UK: np.ndarray,
        is_moved_UK: np.ndarray,
    ) -> pa.ListArray:
        user_N, place_N = np.nonzero(column_UK != ABSENT)
        row_N = self.grid.row_UC[user_N, column_UK[user_N, place_N]]
        fields = {
            "item_no": pa.array(self.rows.item_R[row_N].astype(np.int32)),
            "item_id": self._item_ids(row_N),
            "value": pa.array(self.ranked.value_R[row_N]),
            **{field: self._predicted(task, row_N) for task, field in PREDICTIONS.items()},
            "sources": self._sources(row_N),
            "rules": _rules(is_moved_UK[user_N, place_N]),
            "propensity": pa.array(propensity_UK[user_N, place_N]),
            "is_exploration": pa.array(is_drawn_UK[user_N, place_N]),
        }
        elements = pa.StructArray.from_arrays(list(fields.values()), list(fields))
        return lists_of(user_N, len(column_UK), elements)

    def _item_ids(self, row_N: np.ndarray) -> pa.Array:
        return self.items.item_id_N.take(pa.array(self.items.places(self.rows.item_R[row_N])))

    def _predicted(self, task: str, row_N: np.ndarray) -> pa.Array:
        """Null without a ranker, and of what is not predicted on the surface."""
        scores = self.ranked.p_by_task or {}
        if task not in scores:
            return pa.nulls(len(row_N), pa.float32())
        return pa.array(scores[task][row_N].astype(np.float32))

    def _sources(self, row_N: np.ndarray) -> pa.ListArray:
        names = _NAME_BY_CODE.take(pa.array(self.rows.source_P))
        offsets = offsets_of(self.rows.row_P, len(self.rows.item_R))
        return pa.ListArray.from_arrays(pa.array(offsets), names).take(pa.array(row_N))


def user_rows(chosen: Chosen, asked: pa.Table, *, evening: date, champion: Champion) -> pa.Table:
    """Write users' slates.

    Args:
        chosen: U slates.
        asked: The same U users: user_id, segment, is_personalisation_off.
        evening: The day after whose end they were made.
        champion: Who ordered them.

    Returns:
        U rows of ``tables.SLATES``.
    """
    return rows_of(
        chosen,
        audience="user",
        keys=asked.column("user_id").combine_chunks(),
        segments=asked.column("segment").combine_chunks(),
        is_off=asked.column("is_personalisation_off").to_pylist(),
        evening=evening,
        champion=champion,
    )


def rows_of(  # noqa: PLR0913
    chosen: Chosen,
    *,
    audience: str,
    keys: pa.Array,
    segments: pa.Array,
    is_off: list[bool],
    evening: date,
    champion: Champion,
) -> pa.Table:
    """Write the slates of one audience: rows of ``tables.SLATES``, one a key."""
    num_rows = len(keys)
    model_date = None if champion.ranker == NONE else champion.model_date
    return pa.table(
        {
            "arrival_date": pa.array([evening] * num_rows, pa.date32()),
            "audience": pa.array([audience] * num_rows),
            "audience_key": keys,
            "segment": segments,
            "items": chosen.slate(),
            "reserve": chosen.reserve(),
            "short_reason": _short_reasons(chosen, is_off),
            "ranker": pa.array([champion.ranker] * num_rows),
            "model_date": pa.array([model_date] * num_rows, pa.date32()),
            "feature_date": pa.array([evening] * num_rows, pa.date32()),
        }
    )


def _short_reasons(chosen: Chosen, is_off: list[bool]) -> pa.Array:
    counts = zip(chosen.num_items_U(), chosen.num_candidates_U(), is_off, strict=True)
    return pa.array([_reason(*found, chosen.k) for found in counts], pa.string())


def _reason(num_items: int, num_candidates: int, is_off: bool, k: int) -> str | None:  # noqa: FBT001
    if is_off:
        return OPTED_OUT
    if num_items == k:
        return None
    if num_candidates == num_items:
        return f"only {num_candidates} candidates"
    return f"caps let {num_items} of {num_candidates} candidates in"


def _rules(is_moved: Iterable[bool]) -> pa.Array:
    return pa.array([[CAPS] if moved else [] for moved in is_moved], pa.list_(pa.string()))
