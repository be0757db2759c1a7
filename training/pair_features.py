"""Features of a user with an item beyond counts: hosts, hours, titles, and what videos show.

Part of ``training.assemble``, which says what a row is. Each function gives columns by the names
of ``etl.features.dictionary.PAIR``, NaN where nothing is known.

Shapes: U users, R rows (grouped by user), N elements of a user's lists, W words.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from etl.arrow import ranges, run_starts
from training.category_looks import CategoryLooks
from training.item_side import FEATURES, ItemSide
from training.lookup import find, key, taken
from training.user_side import DAY_US, Lists, codes_in, hours_of

_APPEAL = FEATURES.index("appeal")
_DURATION = FEATURES.index("duration_ms")
_OF_WATCHES = ("pair_watch_share", "usual_watch_share")
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Asked:
    """R rows that ask, with the U users and the items they ask about."""

    user_R: np.ndarray
    item_R: np.ndarray
    """int64: item_no."""
    place_R: np.ndarray
    """int64: the item's place on the item side, −1 where it is not alive."""
    users: pa.Table
    """Rows of ``tables.FEATURES_USER_DAILY``."""
    items: ItemSide
    pairs: Lists
    """features/user_pairs.items."""
    categories: Lists
    """features/user_pairs.categories."""
    evening_us: int

    @property
    def key_N(self) -> np.ndarray:
        """int64, ascending: user and item_no of his items."""
        return key(self.pairs.row_N, self.pairs.numbers("item_no").astype(np.int64))


def of_all(asked: Asked) -> Columns:
    """Every feature of this module."""
    every = (of_looks, of_hosts, of_hours, of_titles, of_watches, of_shown_products)
    return {name: values for of in every for name, values in of(asked).items()}


def of_looks(asked: Asked) -> Columns:
    """How often he looked at the item's category, how eagerly he clicks there, and so at it."""
    looks = CategoryLooks.of(asked.categories, asked.items)
    code_R = taken(asked.items.codes("category"), asked.place_R, otherwise=-1).astype(np.int64)
    found = looks.at(asked.user_R, code_R)
    appeal_R = taken(asked.items.numeric_NF[:, _APPEAL], asked.place_R, otherwise=np.nan)
    return {
        "category_pair_examined": found["looks"],
        "category_pair_expected": found["expected"],
        "category_pair_click_lift": found["lift"],
        "pair_appeal": found["lift"] * appeal_R,
    }


def of_hosts(asked: Asked) -> Columns:
    """Tell whether he follows the item's host; missing where the item has none."""
    followed = Lists.of(asked.users.column("followed_hosts"))
    code = codes_in(followed.words("host_id"), asked.items.words("host_id"))
    known = code >= 0
    keys = np.sort(key(followed.row_N[known], code[known]))
    host_R = taken(asked.items.codes("host_id"), asked.place_R, otherwise=-1).astype(np.int64)
    is_followed = find(keys, key(asked.user_R, np.maximum(host_R, 0))) >= 0
    return {"is_host_followed": np.where(host_R >= 0, is_followed, np.nan)}


def of_hours(asked: Asked) -> Columns:
    """Share of his active hours that are a live slot's; missing for what is no slot."""
    hour_R = taken(asked.items.slot_hour_N, asked.place_R, otherwise=-1).astype(np.int64)
    found = np.full(len(hour_R), np.nan)
    slot = np.flatnonzero(hour_R >= 0)
    days_UH = hours_of(asked.users.column("active_hours"))
    total_U = days_UH.sum(axis=1)
    user = asked.user_R[slot]
    is_known = total_U[user] > 0
    slot, user = slot[is_known], user[is_known]
    found[slot] = days_UH[user, hour_R[slot]] / total_U[user]
    return {"slot_presence_share": found}


