"""The one function that makes a model's input, for examples and for scoring alike.

A row is a user, an item and an evening. What the evening knew of the user comes from his
features/user_daily row and his features/user_pairs arrays; of the item, from the mapped item side;
of the sources, from his candidates. Because both callers run this, training and scoring cannot
read a feature differently.

Shapes: U users, R rows (grouped by user), F features, N elements of a user's lists.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import flat_lists, order_by
from etl.features import dictionary
from etl.tables.retrieval import SOURCE_NAMES
from training import histories
from training.inputs import NUMERIC, Inputs
from training.item_side import FEATURES as ITEM_FEATURES
from training.item_side import ItemSide
from training.lookup import find, key, taken
from training.pair_features import Asked, of_all
from training.user_side import DAY_US, USER_ARRAYS, Lists, codes_in, end_of

USER_FEATURES: Final = tuple(dictionary.names(dictionary.USER))
USER_WORDS: Final = ("country", "platform", "language")
_PLACE: Final = {name: number for number, name in enumerate(NUMERIC)}
_CODES: Final = range(np.iinfo(np.int8).max + 1)
_SOURCE_COLUMNS: Final = {
    what: np.array(
        [_PLACE.get(f"source_{SOURCE_NAMES.get(code, '')}_{what}", -1) for code in _CODES]
    )
    for what in ("rank", "score")
}
"""Columns of sources by code, −1 of what is no source of today's."""
_ITEM_PRICE: Final = ITEM_FEATURES.index("price_cents")
_USUAL_PRICE: Final = USER_FEATURES.index("usual_price_cents")
_AT_ONCE: Final = 1024
"""Rows filled together: as many as stay in a core's cache between two sides."""
USER_COLUMNS: Final = (*USER_WORDS, *USER_ARRAYS, *USER_FEATURES)
"""What is read of features/user_daily."""
_GROUPS: Final = (
    ("category", "category", "categories"),
    ("brand", "brand", "brands"),
    ("seller", "seller_id", "sellers"),
    ("host", "host_id", "hosts"),
)
"""For each group of items: its prefix here, its column, its array in features/user_pairs."""


@dataclass(frozen=True, slots=True)
class Rows:
    """R user-item rows to assemble, grouped by user, with the P proposals behind them."""

    user_R: np.ndarray
    """int64, ascending: the user's row in the batch."""
    item_R: np.ndarray
    """int64: item_no."""
    fused_R: np.ndarray
    """float64: score that all sources together give."""
    row_P: np.ndarray
    """int64, ascending: the row a proposal belongs to."""
    source_P: np.ndarray
    """int8: code of the source."""
    rank_P: np.ndarray
    """int16: the item's rank there."""
    score_P: np.ndarray
    """float32: the item's score there."""
    position_R: np.ndarray
    """float32: where it stands, 0 for the first place; NaN where nobody was shown it."""

    @classmethod
    def of(cls, candidates: pa.ChunkedArray, *, position: float) -> "Rows":
        """Take ``items`` of ``tables.CANDIDATES`` apart, all of them at one position."""
        user, items = flat_lists(candidates)
        row, proposals = flat_lists(items.field("proposals"))
        parts = (proposals.field(name).to_numpy() for name in ("source", "rank", "score"))
        source, rank, score = parts
        item_no = items.field("item_no").to_numpy().astype(np.int64)
        fused = items.field("fused_score").to_numpy()
        at = np.full(len(item_no), position, np.float32)
        return cls(user, item_no, fused, row, source, rank, score, at)

    def chosen(self, keep_R: np.ndarray) -> "Rows":
        """Keep some rows, given as bool, R."""
        place = np.cumsum(keep_R) - 1
        kept = keep_R[self.row_P]
        return Rows(
            self.user_R[keep_R],
            self.item_R[keep_R],
            self.fused_R[keep_R],
            place[self.row_P[kept]],
            self.source_P[kept],
            self.rank_P[kept],
            self.score_P[kept],
            self.position_R[keep_R],
        )


