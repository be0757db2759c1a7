"""The folds of user_pairs: what some users have to do with items and their groups.

Here are counts, lasts and affinities by user and thing, and what is forgotten of them. Which users
are shown on which day stands in ``user_pairs``.

Shapes: E events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import (
    codes_of,
    flat_lists,
    lists_of,
    offsets_of,
    order_by,
    places_in_runs,
    ranges,
    run_starts,
)
from etl.features.evenings import INSTANT
from etl.features.fold import NEVER, Fold
from etl.features.touches import LOOK_CODE
from etl.tables.user_states import EVENT_CODES

NEVER_AN_ITEM: Final = -1
MAX_ITEMS: Final = 2_000
MAX_GROUPS: Final = 1_000
HALF_LIFE_DAYS: Final = 7.0
SHORT_TERM_DAYS: Final = 2.0
LONG_TERM_DAYS: Final = 30.0
GROUPS: Final = {
    "categories": "category",
    "brands": "brand",
    "sellers": "seller_id",
    "hosts": "host_id",
}
"""Arrays of groups and the column of the touched item that each follows."""
_ITEM_SUMS: Final = ("num_clicks", "num_carts", "num_orders", "num_hides", "watch_ms")
_LONG: Final = ("watch_ms", "examined", "expected")
"""Sums that outgrow 32 bits."""
_ITEM_LASTS: Final = ("last_click_at", "last_cart_at", "last_order_at", "last_watch_at")
_GROUP_SUMS: Final = ("num_clicks", "num_orders")
_SHOWN_SUMS: Final = {"categories": ("examined", "expected")}
"""What besides is counted of the groups of which it is remembered what a user was shown."""


@dataclass(slots=True)
class Book:
    """The folds of some users and the E events still to be folded."""

    user_E: np.ndarray
    day_E: np.ndarray
    at_E: np.ndarray
    weight_E: np.ndarray
    counted: dict[str, np.ndarray]
    item_E: np.ndarray
    items: Fold
    group_E: dict[str, np.ndarray]
    groups: dict[str, Fold]
    words: dict[str, pa.StringArray]

    @classmethod
    def of(
        cls,
        touched: pa.Table,
        user: np.ndarray,
        state: pa.Table,
        old_user: np.ndarray,
        *,
        weights: Mapping[str, float],
    ) -> "Book":
        """Open the book of some users.

        Args:
            touched: Rows of ``etl.features.touches``, of a user in order of arrival and time;
                looks behind them, which count for categories alone.
            user: int64, the user of each.
            state: Rows of ``tables.FEATURES_USER_PAIRS``, one per user.
            old_user: int64, the user of each.
            weights: What each event type adds to affinities.
        """
        code = touched.column("event_code").to_numpy()
        weight_of_code = np.zeros(max(EVENT_CODES.values()) + 1)
        for name, weight in weights.items():
            weight_of_code[EVENT_CODES[name]] = weight
        row, known = flat_lists(state.column("items"))
        items = _fold(
            old_user[row], known.field("item_no").to_numpy(), known, _ITEM_SUMS, _ITEM_LASTS
        )
        book = cls(
            user_E=user,
            day_E=touched.column("arrival_date").cast(pa.int32()).to_numpy(),
            at_E=touched.column("event_at").cast(pa.int64()).to_numpy(),
            weight_E=weight_of_code[code],
            counted=_counted(code, touched),
            item_E=touched.column("item_no").fill_null(NEVER_AN_ITEM).to_numpy(),
            items=items,
            group_E={},
            groups={},
            words={},
        )
        for array, column in GROUPS.items():
            book._take_group(array, column, touched, state, old_user)
        return book

    def _take_group(
        self, array: str, column: str, touched: pa.Table, state: pa.Table, old_user: np.ndarray
    ) -> None:
        row, known = flat_lists(state.column(array))
        names = pa.chunked_array([known.field(column)])
        self.words[array], (new, old) = codes_of(touched.column(column), names)
        self.group_E[array] = new
        sums = _GROUP_SUMS + _SHOWN_SUMS.get(array, ())
        self.groups[array] = _fold(
            old_user[row], old, known, sums, ("last_event_at",), slow_and_fast=True
        )

    def add(self, today: np.ndarray, who: np.ndarray) -> None:
        """Fold one day's events in and forget what is over the limits of its users."""
        self._add_to(self.items, self.item_E, today[self.item_E[today] != NEVER_AN_ITEM])
        _forget(self.items, who, MAX_ITEMS, always=("num_orders", "num_hides"))
        for array, fold in self.groups.items():
            self._add_to(fold, self.group_E[array], today[self.group_E[array][today] >= 0])
            _forget(fold, who, MAX_GROUPS)

    def _add_to(self, fold: Fold, number_E: np.ndarray, today: np.ndarray) -> None:
        counted = {name: values[today] for name, values in self.counted.items()}
        key = _key(self.user_E[today], number_E[today])
        fold.add(key, self.at_E[today], self.weight_E[today], counted=counted)
        # A cancel whose order we never saw must not leave less than nothing.
        fold.sums["num_orders"] = np.maximum(fold.sums["num_orders"], 0)

    def forget(self, is_gone_U: np.ndarray) -> None:
        """Drop all that is known of the marked users."""
        for fold in (self.items, *self.groups.values()):
            fold.keep(~is_gone_U[fold.key_K >> 32])

    def lists(self, who: np.ndarray, num_users: int) -> dict[str, pa.Array]:
        """Write the state of some users as list columns."""
        found = {"items": _lists(self.items, who, num_users, "item_no", None)}
        for array, column in GROUPS.items():
            found[array] = _lists(self.groups[array], who, num_users, column, self.words[array])
        return found


