"""The item side of a night: every alive item as known on an evening, in one mapped Arrow file.

Shapes: N alive items, sorted by item_no; F features of an item; W words of all titles; S products
that items show, one behind another.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkFiles

from etl import live_slots, surfaces
from etl.arrow import distinct, flat_lists, offsets_of
from etl.features import dictionary
from etl.features.texts import words_of
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
    "host_id",
    "title",
    "product_ids",
    "is_sold_out",
    "is_eligible",
    *FEATURES,
)
"""What is read of features/item_daily."""
WORDS: Final = ("category", "brand", "seller_id", "host_id")
"""What an item is filed under."""
NAMED: Final = ("item_no", *WORDS)
"""Columns of features/item_daily that ``named`` lays out."""
_CATEGORY_RATE: Final = FEATURES.index("category_click_rate_28d")
_VIDEO: Final = surfaces.ITEM_TYPES.index(surfaces.SHORT_VIDEOS.item_type)
_PRODUCT: Final = surfaces.ITEM_TYPES.index(surfaces.PRODUCT_FEED.item_type)


def arrays_of(item_daily: pa.Table) -> dict[str, np.ndarray | pa.Array]:
    """Lay out the item side of one evening for ``training.array_file``.

    Args:
        item_daily: ``COLUMNS`` of one day of ``tables.FEATURES_ITEM_DAILY``.

    Returns:
        The arrays that ``ItemSide`` reads.
    """
    rows = item_daily.sort_by("item_no")
    arrays: dict[str, np.ndarray | pa.Array] = {
        **_named(rows),
        "type_code": codes_in(_whole(rows, "item_type"), pa.array(surfaces.ITEM_TYPES)),
        "is_eligible": _whole(rows, "is_eligible").cast(pa.int8()).to_numpy(),
        "numeric": _matrix(rows).ravel(),
        "item_id": _whole(rows, "item_id"),
        "slot_hour": _slot_hours(rows),
    }
    return arrays | _titles(rows) | _shown(rows, arrays["type_code"])


def named(item_daily: pa.Table) -> dict[str, np.ndarray | pa.Array]:
    """Lay out the part of ``arrays_of`` that says what items are filed under.

    Whoever only looks words up, as histories do, need not read the rest.

    Args:
        item_daily: ``NAMED`` of one day of ``tables.FEATURES_ITEM_DAILY``.
    """
    return _named(item_daily.sort_by("item_no"))


def _named(rows: pa.Table) -> dict[str, np.ndarray | pa.Array]:
    arrays: dict[str, np.ndarray | pa.Array] = {
        "item_no": _whole(rows, "item_no").to_numpy().astype(np.int64)
    }
    for name in WORDS:
        encoded = _whole(rows, name).dictionary_encode()
        arrays[name] = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
        arrays[f"{name}_words"] = encoded.dictionary
    return arrays


def _slot_hours(rows: pa.Table) -> np.ndarray:
    is_slot = pc.equal(_whole(rows, "item_type"), surfaces.LIVE_STREAMS.item_type)
    names = pc.if_else(is_slot, _whole(rows, "item_id"), None)
    return live_slots.hours_of(names).fill_null(-1).to_numpy().astype(np.int64)


def _titles(rows: pa.Table) -> dict[str, np.ndarray | pa.Array]:
    """The distinct words of each title."""
    item, words = words_of(rows.column("title"))
    encoded = words.dictionary_encode()
    words_N = distinct(item << 32 | encoded.indices.to_numpy().astype(np.int64))
    return {
        "title_vocabulary": encoded.dictionary,
        "title_indptr": offsets_of(words_N >> 32, rows.num_rows).astype(np.int64),
        "title_word": words_N & 0xFFFFFFFF,
    }


def _shown(rows: pa.Table, type_code: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
    """Places of the products that each item shows, of those that are alive."""
    item, product_ids = flat_lists(rows.column("product_ids"))
    product = np.flatnonzero(type_code == _PRODUCT)
    named = _whole(rows, "item_id").take(pa.array(product))
    found = codes_in(product_ids, named)
    known = found >= 0
    shown_N = distinct(item[known] << 32 | product[found[known]])
    return {
        "shown_indptr": offsets_of(shown_N >> 32, rows.num_rows).astype(np.int64),
        "shown_place": shown_N & 0xFFFFFFFF,
    }


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
        """Tell which items ``surface`` may show the next day: bool, N."""
        is_eligible = array_file.numbers(self.arrays["is_eligible"]) > 0
        return is_eligible & (self.type_code_N == surfaces.ITEM_TYPES.index(surface.item_type))

    @property
    def type_code_N(self) -> np.ndarray:
        """int64: place in ``surfaces.ITEM_TYPES``."""
        return array_file.numbers(self.arrays["type_code"])

    @property
    def is_video_N(self) -> np.ndarray:
        """bool: short videos."""
        return self.type_code_N == _VIDEO

    @property
    def slot_hour_N(self) -> np.ndarray:
        """int64: UTC hour of a live slot, −1 for anything else."""
        return array_file.numbers(self.arrays["slot_hour"])

    @property
    def title_vocabulary(self) -> pa.StringArray:
        """The words of all titles."""
        return self.arrays["title_vocabulary"]

    @property
    def title_indptr(self) -> np.ndarray:
        """int64, N + 1: where each item's words lie in ``title_word_W``."""
        return array_file.numbers(self.arrays["title_indptr"])

    @property
    def title_word_W(self) -> np.ndarray:
        """int64: places in ``title_vocabulary``, of an item each once."""
        return array_file.numbers(self.arrays["title_word"])

    @property
    def shown_indptr(self) -> np.ndarray:
        """int64, N + 1: where the products that each item shows lie in ``shown_place_S``."""
        return array_file.numbers(self.arrays["shown_indptr"])

    @property
    def shown_place_S(self) -> np.ndarray:
        """int64: places of products among the N items, of an item ascending."""
        return array_file.numbers(self.arrays["shown_place"])

    @property
    def item_id_N(self) -> pa.StringArray:
        """Each item as the log names it."""
        return self.arrays["item_id"]

    @cached_property
    def category_click_rate_C(self) -> np.ndarray:
        """float64: clicks per look of each category, NaN where the log has no impressions.

        The mean over its alive items, as the feature is of a category's items of one type.
        """
        rate_N = self.numeric_NF[:, _CATEGORY_RATE].astype(np.float64)
        code_N = self.codes("category")
        told = np.flatnonzero((code_N >= 0) & ~np.isnan(rate_N))
        size = len(self.words("category"))
        num_C = np.bincount(code_N[told], minlength=size)
        total_C = np.bincount(code_N[told], rate_N[told], size)
        return np.divide(total_C, num_C, out=np.full(size, np.nan), where=num_C > 0)

    def codes(self, word: str) -> np.ndarray:
        """A word of each item as its place in ``words``: int64, −1 where it has none."""
        return array_file.numbers(self.arrays[word])

    def words(self, word: str) -> pa.StringArray:
        """The vocabulary of category, brand, seller_id or host_id."""
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