def assemble(
    rows: Rows, *, users: pa.Table, state: pa.Table, items: ItemSide, evening: date
) -> Inputs:
    """Fill the features of user-item rows as they were known on one evening.

    Args:
        rows: R rows of U users.
        users: U rows of ``tables.FEATURES_USER_DAILY`` of the evening, ``USER_COLUMNS`` of them.
        state: U rows of ``tables.FEATURES_USER_PAIRS`` as of the evening, null where none; with
            ``long`` of ``tables.FEATURES_USER_HISTORY`` for rankers that read histories.
        items: The evening's item side.
        evening: The day at whose end everything is known.

    Returns:
        R rows: float32 numbers in the order of ``inputs.NUMERIC``, NaN where nothing is known; the
        users' histories where ``state`` has them.
    """
    place = items.places(rows.item_R)
    user_UF = _user_matrix(users)
    numeric_RF = _sides(rows, place, user_UF, items)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numeric_RF[:, _ITEM_PRICE] / user_UF[rows.user_R, _USUAL_PRICE]
    numeric_RF[:, _PLACE["price_to_usual_ratio"]] = np.where(np.isfinite(ratio), ratio, np.nan)
    pairs = Lists.of(state.column("items"))
    _fill_pair(numeric_RF, rows, pairs, end_of(evening))
    for prefix, column, array in _GROUPS:
        group = _Group.of(Lists.of(state.column(array)), column, items, end_of(evening))
        _fill_group(numeric_RF, prefix, group.found(rows.user_R, _codes_at(items, column, place)))
    categories = Lists.of(state.column("categories"))
    asked = Asked(rows.user_R, rows.item_R, place, users, items, pairs, categories, end_of(evening))
    for name, values in of_all(asked).items():
        numeric_RF[:, _PLACE[name]] = values
    _fill_sources(numeric_RF, rows)
    numeric_RF[:, _PLACE["position"]] = rows.position_R
    words = _words(rows, users, items, place)
    if "long" not in state.column_names:
        return Inputs(numeric_RF, words, rows.item_R)
    found = histories.of_evening(state.column("long"), items=items, evening=evening)
    return Inputs(numeric_RF, words, rows.item_R, histories=found.read_by(rows.user_R))


def _sides(rows: Rows, place_R: np.ndarray, user_UF: np.ndarray, items: ItemSide) -> np.ndarray:
    """Fill what is of the item or of the user alone; the rest is NaN."""
    numeric_RF = np.empty((len(place_R), len(NUMERIC)), np.float32)
    of_item = slice(len(ITEM_FEATURES))
    of_user = slice(of_item.stop, of_item.stop + len(USER_FEATURES))
    for first in range(0, len(place_R), _AT_ONCE):
        part_RF, place = numeric_RF[first : first + _AT_ONCE], place_R[first : first + _AT_ONCE]
        part_RF[:, of_item] = items.numeric_NF[place] if len(items.numeric_NF) else np.nan
        part_RF[place < 0, of_item] = np.nan
        part_RF[:, of_user] = user_UF[rows.user_R[first : first + _AT_ONCE]]
        part_RF[:, of_user.stop :] = np.nan
    return numeric_RF


def _user_matrix(users: pa.Table) -> np.ndarray:
    matrix = np.empty((users.num_rows, len(USER_FEATURES)), np.float32)
    for number, name in enumerate(USER_FEATURES):
        column = users.column(name).combine_chunks().cast(pa.float64())
        matrix[:, number] = column.to_numpy(zero_copy_only=False)
    return matrix


def _fill_pair(numeric_RF: np.ndarray, rows: Rows, pairs: Lists, evening_us: int) -> None:
    """Counts and recency of the user with this very item; zero counts where he has none."""
    item_no = pairs.numbers("item_no").astype(np.int64)
    place = find(key(pairs.row_N, item_no), key(rows.user_R, rows.item_R))
    for name in ("num_clicks", "num_carts", "num_orders"):
        numeric_RF[:, _PLACE[f"pair_{name}"]] = taken(pairs.numbers(name), place, otherwise=0)
    affinity = pairs.affinity_at(evening_us)
    numeric_RF[:, _PLACE["pair_affinity"]] = taken(affinity, place, otherwise=0)
    for name in ("click", "cart"):
        age_days = (evening_us - pairs.instants(f"last_{name}_at")) / DAY_US
        column = _PLACE[f"pair_days_since_{name}"]
        numeric_RF[:, column] = np.maximum(taken(age_days, place, otherwise=np.nan), 0)


