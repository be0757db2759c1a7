"""Makes proposals/<surface>: what every source would have proposed to users who then came.

Sources are asked once more as of the evening before, for a sample of the day's visitors, and
nothing is cut off. Weights are learned from it and each source's part is measured by it
(``training.retrieval.weights``, ``experiments.sources``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from etl.arrow import flat_lists, lists_of
from etl.features.positions import curves, examined
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
    """Visitors of a day, those of the smallest hashes."""
    candidates: CandidatesConfig = field(default_factory=CandidatesConfig)
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


def build(
    visitors: Visitors,
    *,
    surface: Surface,
    files: Mapping[date, NightFiles],
    config: ProposalsConfig,
) -> DataFrame:
    """Ask all sources as of the evenings before the days to make.

    Args:
        visitors: Who came, and what was known of them.
        surface: For which surface.
        files: The evenings' files, already sent with ``SparkContext.addFile``.
        config: For whom they are asked.

    Returns:
        Rows of ``tables.PROPOSALS[surface.name]``.
    """
    table = PROPOSALS[surface.name]
    came = actions(visitors.events, visitors.items, surface)
    on_time = came.where(F.date_diff("day", "feature_date") == 1)
    willing = visitors.users.where(~F.col("is_personalisation_off"))
    known = user_side.segments(willing).select(
        "user_id", "segment", *USER_ARRAYS, F.col("arrival_date").alias("feature_date")
    )
    asked = _drawn(on_time.join(known, ["user_id", "feature_date"]), config.max_users)
    asked = asked.join(_looked(visitors, surface), ["user_id", "feature_date"], "left")

    def kernel(evening: date, who: pa.Table, state: pa.Table) -> pa.Table:
        shelf, lists = mapped(files[evening], surface)
        own = shelf.own(UserBatch.of(evening, who, state))
        rows = fuse(own, shelf, lists, config=config.candidates.uncut).rows(evening, who)
        return pa.table(
            {
                "arrival_date": pa.array([evening + timedelta(days=1)] * who.num_rows, pa.date32()),
                "user_id": who.column("user_id"),
                "num_visits": pa.array(num_visits_of(own, shelf).astype(np.int32)),
                "visited": _visited(who.column("acted")),
                "looked": _or_empty(who.column("looked")),
                "items": _by_item(rows.column("items")),
            }
        )

    return user_side.answer(
        asked,
        user_side.state_of(visitors.pairs, visitors.history),
        kernel=kernel,
        schema=table.schema,
        num_buckets=config.candidates.num_buckets,
    )


def _drawn(asked: DataFrame, max_users: int) -> DataFrame:
    """Keep some users of each evening, whoever else came that day."""
    by_hash = Window.partitionBy("feature_date").orderBy(F.xxhash64("user_id"), "user_id")
    numbered = asked.withColumn("place", F.row_number().over(by_hash))
    return numbered.where(F.col("place") <= max_users).drop("place", "day")


def _looked(visitors: Visitors, surface: Surface) -> DataFrame:
    """List what each user was shown on the day after an evening, and how far he looked."""
    own = visitors.items.where(F.col("item_type") == surface.item_type)
    on_time = visitors.impressions.where(
        (F.col("surface") == surface.name) & (F.col("shown_date") == F.col("arrival_date"))
    )
    weighed = on_time.join(
        F.broadcast(curves(visitors.positions)), ["arrival_date", "surface"], "left"
    )
    named = weighed.join(own.select("item_type", "item_id", "item_no"), ["item_type", "item_id"])
    evening = F.date_sub("shown_date", 1).alias("feature_date")
    summed = named.groupBy("user_id", evening, "item_no").agg(F.sum(examined()).alias("examined"))
    entries = F.sort_array(F.collect_list(F.struct("item_no", "examined")))
    return summed.groupBy("user_id", "feature_date").agg(entries.alias("looked"))


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
