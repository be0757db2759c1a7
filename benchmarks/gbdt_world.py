"""A drawn evening of the product feed, as the lake's tables have it: what trees score and learn.

Columns are drawn by their tables' schemas. Clicks follow a few features and the place, so that
trees and the curve of places have something to find.

Shapes: U users, I items near each, N rows, P proposals, S sources.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import arrow_schema, lists_of
from etl.surfaces import PRODUCT_FEED
from etl.tables import CANDIDATES, FEATURES_ITEM_DAILY, FEATURES_USER_DAILY, FEATURES_USER_PAIRS
from etl.tables.retrieval import SOURCE_CODES
from scoring.slates import described
from training import item_side
from training.assemble import USER_COLUMNS, Rows
from training.inputs import Inputs
from training.item_side import ItemSide
from training.rankers.ranker import Batch
from training.user_side import DAY_US, end_of

EVENING: Final = date(2026, 1, 10)
_WORDS: Final = {
    "category": 200,
    "brand": 800,
    "seller_id": 1000,
    "host_id": 40,
    "country": 8,
    "platform": 3,
    "language": 6,
    "word": 3000,
}
"""How many there are of each."""
_LENGTHS: Final = {
    "items": 30,
    "categories": 12,
    "brands": 15,
    "sellers": 20,
    "hosts": 1,
    "followed_hosts": 1,
    "query_words": 3,
}
"""Mean lengths of a user's lists."""
_NEAR: Final = 1000
"""Items of which a user's own ones and his candidates are."""
_PROPOSALS: Final = 4
"""Sources that propose a candidate, on average."""
_NOT_KNOWN: Final = 0.1
"""Share of nulls where a column may have them."""
_DAYS: Final = 30
"""How far back instants lie."""


@dataclass(frozen=True, slots=True)
class Evening:
    """Users with their candidates and states, and the evening's items."""

    asked: pa.Table
    state: pa.Table
    items: ItemSide

    def described(self) -> tuple[Rows, Inputs]:
        """List and assemble what is ranked, as the kernel of slates does."""
        return described(EVENING, self.asked, self.state, items=self.items)


def shop(num_items: int, seed: int) -> ItemSide:
    """Draw products: none has a host, a duration, or products that it shows."""
    rng = np.random.default_rng(seed)
    schema = arrow_schema(FEATURES_ITEM_DAILY.schema)
    words = [_values(pa.field("word", pa.string()), num_items, rng) for _ in range(5)]
    said = {
        "item_no": pa.array(np.arange(num_items, dtype=np.int32)),
        "item_id": pa.array([f"p{number}" for number in range(num_items)]),
        "item_type": pa.array([PRODUCT_FEED.item_type] * num_items),
        "title": pa.array([" ".join(title) for title in zip(*words, strict=True)]),
    }
    for name in ("host_id", "duration_ms", "product_ids"):
        said[name] = pa.nulls(num_items, schema.field(name).type)
    fields = [schema.field(name) for name in item_side.COLUMNS]
    arrays = item_side.arrays_of(pa.table(_drawn(fields, num_items, said, rng)))
    return ItemSide({name: pa.array(array) for name, array in arrays.items()})


def evening(items: ItemSide, *, users: int, each: int, seed: int) -> Evening:
    """Draw users, what they have to do with items, and candidates of each."""
    rng = np.random.default_rng(seed)
    near_UI = _near(len(items.item_no_N), users, rng)
    daily = arrow_schema(FEATURES_USER_DAILY.schema)
    hours = pa.array(rng.integers(9, size=users * 24, dtype=np.int8))
    said = {
        "user_id": pa.array([f"u{number}" for number in range(users)]),
        "active_hours": lists_of(np.repeat(np.arange(users), 24), users, hours),
        "candidates": _candidates(near_UI[:, :each], rng),
        **_lists(daily, near_UI, rng),
    }
    fields = [daily.field(name) for name in ("user_id", "is_personalisation_off", *USER_COLUMNS)]
    state = _lists(arrow_schema(FEATURES_USER_PAIRS.schema), near_UI, rng)
    return Evening(pa.table(_drawn(fields, users, said, rng)), pa.table(state), items)


