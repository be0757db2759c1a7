"""What an item owes to its groups (category, brand, seller, host): sums over the evening's items.

Sums are made bucket by bucket, added up by Spark, and given back to every bucket.

Shapes: N known descriptions, R rows, G groups.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.types import DateType, LongType, StringType, StructField, StructType

from etl.arrow import codes_of
from etl.features import rates
from etl.features.evenings import day_column
from etl.features.positions import PARTS
from etl.features.windows import or_null, ratio_or_nan

EVERYTHING: Final = "everything"
GROUPS: Final = {
    "category": "category",
    "brand": "brand",
    "seller": "seller_id",
    "host": "host_id",
}
"""Groups that features are named after, and the column that says which one an item is of."""
OUTCOMES: Final = {
    "num_impressions_28d": ("impression", 28),
    "examined_28d": ("examined", 28),
    "num_clicks_1d": ("click", 1),
    "num_clicks_7d": ("click", 7),
    "num_clicks_28d": ("click", 28),
    "num_carts_28d": ("cart", 28),
    "num_orders_28d": ("order", 28),
    "num_likes_28d": ("like", 28),
    "num_hides_28d": ("hide", 28),
    "num_cancels_28d": ("cancel", 28),
    "watch_ms_28d": ("watch_ms", 28),
}
"""What is added up over a group's items, and the window of each that it is."""
WATCHED: Final = ("watched_ms_28d", "watchable_ms_28d")
"""Time watched of items whose length is known, and what it would be had every watch been whole."""
NUMBERS: Final = (*OUTCOMES, *WATCHED, "sum_price_cents", "num_priced")
KEY: Final = ("arrival_date", "item_type", "grouped_by", "name")
SCHEMA: Final = StructType(
    [
        StructField("arrival_date", DateType()),
        *(StructField(name, StringType()) for name in KEY[1:]),
        *(StructField(name, LongType()) for name in NUMBERS),
    ]
)
"""One group's sums on one evening: all items of a type, or those of one of ``GROUPS``."""


def sums(
    numbers: dict[str, np.ndarray], *, day_R: np.ndarray, said_R: np.ndarray, described: pa.Table
) -> pa.Table:
    """Add the items of a bucket up by group.

    Args:
        numbers: ``NUMBERS`` by name, int64, R.
        day_R: Number of each row's evening.
        said_R: Which description is each row's.
        described: item_type and the columns of ``GROUPS`` as words, N.

    Returns:
        Rows of ``SCHEMA``.
    """
    type_words, (type_N,) = codes_of(described.column("item_type"))
    made = []
    for group, column in {EVERYTHING: None, **GROUPS}.items():
        names, name_N = _names(described, column)
        named = np.flatnonzero(name_N[said_R] >= 0)
        said = said_R[named]
        rows = {"day": day_R[named], "type": type_N[said], "name": name_N[said]}
        rows |= {name: number[named] for name, number in numbers.items()}
        added = pa.table(rows).group_by(["day", "type", "name"], use_threads=False)
        made.append(_said(added.aggregate([(n, "sum") for n in NUMBERS]), group, type_words, names))
    return pa.concat_tables(made)


def _names(described: pa.Table, column: str | None) -> tuple[pa.StringArray, np.ndarray]:
    """The names of a kind of groups, and each description's place among them; −1: of none."""
    if column is None:
        return pa.array([""]), np.zeros(described.num_rows, np.int64)
    names, (name_N,) = codes_of(described.column(column))
    return names, name_N


def _said(added: pa.Table, group: str, types: pa.StringArray, names: pa.StringArray) -> pa.Table:
    columns = {
        "arrival_date": day_column(added.column("day").to_numpy()),
        "item_type": types.take(added.column("type").combine_chunks()),
        "grouped_by": pa.repeat(group, added.num_rows),
        "name": names.take(added.column("name").combine_chunks()),
    }
    return pa.table(columns | {name: added.column(f"{name}_sum") for name in NUMBERS})