def _counted(code: np.ndarray, touched: pa.Table) -> dict[str, np.ndarray]:
    """What each event adds to the counts, and of which kind it is."""
    is_click = np.isin(code, [EVENT_CODES["view"], EVENT_CODES["click"]])
    is_cart = code == EVENT_CODES["cart"]
    is_order = code == EVENT_CODES["order"]
    return {
        "num_clicks": is_click.astype(np.int64),
        "num_carts": is_cart.astype(np.int64),
        "num_orders": is_order.astype(np.int64) - (code == EVENT_CODES["cancel"]),
        "num_hides": (code == EVENT_CODES["hide"]).astype(np.int64),
        "watch_ms": touched.column("watch_ms").fill_null(0).to_numpy(),
        "examined": touched.column("examined").to_numpy(),
        "expected": touched.column("expected").to_numpy(),
        "last_click_at": is_click,
        "last_cart_at": is_cart,
        "last_order_at": is_order,
        "last_watch_at": code == EVENT_CODES["watch"],
        "last_event_at": code != LOOK_CODE,
    }


def _fold(  # noqa: PLR0913
    user: np.ndarray,
    number: np.ndarray,
    known: pa.StructArray,
    sums: tuple[str, ...],
    lasts: tuple[str, ...],
    *,
    slow_and_fast: bool = False,
) -> Fold:
    """Take the state of some users up again, sorted by user and number."""
    order = order_by(user, number)
    half_lives = {"affinity": HALF_LIFE_DAYS}
    if slow_and_fast:
        half_lives |= {"short_term_affinity": SHORT_TERM_DAYS, "long_term_affinity": LONG_TERM_DAYS}

    def instants(name: str) -> np.ndarray:
        return known.field(name).cast(pa.int64()).fill_null(NEVER).to_numpy()[order]

    return Fold(
        key_K=_key(user, number)[order],
        sums={name: known.field(name).to_numpy().astype(np.int64)[order] for name in sums},
        lasts={name: instants(name) for name in lasts},
        decayed={days: known.field(name).to_numpy()[order] for name, days in half_lives.items()},
        at_K=instants("affinity_at"),
    )


def _forget(fold: Fold, who: np.ndarray, limit: int, *, always: tuple[str, ...] = ()) -> None:
    """Keep the ``limit`` latest keys of each touched user, and those counted in ``always``."""
    user = fold.key_K >> 32
    num_keys = np.searchsorted(user, who + 1) - np.searchsorted(user, who)
    if not np.any(num_keys > limit):
        return
    order = np.lexsort((fold.key_K, -fold.at_K, user))
    kept = np.zeros(len(user), bool)
    kept[order[places_in_runs(run_starts(user[order])) < limit]] = True
    kept |= ~np.isin(user, who)
    for name in always:
        kept |= fold.sums[name] > 0
    fold.keep(kept)


def _lists(
    fold: Fold, who: np.ndarray, num_users: int, column: str, words: pa.StringArray | None
) -> pa.ListArray:
    indptr = offsets_of(fold.key_K >> 32, num_users).astype(np.int64)
    row, element = ranges(indptr, who)
    number = fold.key_K[element] & 0xFFFFFFFF
    columns: dict[str, pa.Array] = {
        column: pa.array(number.astype(np.int32)) if words is None else words.take(pa.array(number))
    }
    for name, sums in fold.sums.items():
        columns[name] = pa.array(sums[element] if name in _LONG else sums[element].astype(np.int32))
    for name, lasts in fold.lasts.items():
        values = lasts[element]
        columns[name] = pa.array(values, mask=values == NEVER).cast(INSTANT)
    columns["affinity"] = pa.array(fold.decayed[HALF_LIFE_DAYS][element])
    columns["affinity_at"] = pa.array(fold.at_K[element]).cast(INSTANT)
    if SHORT_TERM_DAYS in fold.decayed:
        columns["short_term_affinity"] = pa.array(fold.decayed[SHORT_TERM_DAYS][element])
        columns["long_term_affinity"] = pa.array(fold.decayed[LONG_TERM_DAYS][element])
    elements = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    return lists_of(row, len(who), elements)


def _key(user: np.ndarray, number: np.ndarray) -> np.ndarray:
    return user.astype(np.int64) << 32 | number.astype(np.int64)