@dataclass(frozen=True, slots=True)
class _Group:
    """N groups (categories, brands or sellers) that users have history with, sorted by key."""

    key_N: np.ndarray
    affinity_N: np.ndarray
    share_N: np.ndarray
    num_orders_N: np.ndarray
    age_days_N: np.ndarray

    @classmethod
    def of(cls, lists: Lists, column: str, items: ItemSide, evening_us: int) -> "_Group":
        """Write groups as the item side's codes; those that no alive item has are left out."""
        code = codes_in(lists.words(column), items.words(column))
        affinity = lists.affinity_at(evening_us)
        total = np.bincount(lists.row_N, affinity) if len(affinity) else affinity
        share = affinity / np.maximum(total[lists.row_N], np.finfo(np.float64).tiny)
        age_days = np.maximum((evening_us - lists.instants("last_event_at")) / DAY_US, 0)
        kept = np.flatnonzero(code >= 0)
        order = kept[order_by(lists.row_N[kept], code[kept])]
        parts = (affinity, share, lists.numbers("num_orders"), age_days)
        return cls(key(lists.row_N[order], code[order]), *(part[order] for part in parts))

    def found(self, user_R: np.ndarray, code_R: np.ndarray) -> dict[str, np.ndarray]:
        """Look R users' histories with their items' groups up."""
        place = np.where(code_R >= 0, find(self.key_N, key(user_R, np.maximum(code_R, 0))), -1)
        return {
            "affinity": taken(self.affinity_N, place, otherwise=0),
            "share": taken(self.share_N, place, otherwise=0),
            "num_orders": taken(self.num_orders_N, place, otherwise=0),
            "days_since_event": taken(self.age_days_N, place, otherwise=np.nan),
        }


def _fill_group(numeric_RF: np.ndarray, prefix: str, found: dict[str, np.ndarray]) -> None:
    for name, values in found.items():
        column = _PLACE.get(f"{prefix}_pair_{name}")
        if column is not None:
            numeric_RF[:, column] = values


def _codes_at(items: ItemSide, word: str, place_R: np.ndarray) -> np.ndarray:
    return taken(items.codes(word), place_R, otherwise=-1)


def _fill_sources(numeric_RF: np.ndarray, rows: Rows) -> None:
    counts = np.bincount(rows.row_P, minlength=len(rows.item_R)).astype(np.float32)
    numeric_RF[:, _PLACE["num_sources"]] = np.where(counts > 0, counts, np.nan)
    numeric_RF[:, _PLACE["fused_score"]] = rows.fused_R
    number_N = numeric_RF.reshape(-1)
    first_P = rows.row_P * numeric_RF.shape[1]
    for what, value_P in (("rank", rows.rank_P), ("score", rows.score_P)):
        column_P = _SOURCE_COLUMNS[what][rows.source_P]
        is_ours = column_P >= 0
        number_N[(first_P + column_P)[is_ours]] = value_P[is_ours]


def _words(
    rows: Rows,
    users: pa.Table,
    items: ItemSide,
    place_R: np.ndarray,
) -> dict[str, pa.DictionaryArray]:
    words = {}
    for name in ("category", "brand", "seller_id", "host_id"):
        words[f"item_{name}"] = _dictionary(_codes_at(items, name, place_R), items.words(name))
    for name in USER_WORDS:
        encoded = users.column(name).combine_chunks().dictionary_encode()
        code_U = encoded.indices.fill_null(-1).to_numpy()
        words[f"user_{name}"] = _dictionary(code_U[rows.user_R], encoded.dictionary)
    return words


def _dictionary(code_R: np.ndarray, words: pa.Array) -> pa.DictionaryArray:
    indices = pa.array(code_R.astype(np.int32), mask=code_R < 0)
    return pa.DictionaryArray.from_arrays(indices, words)