def shown(items: ItemSide, *, users: int, each: int, seed: int) -> Batch:
    """Show drawn users their candidates in a drawn order, and see what they click and order."""
    rng = np.random.default_rng(seed)
    rows, given = evening(items, users=users, each=each, seed=seed).described()
    num_rows = len(given)
    place_N = rng.permuted(np.tile(np.arange(each), (users, 1)), axis=1).ravel()
    logit_N = np.full(num_rows, -2.5)
    for name in ("item_click_rate_28d", "user_click_rate_28d", "category_pair_affinity"):
        logit_N += 0.5 * np.log1p(np.nan_to_num(given.number(name), nan=1.0))
    click_N = rng.random(num_rows) < (1 + place_N) ** -0.3 / (1 + np.exp(-logit_N))
    order_rate_N = np.nan_to_num(given.number("item_order_rate_28d"), nan=1.0)
    order_N = click_N & (rng.random(num_rows) < order_rate_N / (3 + order_rate_N))
    return Batch(
        given.at_positions(place_N),
        {"click": click_N, "order": order_N},
        weight_N=np.ones(num_rows),
        user_N=rows.user_R,
        evening_N=np.zeros(num_rows, np.int64),
        is_own_N=np.ones(num_rows, bool),
        propensity_N=np.full(num_rows, np.nan),
    )


def _near(num_items: int, users: int, rng: np.random.Generator) -> np.ndarray:
    """Each user's own corner of the shop, in a drawn order: int64, U × I."""
    size = min(_NEAR, num_items)
    first_U = rng.integers(num_items - size + 1, size=users)
    return first_U[:, None] + rng.random((users, size)).argsort(axis=1)


def _candidates(item_UN: np.ndarray, rng: np.random.Generator) -> pa.ListArray:
    """Column ``items`` of candidates/product_feed."""
    users, each = item_UN.shape
    kind = arrow_schema(CANDIDATES[PRODUCT_FEED.name].schema).field("items").type.value_type
    code_S = np.array(list(SOURCE_CODES.values()), np.int8)
    is_by_NS = rng.random((users * each, len(code_S))) < _PROPOSALS / len(code_S)
    row_P, source_P = np.nonzero(is_by_NS)
    source = {"source": pa.array(code_S[source_P])}
    proposals = _structs(kind.field("proposals").type.value_type, len(row_P), source, rng)
    said = {
        "item_no": pa.array(item_UN.ravel().astype(np.int32)),
        "proposals": lists_of(row_P, users * each, proposals),
    }
    elements = _structs(kind, users * each, said, rng)
    return lists_of(np.repeat(np.arange(users), each), users, elements)


def _lists(
    schema: pa.Schema, near_UI: np.ndarray, rng: np.random.Generator
) -> dict[str, pa.ListArray]:
    """Those of a table's columns that are lists of a user; of items his own ones, ascending."""
    found = {}
    for name in [name for name in _LENGTHS if name in schema.names]:
        length_U = np.minimum(rng.poisson(_LENGTHS[name], len(near_UI)), near_UI.shape[1])
        row_E = np.repeat(np.arange(len(near_UI)), length_U)
        own = [
            np.sort(rng.choice(near, n, replace=False))
            for near, n in zip(near_UI, length_U, strict=True)
        ]
        said = {"item_no": pa.array(np.concatenate(own).astype(np.int32))}
        elements = _structs(schema.field(name).type.value_type, len(row_E), said, rng)
        found[name] = lists_of(row_E, len(near_UI), elements)
    return found


def _structs(
    kind: pa.StructType, size: int, said: Mapping[str, pa.Array], rng: np.random.Generator
) -> pa.StructArray:
    """Draw elements of lists; of their fields instants of last events alone may be missing."""
    fields = [field.with_nullable(field.name.startswith("last_")) for field in kind]
    found = _drawn(fields, size, said, rng)
    return pa.StructArray.from_arrays([found[field.name] for field in kind], fields=list(kind))


def _drawn(
    fields: Iterable[pa.Field], size: int, said: Mapping[str, pa.Array], rng: np.random.Generator
) -> dict[str, pa.Array]:
    """Draw the columns of which nothing is said."""
    found = dict(said)
    for field in fields:
        if field.name not in said:
            values = _values(field, size, rng)
            is_gone = rng.random(size) < (_NOT_KNOWN if field.nullable else 0)
            found[field.name] = pa.array(values, field.type, mask=is_gone)
    return found


def _values(field: pa.Field, size: int, rng: np.random.Generator) -> np.ndarray:
    kind = field.type
    if pa.types.is_string(kind):
        words = np.array([f"{field.name}{number}" for number in range(_WORDS[field.name])], object)
        return words[(len(words) * rng.random(size) ** 2).astype(np.int64)]
    if pa.types.is_temporal(kind):
        unit_us = DAY_US if pa.types.is_date(kind) else 1
        ago_us = rng.random(size) * _DAYS * DAY_US
        return ((end_of(EVENING) - ago_us) // unit_us).astype(np.int32 if unit_us > 1 else np.int64)
    if pa.types.is_floating(kind):
        return rng.lognormal(size=size)
    if pa.types.is_boolean(kind):
        return np.zeros(size, bool)
    return rng.geometric(0.3, size) - 1
