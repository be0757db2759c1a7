"""Reads what the product made for a simulated evening, in the shop's own numbers.

Shapes: U users asked for, K places, C candidates, R rows of a table, I items in all rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import surfaces, tables
from etl.arrow import flat_lists, places_in_runs, run_starts
from etl.days import Days, one_day
from etl.lake_files import LakeFiles
from etl.surfaces import ITEM_TYPES
from etl.tables import Table
from etl.tables.retrieval import SOURCE_CODES
from simulator.day import NONE
from simulator.serving.served import SLATE_COLUMNS, slates_of
from simulator.shop import Shop
from simulator.truth.oracle import Slated, active_users, slated
from simulator.world.names import Names
from training.user_side import codes_in


@dataclass(frozen=True, slots=True)
class Numbers:
    """The shop's numbers of users and items behind the lake's."""

    names: Names
    item_of_no: np.ndarray
    """int32: for each item_no the shop's item; ``NONE`` where the lake knows none."""

    @classmethod
    def of(cls, names: Names, items: pa.Table) -> "Numbers":
        """Read item_no, item_type and item_id of the evening's items."""
        item_no = items["item_no"].to_numpy()
        item_of_no = np.full(int(item_no.max(initial=-1)) + 1, NONE, np.int32)
        words = _typed(names.item_type_N, names.item_id)
        type_N = codes_in(items["item_type"].combine_chunks(), pa.array(ITEM_TYPES))
        place = codes_in(_typed(type_N, items["item_id"].combine_chunks()), words)
        item_of_no[item_no] = place
        return cls(names, item_of_no)


@dataclass(frozen=True, slots=True)
class Evening:
    """What the product made for an evening, and the shop at its end."""

    files: LakeFiles
    day: Days
    shop: Shop
    numbers: Numbers
    users: np.ndarray
    """int64, U: who has a truth."""

    @classmethod
    def of(cls, files: LakeFiles, shop: Shop, evening: date) -> "Evening":
        """Read an evening's numbers, at whose end the shop stands."""
        items = files.arrow_as_of(tables.SILVER_ITEMS, evening)
        numbers = Numbers.of(shop.world.names, items)
        users = active_users(shop.world, shop.state)
        return cls(files, one_day(evening), shop, numbers, users)

    def truth(self, surface: str) -> Slated:
        """Make the slates that a surface's are measured by, popularity's of the product's list."""
        is_meant = (pc.field("surface") == surface) & (pc.field("scope") == "all")
        rows = self.rows(tables.RETRIEVAL_POPULARITY, where=is_meant).sort_by("rank")
        popular = self.numbers.item_of_no[rows["item_no"].to_numpy()]
        place = surfaces.NAMES.index(surface)
        return slated(self.shop.world, self.shop.state, place, self.users, popular)

    def shown(self, surface: str, rows: pa.Table, k: int) -> np.ndarray:
        """Say what the users are shown of ``tables.SLATES``: int32, U × K."""
        return shown(rows, self.numbers.names, surfaces.NAMES.index(surface), self.users, k)

    def slates(self, surface: str) -> pa.Table:
        """Read the evening's slates: ``SLATE_COLUMNS``."""
        return self.rows(tables.SLATES[surface], columns=SLATE_COLUMNS)

    def rows(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Read the evening's rows of a table."""
        return self.files.arrow(table, self.day, columns=columns, where=where)


@dataclass(frozen=True, slots=True)
class Candidates:
    """U users' candidates as the product stored them."""

    fused_UC: np.ndarray
    """int32: in the fused order, ``NONE`` behind the last."""
    covisited_UC: np.ndarray
    """int32: those that co-visitation proposed, in its order."""
    has_own_U: np.ndarray
    """bool: the user has candidates of his own."""


def shown(rows: pa.Table, names: Names, surface: int, users: np.ndarray, k: int) -> np.ndarray:
    """Say what users are shown, stand-in rows included: int32, U × K.

    Args:
        rows: ``SLATE_COLUMNS`` of ``tables.SLATES``.
        names: The shop's words.
        surface: Place in ``etl.surfaces.ALL``.
        users: int64, U.
        k: Places.
    """
    slates = slates_of(rows, names, surface)
    row_U = slates.row_U[users]
    found_UK = np.full((len(users), k), NONE, np.int32)
    num = min(k, slates.item_SK.shape[1])
    has_row_U = row_U != NONE
    found_UK[has_row_U, :num] = slates.item_SK[row_U[has_row_U], :num]
    return found_UK


def candidates_of(rows: pa.Table, numbers: Numbers, users: np.ndarray) -> Candidates:
    """Read users' candidates.

    Args:
        rows: user_id and items of ``tables.CANDIDATES``.
        numbers: The shop's numbers.
        users: int64, U.
    """
    user_I, structs = flat_lists(rows["items"])
    item_I = numbers.item_of_no[structs.field("item_no").to_numpy()]
    row_U = _rows_of(rows, numbers.names, users)
    fused_RC = _wide(user_I, item_I, rows.num_rows)
    covisited_RC = _covisited(user_I, item_I, structs, rows.num_rows)
    return Candidates(_taken(fused_RC, row_U), _taken(covisited_RC, row_U), has_own_U=row_U != NONE)


def _covisited(
    user_I: np.ndarray, item_I: np.ndarray, structs: pa.StructArray, num_rows: int
) -> np.ndarray:
    candidate_P, proposals = flat_lists(structs.field("proposals"))
    is_his = proposals.field("source").to_numpy() == SOURCE_CODES["covisitation"]
    candidate, rank = candidate_P[is_his], proposals.field("rank").to_numpy()[is_his]
    order = np.lexsort((rank, user_I[candidate]))
    return _wide(user_I[candidate][order], item_I[candidate][order], num_rows)


def _wide(row_I: np.ndarray, item_I: np.ndarray, num_rows: int) -> np.ndarray:
    """Lay lists out side by side: int32, R × longest, ``NONE`` behind the last."""
    place_I = places_in_runs(run_starts(row_I)) if len(row_I) else row_I
    wide_RC = np.full((num_rows, int(place_I.max(initial=0)) + 1), NONE, np.int32)
    wide_RC[row_I, place_I] = item_I
    return wide_RC


def _taken(wide_RC: np.ndarray, row_U: np.ndarray) -> np.ndarray:
    """Rows of users, empty where there is none."""
    empty = np.full((1, wide_RC.shape[1]), NONE, np.int32)
    return np.concatenate([wide_RC, empty])[row_U]


def _rows_of(rows: pa.Table, names: Names, users: np.ndarray) -> np.ndarray:
    return codes_in(names.user_id.take(pa.array(users)), rows["user_id"].combine_chunks())


def _typed(type_N: np.ndarray, item_id: pa.Array) -> pa.Array:
    """Ids with their type before them: an id may stand for a product and for a video."""
    return pc.binary_join_element_wise(pa.array(type_N).cast(pa.string()), item_id, "/")
