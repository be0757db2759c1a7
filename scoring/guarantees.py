"""Checks a night's slates before they are published: every row, every promise.

What is promised stands in ``scoring.promises``; here the rows meet what they are held against, and
breaches are counted. Nothing is shared with the maker of slates. Whoever publishes refuses on any
breach (``scoring.publish``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl.surfaces import Surface
from etl.tables.schema import PARTITION
from scoring.checked_rows import Places, Shelf
from scoring.promises import EVERYBODY, PROMISES, Limits, broken_places, broken_rows

__all__ = ["PROMISES", "Broken", "Limits", "check"]

_KEY: Final = ("audience", "audience_key")
_NUM_EXAMPLES: Final = 5
_BREACH: Final = "promise string, example string"
_NO_SEGMENT: Final = "||"
_PAIR_FIELDS: Final = ("item_no", "num_orders", "num_hides")
_SHELF: Final = ("item_no", "item_id", "item_type", "is_sold_out", "seller_id", "category")


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise that was not kept."""

    promise: str
    """One of ``PROMISES``."""
    num_rows: int
    """Slates that break it."""
    examples: tuple[str, ...]
    """At most 5 of them: audience, key, and the first item concerned."""

    def __str__(self) -> str:
        said = f"{self.promise} ({PROMISES[self.promise]}): {self.num_rows} rows"
        return f"{said}, such as {'; '.join(self.examples)}"


def check(  # noqa: PLR0913
    slates: DataFrame,
    *,
    users: DataFrame,
    pairs: DataFrame,
    items: DataFrame,
    surface: Surface,
    limits: Limits,
) -> list[Broken]:
    """Read every row of one evening's slates and say which promises are broken.

    The driver sees the evening's items and at most five examples a promise, never the users.

    Args:
        slates: Rows of ``tables.SLATES[surface.name]`` of one evening, all audiences.
        users: Rows of ``tables.FEATURES_USER_DAILY`` of the evening: the active users.
        pairs: Rows of ``tables.FEATURES_USER_PAIRS`` from the full day before the evening on.
        items: Rows of ``tables.FEATURES_ITEM_DAILY`` of the evening.
        surface: Whose slates they are.
        limits: What they were to keep to.

    Returns:
        The broken promises, in the order of ``PROMISES``; none if the slates may be published.
    """
    shelf = Shelf.of(items.select(*_SHELF).toArrow(), surface)
    joined = _held_against(slates, users, _done(pairs, surface))
    breaches = (
        joined.mapInArrow(_tester(_sent(shelf, slates), limits), _BREACH)
        .unionByName(_twice(slates))
        .unionByName(_missing_stand_ins(slates))
    )
    few = F.expr(f"min_by(example, example, {_NUM_EXAMPLES})").alias("examples")
    counted = breaches.groupBy("promise").agg(F.count("*").alias("num_rows"), few).collect()
    found = {row["promise"]: row for row in counted}
    return [
        Broken(name, found[name]["num_rows"], tuple(found[name]["examples"]))
        for name in PROMISES
        if name in found
    ]


def _sent(shelf: Shelf, slates: DataFrame) -> Callable[[], Shelf]:
    """Send the evening's items once to every worker."""
    sent = slates.sparkSession.sparkContext.broadcast(shelf)
    return lambda: sent.value


def _done(pairs: DataFrame, surface: Surface) -> DataFrame:
    """What no slate of the surface may show to a user again."""

    def is_done(pair: Column) -> Column:
        is_bought = (pair["num_orders"] > 0) & F.lit(surface.is_bought_once)
        return is_bought | (pair["num_hides"] > 0)

    # Three fields of a pair are read and not all; lists are short when each user's newest is taken.
    known = F.arrays_zip(*(F.col(f"items.{name}").alias(name) for name in _PAIR_FIELDS))
    done = F.transform(F.filter(known, is_done), lambda pair: pair["item_no"])
    rows = pairs.select(F.col("user_id").alias("audience_key"), PARTITION, done.alias("done"))
    newest = rows.groupBy("audience_key").agg(F.max_by("done", PARTITION).alias("done"))
    return newest.select(F.lit("user").alias("audience"), "audience_key", "done")


def _held_against(slates: DataFrame, users: DataFrame, done: DataFrame) -> DataFrame:
    """Join rows with who is active, and with what he is done with; either side may be missing."""
    words = (F.coalesce(F.col(name), F.lit("")) for name in ("country", "platform", "language"))
    active = users.select(
        F.lit("user").alias("audience"),
        F.col("user_id").alias("audience_key"),
        F.col("is_personalisation_off").alias("is_off"),
        F.concat_ws("|", *words).alias("own_segment"),
        F.lit(True).alias("is_active"),
    )
    rows = slates.withColumn("has_row", F.lit(True)).join(active, list(_KEY), "full")
    return rows.join(done, list(_KEY), "left")


def _tester(
    shelf: Callable[[], Shelf], limits: Limits
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def test(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            yield from breaches_of(rows, shelf(), limits).to_batches()

    return test


def breaches_of(rows: pa.Table, shelf: Shelf, limits: Limits) -> pa.Table:
    """Test one batch.

    Args:
        rows: Rows of slates with has_row, is_active, is_off, own_segment and done (item_no).
        shelf: The evening's alive items.
        limits: What the rows were to keep to.

    Returns:
        promise and example, one row for each promise that a row breaks.
    """
    keys = [":".join(pair) for pair in zip(*(rows[n].to_pylist() for n in _KEY), strict=True)]
    places = Places.of(rows)
    found = [
        (promise, keys[row])
        for promise, is_broken_R in broken_rows(rows, limits)
        for row in is_broken_R.nonzero()[0].tolist()
    ]
    for promise, is_broken_P in broken_places(rows, places, shelf, limits):
        first = places.first_of_rows(is_broken_P)
        found += [(promise, f"{keys[places.row_P[at]]} {places.name(at)}") for at in first]
    promises, examples = zip(*found, strict=True) if found else ((), ())
    text = pa.string()
    return pa.table({"promise": pa.array(promises, text), "example": pa.array(examples, text)})


def _twice(slates: DataFrame) -> DataFrame:
    counted = slates.groupBy(*_KEY).agg(F.count("*").alias("num_rows"))
    return _breach("key_is_once", counted.where(F.col("num_rows") > 1))


def _missing_stand_ins(slates: DataFrame) -> DataFrame:
    """Who has an empty slate is served his segment's row; a segment of no words has none."""
    is_empty = (F.col("audience") == "user") & (F.size("items") == 0)
    named = slates.where(is_empty & (F.col("segment") != _NO_SEGMENT))
    segments = named.select(F.lit("segment").alias("audience"), F.col("segment").alias(_KEY[1]))
    default = slates.sparkSession.createDataFrame([("default", EVERYBODY)], list(_KEY))
    wanted = segments.distinct().unionByName(default)
    return _breach("stand_in_is_there", wanted.join(slates.select(*_KEY), list(_KEY), "left_anti"))


def _breach(promise: str, rows: DataFrame) -> DataFrame:
    return rows.select(F.lit(promise).alias("promise"), F.concat_ws(":", *_KEY).alias("example"))