def of_titles(asked: Asked) -> Columns:
    """Share of a title's distinct words that he searched for; missing where he did not search."""
    searched = Lists.of(asked.users.column("query_words"))
    code = codes_in(searched.words("word"), asked.items.title_vocabulary)
    known = code >= 0
    keys = np.sort(key(searched.row_N[known], code[known]))
    has_searched_U = np.zeros(asked.users.num_rows, bool)
    has_searched_U[searched.row_N] = True
    row = np.flatnonzero(has_searched_U[asked.user_R] & (asked.place_R >= 0))
    of, word = ranges(asked.items.title_indptr, asked.place_R[row])
    wanted = key(asked.user_R[row][of], asked.items.title_word_W[word])
    hits = np.bincount(of, find(keys, wanted) >= 0, len(row))
    total = np.bincount(of, minlength=len(row))
    found = np.full(len(asked.user_R), np.nan)
    has_words = total > 0
    found[row[has_words]] = hits[has_words] / total[has_words]
    return {"query_title_share": found}


def of_watches(asked: Asked) -> Columns:
    """How much of the item he watched, and how much of the videos that he began."""
    duration = asked.items.numeric_NF[:, _DURATION].astype(np.float64)
    if not (duration > 0).any():
        return dict.fromkeys(_OF_WATCHES, np.full(len(asked.user_R), np.nan))
    watch_ms = asked.pairs.numbers("watch_ms")
    item_no = asked.pairs.numbers("item_no").astype(np.int64)
    own = find(asked.key_N, key(asked.user_R, asked.item_R))
    watched_R = taken(watch_ms, own, otherwise=0)
    duration_R = _above_0(taken(duration, asked.place_R, otherwise=np.nan))
    place = asked.items.places(item_no)
    duration_N = _above_0(taken(duration, place, otherwise=np.nan))
    is_video = taken(asked.items.is_video_N, place, otherwise=False).astype(bool)
    begun = np.flatnonzero((watch_ms > 0) & is_video & ~np.isnan(duration_N))
    row, length = asked.pairs.row_N[begun], duration_N[begun]
    seen = np.bincount(row, np.minimum(watch_ms[begun], length), asked.users.num_rows)
    whole = np.bincount(row, length, asked.users.num_rows)
    share_U = np.divide(seen, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    found = (watched_R / duration_R, share_U[asked.user_R])
    return dict(zip(_OF_WATCHES, found, strict=True))


def of_shown_products(asked: Asked) -> Columns:
    """What he has to do with the products that a video or slot shows, and the other way round."""
    num_rows = len(asked.user_R)
    affinity, days = np.full(num_rows, np.nan), np.full(num_rows, np.nan)
    if len(asked.items.shown_place_S):
        row = np.flatnonzero(asked.place_R >= 0)
        affinity[row] = _affinity_with_shown(asked, row)
        days[row] = _days_since_showing(asked, row)
    return {"shown_pair_affinity": affinity, "pair_days_since_showing": days}


def _affinity_with_shown(asked: Asked, row: np.ndarray) -> np.ndarray:
    """His affinity with all products that a row's item shows; NaN where it shows none."""
    of, shown = ranges(asked.items.shown_indptr, asked.place_R[row])
    product = asked.items.item_no_N[asked.items.shown_place_S[shown]]
    place = find(asked.key_N, key(asked.user_R[row][of], product))
    own = taken(asked.pairs.affinity_at(asked.evening_us), place, otherwise=0)
    added = np.bincount(of, own, len(row))
    return np.where(np.bincount(of, minlength=len(row)) > 0, added, np.nan)


def _days_since_showing(asked: Asked, row: np.ndarray) -> np.ndarray:
    """Days since he clicked or watched what shows a row's item; NaN where he never did."""
    seen_us = np.fmax(*(asked.pairs.instants(f"last_{what}_at") for what in ("click", "watch")))
    place = asked.items.places(asked.pairs.numbers("item_no").astype(np.int64))
    seen = np.flatnonzero((place >= 0) & ~np.isnan(seen_us))
    of, shown = ranges(asked.items.shown_indptr, place[seen])
    keys = key(asked.pairs.row_N[seen][of], asked.items.shown_place_S[shown])
    at = seen_us[seen][of]
    order = np.lexsort((-at, keys))
    last = order[run_starts(keys[order])]
    found = find(keys[last], key(asked.user_R[row], asked.place_R[row]))
    age = (asked.evening_us - taken(at[last], found, otherwise=np.nan)) / DAY_US
    return np.maximum(age, 0)


def _above_0(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)
