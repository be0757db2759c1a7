"""The item side of a night: every alive item as known on an evening, in one mapped Arrow file.

Shapes: N alive items, sorted by item_no; F features of an item.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark import SparkFiles

from etl import surfaces
from etl.features import dictionary
from training import array_file
from training.user_side import codes_in

FEATURES: Final = tuple(dictionary.names(dictionary.ITEM))
COLUMNS: Final = (
    "item_no",
    "item_id",
    "item_type",
    "category",
    "brand",
    "seller_id",
    "is_sold_out",
    *FEATURES,
)
"""What is read of features/item_daily."""
_WORDS: Final = ("category", "brand", "seller_id")


def arrays_of(item_daily: pa.Table) -> dict[str, np.ndarray | pa.Array]:
    """Lay out the item side of one evening for ``training.array_file``.

    Args:
        item_daily: ``COLUMNS`` of one day of ``tables.FEATURES_ITEM_DAILY``.

    Returns:
        The arrays that ``ItemSide`` reads.
    """
    rows = item_daily.sort_by("item_no")
    arrays: dict[str, np.ndarray | pa.Array] = {
        "item_no": _whole(rows, "item_no").to_numpy().astype(np.int64),
        "type_code": codes_in(_whole(rows, "item_type"), pa.array(surfaces.ITEM_TYPES)),
        "is_sold_out": _whole(rows, "is_sold_out").cast(pa.int8()).to_numpy(),
        "numeric": _matrix(rows).ravel(),
        "item_id": _whole(rows, "item_id"),
    }
    for name in _WORDS:
        encoded = _whole(rows, name).dictionary_encode()
        arrays[name] = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
        arrays[f"{name}_words"] = encoded.dictionary
    return arrays


@dataclass(frozen=True)
class ItemSide:
    """Every alive item as known on one evening; arrays are views of a mapped file."""

    arrays: dict[str, pa.Array]

    @classmethod
    def read(cls, path: Path) -> "ItemSide":
        """Map an item side that ``arrays_of`` laid out."""
        return cls(array_file.read(path))

    @cached_property
    def item_no_N(self) -> np.ndarray:
        """int64, ascending."""
        return array_file.numbers(self.arrays["item_no"])

    @cached_property
    def numeric_NF(self) -> np.ndarray:
        """float32, columns as in ``FEATURES``, NaN where nothing is known."""
        flat = array_file.numbers(self.arrays["numeric"])
        return flat.reshape(len(self.item_no_N), len(FEATURES))

    @cached_property
    def _place_of(self) -> np.ndarray:
        size = int(self.item_no_N[-1]) + 1 if len(self.item_no_N) else 0
        place = np.full(size, -1, np.int64)
        place[self.item_no_N] = np.arange(len(self.item_no_N))
        return place

    def places(self, item_no: np.ndarray) -> np.ndarray:
        """Find items by number: int64 places, −1 where an item is not alive."""
        known = (item_no >= 0) & (item_no < len(self._place_of))
        found = np.full(len(item_no), -1, np.int64)
        found[known] = self._place_of[item_no[known]]
        return found

    def eligible(self, surface: surfaces.Surface) -> np.ndarray:
        """Tell which items ``surface`` may show: bool, N: of its type and not sold out."""
        type_code = array_file.numbers(self.arrays["type_code"])
        is_sold_out = array_file.numbers(self.arrays["is_sold_out"])
        return (type_code == surfaces.ITEM_TYPES.index(surface.item_type)) & (is_sold_out == 0)

    @property
    def item_id_N(self) -> pa.StringArray:
        """Each item as the log names it."""
        return self.arrays["item_id"]

    def codes(self, word: str) -> np.ndarray:
        """Category, brand or seller of each item as its place in ``words``: int64, −1 if null."""
        return array_file.numbers(self.arrays[word])

    def words(self, word: str) -> pa.StringArray:
        """The vocabulary of category, brand or seller_id."""
        return self.arrays[f"{word}_words"]


# A worker serves many batches of an evening: it maps the evening's file once.
@lru_cache(maxsize=4)
def mapped_items(name: str) -> ItemSide:
    """Map an item side by the name under which ``SparkContext.addFile`` sent it."""
    return ItemSide.read(Path(SparkFiles.get(name)))


def _whole(rows: pa.Table, name: str) -> pa.Array:
    return rows.column(name).combine_chunks()


def _matrix(rows: pa.Table) -> np.ndarray:
    matrix = np.empty((rows.num_rows, len(FEATURES)), np.float32)
    for number, name in enumerate(FEATURES):
        column = _whole(rows, name).cast(pa.float64())
        matrix[:, number] = column.to_numpy(zero_copy_only=False)
    return matrix
