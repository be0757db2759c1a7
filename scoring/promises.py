"""What every row of slates/<surface> promises, tested on one Arrow batch.

Written apart from the makers of slates on purpose: nothing of ``scoring.slates`` or its helpers is
used here, so that one mistake cannot stand on both sides. How rows come together and how breaches
are counted is ``scoring.guarantees``.

Shapes: R rows, P places (items of slates and reserves, one behind another), N alive items.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import is_in, weekdays_of_epoch
from etl.tables.serving import AUDIENCES, PREDICTIONS
from scoring.checked_rows import ANY, Places, Shelf, booleans, flat, numbers, times

EVERYBODY: Final = "*"
OPTED_OUT: Final = "personalisation_off"
NO_RANKER: Final = "none"
_TOLERANCE: Final = 1e-9
_ITEM_BITS: Final = 32

PROMISES: Final = {
    "user_is_served": "every active user has a row",
    "row_is_wanted": "every row is an active user's, a segment's, or the one default row",
    "key_is_once": "no audience and key has two rows",
    "stand_in_is_there": "there is a default row, and one for each named segment of empty slates",
    "opt_out_is_kept": "who opted out has an empty row that says so, and nobody else",
    "segment_is_his": "a user's row names the segment of features/user_daily",
    "evening_is_one": "the features are of the evening after which the slate was made",
    "model_is_dated": "a model has a night, the fused order has none",
    "length_is_right": "K items, or fewer with a reason",
    "reserve_is_short": "the reserve holds at most its share of K, rounded up",
    "fields_are_there": "no required field of an item is null",
    "item_is_alive": "the item is in features/item_daily of the evening",
    "item_is_of_surface": "the item is of the surface's type",
    "item_is_in_stock": "the item is not sold out",
    "slot_is_due": "a live slot is of the weekday on which the slate is read",
    "id_is_its_own": "item_id is that of item_no",
    "item_is_once": "no item stands twice in slate and reserve",
    "item_is_not_done": "the user did not hide the item, nor buy it where items are bought once",
    "seller_is_capped": "a seller holds no more places of slate and reserve than allowed",
    "category_is_capped": "a category holds no more places of slate and reserve than allowed",
    "propensity_is_possible": "a propensity is in (0, 1] and one that exploration can give",
    "value_is_finite": "a value is a finite number",
    "sources_are_named": "somebody proposed the item",
    "prediction_is_possible": "a prediction of the surface's ranker is in [0, 1], others are null",
    "order_is_by_value": "values never rise, but for exploration and for rules that are named",
}
"""Every promise that is checked, in words; the list is closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one surface's slates were to keep to."""

    k: int
    """Places of the slate."""
    reserve_share: float
    """Places of the reserve as a share of K, rounded up."""
    max_per_seller: int
    """Places that one seller may hold, slate and reserve together."""
    max_per_category: int
    """Places that one category may hold, slate and reserve together."""
    rate: float
    """Probability of exploration at each place, in [0, 1)."""
    predictions: frozenset[str]
    """Of ``PREDICTIONS`` the fields that hold a number where a ranker serves."""

    @property
    def num_reserve(self) -> int:
        """Places that the reserve may have."""
        return math.ceil(self.k * self.reserve_share)


def broken_rows(rows: pa.Table, limits: Limits) -> Iterator[tuple[str, np.ndarray]]:
    """Test what a row as a whole promises.

    Args:
        rows: R rows as ``scoring.guarantees`` joins them.
        limits: What they were to keep to.

    Yields:
        A promise and where it is broken: bool, R.
    """
    has_row, is_active = booleans(rows["has_row"]), booleans(rows["is_active"])
    is_off = booleans(rows["is_off"])
    is_user = booleans(pc.equal(rows["audience"], "user"))
    says_off = booleans(pc.equal(rows["short_reason"], OPTED_OUT))
    num_items, num_reserve = (
        numbers(pc.list_value_length(rows[name]), 0) for name in ("items", "reserve")
    )
    is_full = num_items == limits.k
    says_why = booleans(pc.is_valid(rows["short_reason"]))
    yield "user_is_served", ~has_row
    yield "row_is_wanted", has_row & ~(is_active | _is_stand_in(rows))
    is_empty = (num_items == 0) & (num_reserve == 0) & says_off
    yield "opt_out_is_kept", has_row & np.where(is_off, ~is_empty, says_off)
    is_his = booleans(pc.equal(rows["segment"], rows["own_segment"]))
    yield "segment_is_his", has_row & is_user & is_active & ~is_his
    is_one = booleans(pc.equal(rows["feature_date"], rows["arrival_date"]))
    yield "evening_is_one", has_row & ~is_one
    has_ranker = ~booleans(pc.equal(rows["ranker"], NO_RANKER))
    yield "model_is_dated", has_row & (has_ranker != booleans(pc.is_valid(rows["model_date"])))
    yield "length_is_right", has_row & ((num_items > limits.k) | (is_full == says_why))
    yield "reserve_is_short", num_reserve > limits.num_reserve


