"""Makes proposals/<surface>: what every source would have proposed to users who then came.

Sources are asked once more as of the evening before, for a sample of the day's visitors, and
nothing is cut off. Weights are learned from it and each source's part is measured by it
(``training.retrieval.weights``, ``experiments.sources``). All surfaces are asked in one pass: what
is known of a user goes to the workers once, and of nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from etl.arrow import flat_lists, lists_of
from etl.features.positions import looked_at
from etl.surfaces import Surface
from etl.tables import PROPOSALS
from scoring.candidates import NightFiles, mapped
from scoring.fusion import fuse, num_visits_of
from scoring.mixes import CandidatesConfig
from training import user_side
from training.candidate_examples import actions
from training.user_side import USER_ARRAYS, UserBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalsConfig:
    """For whom sources are asked again."""

    max_users: int = 1_000
    """Visitors of a day and surface, those of the smallest hashes."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The sources of one surface."""

    surface: Surface
    files: Mapping[date, NightFiles]
    """The evenings' files, already sent with ``SparkContext.addFile``."""
    config: CandidatesConfig
    """How much each source proposes."""


@dataclass(frozen=True, slots=True)
class Visitors:
    """The day's visits and what was known of the users before."""

    events: DataFrame
    """Rows of ``tables.SILVER_EVENTS`` of the days to make."""
    impressions: DataFrame
    """Rows of ``tables.SILVER_IMPRESSIONS`` of the same days."""
    positions: DataFrame
    """Rows of ``tables.FEATURES_POSITIONS`` of the same days."""
    items: DataFrame
    """Rows of ``tables.SILVER_ITEMS`` of the last of them."""
    users: DataFrame
    """Rows of ``tables.FEATURES_USER_DAILY`` of the evenings before them."""
    pairs: DataFrame
    """Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before these on."""
    history: DataFrame
    """Rows of ``tables.FEATURES_USER_HISTORY`` of the same days."""


_SCHEMA: Final = StructType(
    [StructField("surface", StringType(), nullable=False), *PROPOSALS["product_feed"].schema.fields]
)
_KEY: Final = ("surface", "user_id", "feature_date")


def build(
    visitors: Visitors,
    *,
    asked: Sequence[Asked],
    keep: Callable[[DataFrame], DataFrame],
    config: ProposalsConfig,
) -> DataFrame:
    """Ask all sources as of the evenings before the days to make.

    Args:
        visitors: Who came, and what was known of them.
        asked: The surfaces whose sources are asked.
        keep: Keeps a few rows that are read several times.
        config: For whom they are asked.

    Returns:
        Rows of ``tables.PROPOSALS`` of all surfaces, ``surface`` before their columns.
    """
    willing = visitors.users.where(~F.col("is_personalisation_off")).withColumn(
        "feature_date", F.col("arrival_date")
    )
    who = keep(_drawn(_came(visitors, asked), willing, config.max_users))
    users = F.broadcast(who.select("user_id").distinct())
    known = user_side.segments(willing.join(users, "user_id", "left_semi")).select(
        "user_id", "segment", *USER_ARRAYS, "feature_date"
    )
    requests = who.join(known, ["user_id", "feature_date"]).join(
        _looked(visitors, users, asked), list(_KEY), "left"
    )
    state = user_side.state_of(visitors.pairs, user_side.short_of(visitors.history))
    by_name = {one.surface.name: one for one in asked}

    def kernel(evening: date, requested: pa.Table, state: pa.Table) -> pa.Table:
        answers = []
        for name in pc.unique(requested.column("surface")).to_pylist():
            own = pc.equal(requested.column("surface"), name)
            answers.append(
                _answered(by_name[name], evening, requested.filter(own), state.filter(own))
            )
        return pa.concat_tables(answers)

    return user_side.answer(
        requests,
        state.join(users, "user_id", "left_semi"),
        kernel=kernel,
        schema=_SCHEMA,
        num_buckets=config.num_buckets,
    )


def _answered(asked: Asked, evening: date, who: pa.Table, state: pa.Table) -> pa.Table:
    """What a surface's sources say to some users of one evening."""
    shelf, lists = mapped(asked.files[evening], asked.surface)
    own = shelf.own(UserBatch.of(evening, who, state))
    rows = fuse(own, shelf, lists, config=asked.config.uncut).rows(evening, who)
    return pa.table(
        {
            "surface": who.column("surface"),
            "arrival_date": pa.array([evening + timedelta(days=1)] * who.num_rows, pa.date32()),
            "user_id": who.column("user_id"),
            "num_visits": pa.array(num_visits_of(own, shelf).astype(np.int32)),
            "visited": _visited(who.column("acted")),
            "looked": _or_empty(who.column("looked")),
            "items": _by_item(rows.column("items")),
        }
    )


def _came(visitors: Visitors, asked: Sequence[Asked]) -> DataFrame:
    """List who acted on a surface's items on the day after an evening: surface, the two, acted."""
    by_surface = [
        actions(visitors.events, visitors.items, one.surface)
        .where(F.date_diff("day", "feature_date") == 1)
        .select(F.lit(one.surface.name).alias("surface"), "user_id", "feature_date", "acted")
        for one in asked
    ]
    return reduce(DataFrame.unionByName, by_surface)


def _drawn(came: DataFrame, willing: DataFrame, max_users: int) -> DataFrame:
    """Keep some users of each surface and evening, whoever else came that day."""
    known = came.join(willing.select("user_id", "feature_date"), ["user_id", "feature_date"])
    by_hash = Window.partitionBy("surface", "feature_date").orderBy(
        F.xxhash64("user_id"), "user_id"
    )
    numbered = known.withColumn("place", F.row_number().over(by_hash))
    return numbered.where(F.col("place") <= max_users).drop("place")


def _looked(visitors: Visitors, users: DataFrame, asked: Sequence[Asked]) -> DataFrame:
    """List what each user was shown on the day after an evening, and how far he looked."""
    types = F.create_map(
        *(F.lit(word) for one in asked for word in (one.surface.name, one.surface.item_type))
    )
    on_time = visitors.impressions.where(
        (F.col("item_type") == types[F.col("surface")])
        & (F.col("shown_date") == F.col("arrival_date"))
    ).join(users, "user_id", "left_semi")
    items = visitors.items.select("item_type", "item_id", "item_no")
    named = looked_at(on_time, visitors.positions).join(items, ["item_type", "item_id"])
    evening = F.date_sub("shown_date", 1).alias("feature_date")
    summed = named.groupBy("surface", "user_id", evening, "item_no").agg(
        F.sum("examined").alias("examined")
    )
    entries = F.sort_array(F.collect_list(F.struct("item_no", "examined")))
    return summed.groupBy(*_KEY).agg(entries.alias("looked"))


def _or_empty(lists: pa.ChunkedArray) -> pa.ListArray:
    row, entries = flat_lists(lists)
    return lists_of(row, len(lists), entries)


def _visited(acted: pa.ChunkedArray) -> pa.ListArray:
    row, entries = flat_lists(acted)
    return lists_of(row, len(acted), entries.field("item_no"))


def _by_item(items: pa.ChunkedArray) -> pa.ListArray:
    row, entries = flat_lists(items)
    order = pa.array(np.lexsort((entries.field("item_no").to_numpy(), row)))
    kept = [pc.take(entries.field(name), order) for name in ("item_no", "proposals")]
    return lists_of(row, len(items), pa.StructArray.from_arrays(kept, ["item_no", "proposals"]))