@dataclass(frozen=True, slots=True)
class Groups:
    """The sums of each row's groups."""

    place_R: dict[str, np.ndarray]
    """For each kind of groups the row's place in ``numbers``; −1, its last, where it has none."""
    numbers: dict[str, np.ndarray]
    """float64, G + 1, the last NaN."""

    @classmethod
    def of(
        cls, added: pa.Table, *, day_R: np.ndarray, said_R: np.ndarray, described: pa.Table
    ) -> "Groups":
        """Find each row's groups.

        Args:
            added: Rows of ``SCHEMA``, one a group, those of all buckets together.
            day_R: Number of each row's evening.
            said_R: Which description is each row's.
            described: item_type and the columns of ``GROUPS`` as words, N.
        """
        places = {
            group: _places(added, group, column, (day_R, said_R, described))
            for group, column in {EVERYTHING: None, **GROUPS}.items()
        }
        numbers = {n: np.r_[added.column(n).to_numpy().astype(float), np.nan] for n in NUMBERS}
        return cls(places, numbers)

    def total(self, group: str, name: str) -> np.ndarray:
        """Sum of each row's group: float64, R, NaN where it has none."""
        if not self.has(group):
            return np.full(len(self.place_R[group]), np.nan)
        return self.numbers[name][self.place_R[group]]

    def has(self, group: str) -> bool:
        """Whether any row has such a group: most logs lack some, and need no looking up."""
        return len(self.place_R[group]) > 0 and self.place_R[group].max() >= 0

    def overall(self, part: str, whole: str) -> np.ndarray:
        """Rate of all items of the type."""
        parts, wholes = (self._numbers(what) for what in (part, whole))
        return rates.overall(parts, wholes)[self.place_R[EVERYTHING]]

    def watch_share(self) -> np.ndarray:
        """Share of their length that all items of the type are watched."""
        watched, watchable = (self.numbers[name] for name in WATCHED)
        return rates.overall(watched, watchable)[self.place_R[EVERYTHING]]

    def rate(self, group: str, part: str, whole: str, prior: float) -> np.ndarray:
        """Rate of each row's group, drawn towards that of all items of the type."""
        if not self.has(group):
            return np.full(len(self.place_R[group]), np.nan)
        parts, wholes = (self._numbers(what)[self.place_R[group]] for what in (part, whole))
        return rates.drawn(parts, wholes, self.overall(part, whole), prior)

    def _numbers(self, what: str) -> np.ndarray:
        """How many there were in 28 days by group; of impressions also how many were looked at."""
        if what == "examined":
            return self.numbers["examined_28d"] / PARTS
        return self.numbers[f"num_{what}s_28d"]

    def expected(self, part: str, whole: str, prior: float) -> np.ndarray:
        """Rate of the row's category, where it has none that of all items of the type."""
        of_category = self.rate("category", part, whole, prior)
        has_category = self.place_R["category"] >= 0
        return np.where(has_category, of_category, self.overall(part, whole))


def _places(
    added: pa.Table,
    group: str,
    column: str | None,
    rows: tuple[np.ndarray, np.ndarray, pa.Table],
) -> np.ndarray:
    day_R, said_R, described = rows
    if column is not None and described.column(column).null_count == described.num_rows:
        return np.full(len(day_R), -1)
    chosen = np.flatnonzero(pc.equal(added.column("grouped_by"), group).to_numpy())
    of_group = added.take(pa.array(chosen))
    types, (type_G, type_N) = codes_of(of_group.column("item_type"), described.column("item_type"))
    words = (
        described.column(column)
        if column
        else pa.chunked_array([[""] * described.num_rows], pa.string())
    )
    names, (name_G, name_N) = codes_of(of_group.column("name"), words)
    day_G = of_group.column("arrival_date").cast(pa.int32()).to_numpy().astype(np.int64)
    key_G = (day_G * len(types) + type_G) * len(names) + name_G
    key_R = (day_R * len(types) + type_N[said_R]) * len(names) + name_N[said_R]
    order = np.argsort(key_G)
    place = np.searchsorted(key_G[order], key_R)
    return np.where(name_N[said_R] >= 0, np.r_[chosen[order], -1][place], -1)


def features(
    groups: Groups,
    price_R: np.ndarray,
    *,
    prior_impressions: float,
    prior_clicks: float,
    prior_orders: float,
) -> dict[str, pa.Array]:
    """Say how a row's groups do.

    Args:
        groups: The sums of each row's groups.
        price_R: Each row's price in cents, NaN where the log has none.
        prior_impressions: Impressions looked at, at everyone's rate, added to a group's own.
        prior_clicks: Clicks at everyone's rate added to a group's own.
        prior_orders: Orders at everyone's rate added to a group's own.
    """
    found = {}
    for group in GROUPS:
        found[f"{group}_click_rate_28d"] = groups.rate(
            group, "click", "examined", prior_impressions
        )
        found[f"{group}_num_clicks_7d"] = groups.total(group, "num_clicks_7d")
        found[f"{group}_num_orders_28d"] = groups.total(group, "num_orders_28d")
        found[f"{group}_order_rate_28d"] = groups.rate(group, "order", "click", prior_clicks)
    today, week = (groups.total("category", f"num_clicks_{n}d") for n in (1, 7))
    priced = (groups.total("category", name) for name in ("sum_price_cents", "num_priced"))
    found |= {
        "category_cart_rate_28d": groups.rate("category", "cart", "click", prior_clicks),
        "category_click_trend": (today + 1.0) / (week / 7.0 + 1.0),
        "seller_cancel_rate_28d": groups.rate("seller", "cancel", "order", prior_orders),
        "price_to_category_ratio": ratio_or_nan(price_R, ratio_or_nan(*priced)),
    }
    return {name: or_null(values) for name, values in found.items()}
