"""Reads the current publication as the shop shows it: whom it serves which items.

The pointer says of which day a surface's slates are; the lake says with which propensities they
were drawn. A user gets his own row, else his segment's, else the default, as every reader does.

Shapes: U users, S rows of slates, K places, I places of all rows.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import surfaces, tables
from etl.arrow import flat_lists, places_in_runs, run_starts
from etl.days import one_day
from etl.home import Home
from etl.lake_files import LakeFiles
from scoring.published import EVERYBODY, read_current
from simulator.day import NONE
from simulator.serving.slates import Slates
from simulator.world.names import Names

SLATE_COLUMNS: Final = ("audience", "audience_key", "segment", "items")
"""What is read of ``tables.SLATES``."""


class ForeignPublicationError(ValueError):
    """The publication is not of this shop."""


def published(home: Home, names: Names) -> dict[int, Slates]:
    """Read the slates of each published surface, by place in ``etl.surfaces.ALL``.

    Raises:
        NoPublicationError: If nothing is published.
        ForeignPublicationError: If it names items that the shop does not have.
    """
    lake = LakeFiles(home.lake, home.first_day())
    found = {}
    for surface, said in read_current(home.publications).surfaces.items():
        if said.file is not None and said.slate_date is not None:
            day = one_day(said.slate_date)
            rows = lake.arrow(tables.SLATES[surface], day, columns=SLATE_COLUMNS)
            place = surfaces.NAMES.index(surface)
            found[place] = slates_of(rows, names, place)
    return found


def slates_of(rows: pa.Table, names: Names, surface: int) -> Slates:
    """Read one surface's slates.

    Args:
        rows: audience, audience_key, segment and items of ``tables.SLATES``.
        names: The world's words.
        surface: Place in ``etl.surfaces.ALL``.
    """
    row_I, structs = flat_lists(rows["items"])
    place_I = places_in_runs(run_starts(row_I))
    shape_SK = (len(rows), int(place_I.max(initial=-1)) + 1)
    item_SK, propensity_SK = np.full(shape_SK, NONE, np.int32), np.ones(shape_SK)
    item_SK[row_I, place_I] = _items(structs.field("item_id"), names, surface)
    propensity_SK[row_I, place_I] = structs.field("propensity").to_numpy()
    num_items_S = np.bincount(row_I, minlength=len(rows))
    return Slates(_rows_of_users(rows, names, num_items_S), item_SK, propensity_SK)


def _items(ids: pa.Array, names: Names, surface: int) -> np.ndarray:
    """Numbers of items, of the surface's type."""
    of_type = np.flatnonzero(names.item_type_N == surface)
    place = pc.index_in(ids, value_set=names.item_id.take(pa.array(of_type)))
    if place.null_count:
        unknown = ids.filter(place.is_null())[0]
        raise ForeignPublicationError(
            f"the current publication names item {unknown}, which this shop does not have: "
            "publish slates that were made of its log"
        )
    return of_type[place.to_numpy()]


def _rows_of_users(rows: pa.Table, names: Names, num_items_S: np.ndarray) -> np.ndarray:
    """Choose each user's row, the first of his own, his segment's, the default that holds items."""
    own_U = _find(rows, "user", names.user_id)
    segments = rows["segment"].combine_chunks().take(pa.array(own_U, mask=own_U == NONE))
    segment_U = _find(rows, "segment", segments)
    default = _find(rows, "default", pa.array([EVERYBODY]))
    is_full_S = np.r_[num_items_S > 0, False]  # the last one is where NONE points
    return np.where(is_full_S[own_U], own_U, np.where(is_full_S[segment_U], segment_U, default))


def _find(rows: pa.Table, audience: str, keys: pa.Array) -> np.ndarray:
    """The row of each key of an audience: int64, ``NONE`` where there is none."""
    row = np.flatnonzero(pc.equal(rows["audience"], audience).to_numpy())
    known = rows["audience_key"].combine_chunks().take(pa.array(row))
    place = pc.index_in(keys, value_set=known).fill_null(len(row)).to_numpy()
    return np.r_[row, NONE][place]