def _is_stand_in(rows: pa.Table) -> np.ndarray:
    is_default = booleans(pc.equal(rows["audience"], AUDIENCES[2]))
    is_segment = booleans(pc.equal(rows["audience"], AUDIENCES[1]))
    return is_segment | (is_default & booleans(pc.equal(rows["audience_key"], EVERYBODY)))


def broken_places(
    rows: pa.Table, places: Places, shelf: Shelf, limits: Limits
) -> Iterator[tuple[str, np.ndarray]]:
    """Test what every item of slate and reserve promises.

    Args:
        rows: R rows as ``scoring.guarantees`` joins them.
        places: Their items.
        shelf: The evening's alive items.
        limits: What they were to keep to.

    Yields:
        A promise and where it is broken: bool, P.
    """
    _, is_alive_P = shelf.find(places.item_P())
    yield "item_is_alive", ~is_alive_P
    if is_alive_P.any():
        yield from _broken_items(places, shelf, limits)
        yield "slot_is_due", _is_of_another_day(rows, places, shelf)
    key_P = places.row_P << _ITEM_BITS | places.item_P()
    yield "item_is_once", times(key_P, is_alive_P) > 1
    done_row, _, done = flat(rows["done"])
    done_key = done_row << _ITEM_BITS | numbers(done["item_no"], -1).astype(np.int64)
    yield "item_is_not_done", is_in(key_P, np.sort(done_key))
    yield from _broken_numbers(rows, places, limits)


def _broken_items(places: Places, shelf: Shelf, limits: Limits) -> Iterator[tuple[str, np.ndarray]]:
    at_P, is_alive_P = shelf.find(places.item_P())
    yield "item_is_of_surface", is_alive_P & ~shelf.is_of_surface_N[at_P]
    yield "item_is_in_stock", is_alive_P & ~shelf.is_in_stock_N[at_P]
    own_id = shelf.item_id_N.take(pa.array(at_P))
    yield "id_is_its_own", is_alive_P & ~booleans(pc.equal(places.elements["item_id"], own_id))
    for promise, name, most in (
        ("seller_is_capped", "seller_id", limits.max_per_seller),
        ("category_is_capped", "category", limits.max_per_category),
    ):
        group_P = np.where(is_alive_P, shelf.groups[name][at_P], -1)
        of_user_P = places.row_P << _ITEM_BITS | group_P
        yield promise, times(of_user_P, group_P >= 0) > most


def _is_of_another_day(rows: pa.Table, places: Places, shelf: Shelf) -> np.ndarray:
    at_P, is_alive_P = shelf.find(places.item_P())
    # A slate is read on the day after its evening.
    read_on_R = numbers(rows["arrival_date"].cast(pa.int32()), 0).astype(np.int64) + 1
    read_R = weekdays_of_epoch(read_on_R)
    weekday_P = shelf.weekday_N[at_P]
    is_due_P = (weekday_P == ANY) | (weekday_P == read_R[places.row_P])
    return is_alive_P & shelf.is_of_surface_N[at_P] & ~is_due_P


def _broken_numbers(
    rows: pa.Table, places: Places, limits: Limits
) -> Iterator[tuple[str, np.ndarray]]:
    is_null_P = np.zeros(len(places.row_P), bool)
    for name in places.elements.column_names:
        if name not in PREDICTIONS.values():
            is_null_P |= booleans(pc.is_null(places.elements[name]))
    yield "fields_are_there", is_null_P
    yield "value_is_finite", ~np.isfinite(places.numbers("value", np.nan))
    yield "sources_are_named", places.length_P("sources") == 0
    yield "propensity_is_possible", ~_is_possible(places, limits.rate)
    has_ranker_P = ~booleans(pc.equal(rows["ranker"], NO_RANKER))[places.row_P]
    is_wrong_P = np.zeros(len(places.row_P), bool)
    for name in PREDICTIONS.values():
        p_P = places.numbers(name, 0.0)
        is_wrong_P |= ~((p_P >= 0) & (p_P <= 1))
        is_promised_P = has_ranker_P & (name in limits.predictions)
        is_wrong_P |= booleans(pc.is_valid(places.elements[name])) != is_promised_P
    yield "prediction_is_possible", is_wrong_P
    yield "order_is_by_value", _rises(places)


def _is_possible(places: Places, rate: float) -> np.ndarray:
    """1 or 1 − r for what was kept, at most r for what was drawn (DESIGN §6)."""
    p_P = places.numbers("propensity", np.nan)
    is_kept_P = (np.abs(p_P - 1) <= _TOLERANCE) | (np.abs(p_P - (1 - rate)) <= _TOLERANCE)
    fits_P = np.where(places.is_explored_P(), p_P <= rate + _TOLERANCE, is_kept_P)
    return (p_P > 0) & (p_P <= 1) & fits_P


def _rises(places: Places) -> np.ndarray:
    """Mark an item that is worth more than the one kept before it in the same list, by no rule."""
    kept = np.flatnonzero(~places.is_explored_P() & (places.length_P("rules") == 0))
    value, list_of = places.numbers("value", np.nan)[kept], (places.row_P << 1)[kept]
    list_of = list_of | places.is_reserve_P[kept]
    found = np.zeros(len(places.row_P), bool)
    found[kept[1:]] = (value[1:] > value[:-1]) & (list_of[1:] == list_of[:-1])
    return found
