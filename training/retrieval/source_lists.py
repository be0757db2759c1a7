"""The lists that sources read on one evening for one surface, in one mapped Arrow file.

Popularity, new items and co-visitation hold the same for all users; here they lie as arrays that
every worker maps. Shapes: E elements of all lists of a kind, L lists, L + 1 offsets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import days_of_epoch, flat_lists, offsets_of
from training import array_file
from training.retrieval.fitted import Fitted
from training.user_side import codes_in

_PARTS: Final = ("indptr", "item", "score")
Arrays = dict[str, np.ndarray | pa.Array]


@dataclass(frozen=True, slots=True)
class Named:
    """Lists of items by name: a category, a segment, or '*' for everything."""

    names: pa.StringArray
    indptr: np.ndarray
    """int64, L + 1."""
    item_E: np.ndarray
    """int64, item_no, best first within a list."""
    score_E: np.ndarray
    """float64, the source's own."""

    def places(self, names: pa.Array) -> np.ndarray:
        """Find lists by name: int64, −1 where there is none."""
        return codes_in(names, self.names)


def arrays_of(
    popularity: pa.Table,
    *,
    new_items: pa.Table,
    covisitation: pa.Table,
    evening: date,
    half_life_days: float,
) -> Arrays:
    """Lay out one surface's lists of one evening for ``training.array_file``.

    Args:
        popularity: Rows of ``tables.RETRIEVAL_POPULARITY``, one surface, one day.
        new_items: Rows of ``tables.RETRIEVAL_NEW_ITEMS``, one surface, one day.
        covisitation: Rows of ``tables.RETRIEVAL_COVISITATION``, one surface, one per item, as of
            the evening.
        evening: To which co-visitation is decayed.
        half_life_days: By which half-life.

    Returns:
        The arrays that ``SourceLists`` reads.
    """
    arrays: Arrays = {}
    for scope in ("all", "category", "segment"):
        rows = popularity.filter(pc.equal(popularity.column("scope"), scope))
        arrays |= _named(rows, f"popularity_{scope}", name="scope_value", score="num_users")
    arrays |= _named(new_items, "new_items", name="category", score=None)
    return arrays | _neighbours(covisitation, evening, half_life_days)


def _named(rows: pa.Table, kind: str, *, name: str, score: str | None) -> Arrays:
    ordered = rows.sort_by([(name, "ascending"), ("rank", "ascending")])
    encoded = ordered.column(name).combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int64)
    given = ordered.column(score) if score else pc.divide(1.0, ordered.column("rank"))
    return {
        f"{kind}_names": encoded.dictionary,
        f"{kind}_indptr": np.searchsorted(codes, np.arange(len(encoded.dictionary) + 1)),
        f"{kind}_item": ordered.column("item_no").to_numpy().astype(np.int64),
        f"{kind}_score": given.to_numpy().astype(np.float64),
    }


def _neighbours(covisitation: pa.Table, evening: date, half_life_days: float) -> Arrays:
    rows = covisitation.sort_by("item_no")
    row, entries = flat_lists(rows.column("neighbours"))
    weights_day = rows.column("weights_date").cast(pa.int32()).to_numpy()
    age_days = days_of_epoch(evening) - weights_day[row]
    weight = entries.field("weight").to_numpy()
    decay = np.exp2(-age_days / half_life_days)
    return {
        "covisitation_from": rows.column("item_no").to_numpy().astype(np.int64),
        "covisitation_indptr": offsets_of(row, rows.num_rows).astype(np.int64),
        "covisitation_item": entries.field("item_no").to_numpy().astype(np.int64),
        "covisitation_score": weight * decay,
    }


@dataclass(frozen=True)
class SourceLists:
    """What the sources of one surface read on one evening."""

    arrays: dict[str, pa.Array]
    models: Mapping[str, Fitted] = field(default_factory=dict)
    """Learned sources by name; one that has no model proposes nothing."""
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Learned weights of sources, one for each of ``user_groups.NAMES``."""

    @classmethod
    def read(cls, path: Path) -> "SourceLists":
        """Map lists that ``arrays_of`` laid out."""
        return cls(array_file.read(path))

    def named(self, kind: str) -> Named:
        """Lists of ``popularity_all``, ``…_category``, ``…_segment``, or ``new_items``."""
        numbers = (array_file.numbers(self.arrays[f"{kind}_{part}"]) for part in _PARTS)
        return Named(self.arrays[f"{kind}_names"], *numbers)

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Co-visitation: from-items (ascending), indptr, neighbours' item_no, weights."""
        source, indptr, item, weight = (
            array_file.numbers(self.arrays[f"covisitation_{part}"])
            for part in ("from", "indptr", "item", "score")
        )
        return source, indptr, item, weight
