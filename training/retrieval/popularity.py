"""Makes retrieval/popularity: what most people touched in 7 days, overall and in narrower scopes.

This is the project's one definition of popularity-of-7-days: the source, the fallback rows and
every report read the table that is made here.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from etl import surfaces
from etl.days import Days
from etl.tables import RETRIEVAL_POPULARITY
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.source_lists import Named, SourceLists
from training.user_side import UserBatch

WINDOW_DAYS = 7
POSITIVE = ("view", "click", "cart", "order")


@dataclass(frozen=True, kw_only=True, slots=True)
class PopularityConfig:
    """How long the lists are."""

    num_overall: int = 500
    """Items kept of a whole surface."""
    num_per_category: int = 100
    """Items kept of one category."""
    num_per_segment: int = 200
    """Items kept of one segment."""


def build(
    events: DataFrame, *, item_daily: DataFrame, days: Days, config: PopularityConfig
) -> DataFrame:
    """Count each item's distinct users over the 7 event days that end with each of ``days``.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived from 7 days before ``days`` on (an
            event may be stamped a day after it arrived).
        item_daily: Rows of ``tables.FEATURES_ITEM_DAILY`` of ``days``: what may not be
            shown on the day after is left out.
        days: The days whose evenings are described.
        config: How long the lists are.

    Returns:
        Rows of ``tables.RETRIEVAL_POPULARITY``.
    """
    touched = _touched(events, days)
    known = _eligible(item_daily)
    overall = _counted(touched.withColumn("scope_value", F.lit("*")), known)
    in_segment = touched.where(F.col("segment") != "||")
    by_segment = _counted(in_segment.withColumn("scope_value", F.col("segment")), known)
    categorised = overall.where(F.col("category").isNotNull())
    by_category = categorised.withColumn("scope_value", F.col("category"))
    ranked = (
        _ranked(overall, "all", config.num_overall)
        .unionByName(_ranked(by_category, "category", config.num_per_category))
        .unionByName(_ranked(by_segment, "segment", config.num_per_segment))
    )
    return ranked.select(RETRIEVAL_POPULARITY.column_names)


def propose(batch: UserBatch, lists: SourceLists, *, num_items: int) -> Proposals:
    """Propose the surface's most popular items to everybody."""
    return _first_of(lists.named("popularity_all"), _everything(batch), num_items)


def propose_in_segment(batch: UserBatch, lists: SourceLists, *, num_items: int) -> Proposals:
    """Propose to each user what is most popular in his segment."""
    return _first_of(lists.named("popularity_segment"), batch.segment, num_items)


def propose_in_categories(
    batch: UserBatch, lists: SourceLists, *, num_items: int, num_categories: int
) -> Proposals:
    """Propose what is most popular in each user's strongest categories.

    The score is the category's share of the user's affinity over the item's place there, so that
    strong interests come first and every interest comes early.
    """
    named = lists.named("popularity_category")
    user, category, share = strongest_categories(batch, num_categories)
    query, element, place = from_lists(named.places(category), named.indptr)
    score = share[query] / (place + 1)
    return strongest(summed(user[query], named.item_E[element], score), num_items)


def strongest_categories(
    batch: UserBatch, num_categories: int
) -> tuple[np.ndarray, pa.Array, np.ndarray]:
    """List each user's categories of the highest affinity on the evening.

    Returns:
        user_Q: int64, the user's row.
        category: Q words.
        share_Q: float64, the category's part of all his affinity, in (0, 1].
    """
    affinity = batch.categories.affinity_at(batch.evening_us)
    row = batch.categories.row_N
    total = np.bincount(row, affinity, batch.num_users)
    share = affinity / np.maximum(total[row], np.finfo(np.float64).tiny)
    felt = np.flatnonzero(share > 0)
    best = strongest(Proposals(row[felt], felt, share[felt]), num_categories)
    words = batch.categories.words("category").take(pa.array(best.item_P))
    return best.user_P, words, best.score_P


def _everything(batch: UserBatch) -> pa.Array:
    return pa.repeat(pa.scalar("*"), batch.num_users)


def _first_of(named: Named, names: pa.Array, num_items: int) -> Proposals:
    query, element, place = from_lists(named.places(names), named.indptr)
    first = place < num_items
    query, element = query[first], element[first]
    return Proposals(query, named.item_E[element], named.score_E[element])


def segment_of(country: Column, platform: Column, language: Column) -> Column:
    """Name a segment: country|platform|language, nothing where the log does not say."""
    return F.concat_ws(
        "|", *(F.coalesce(part, F.lit("")) for part in (country, platform, language))
    )


def surface_of(events_surface: Column, item_type: Column) -> Column:
    """Say on which surface an event happened; where the log does not, its item's own."""
    own = F.lit(None).cast("string")
    for surface in surfaces.ALL:
        own = F.when(item_type == surface.item_type, surface.name).otherwise(own)
    return F.coalesce(events_surface, own)


def _touched(events: DataFrame, days: Days) -> DataFrame:
    """One row per evening, surface, item, user and segment within the 7 days before it."""
    positive = events.where(F.col("event_type").isin(*POSITIVE) & F.col("user_id").isNotNull())
    known_from = F.greatest("arrival_date", "event_date", F.lit(days.first))
    known_to = F.least(F.date_add("event_date", WINDOW_DAYS - 1), F.lit(days.last))
    dated = positive.withColumn("known_from", known_from).withColumn("known_to", known_to)
    evening = F.explode(F.sequence("known_from", "known_to")).alias("evening")
    rows = dated.where(F.col("known_from") <= F.col("known_to")).select(
        evening,
        surface_of(F.col("surface"), F.col("item_type")).alias("surface"),
        "item_type",
        "item_id",
        "user_id",
        segment_of(F.col("country"), F.col("platform"), F.col("language")).alias("segment"),
    )
    return rows.distinct()


def _eligible(item_daily: DataFrame) -> DataFrame:
    may_be_shown = item_daily.where(F.col("is_eligible"))
    own = surface_of(F.lit(None), F.col("item_type")).alias("surface")
    return may_be_shown.select("arrival_date", own, "item_type", "item_id", "item_no", "category")


def _counted(touched: DataFrame, known: DataFrame) -> DataFrame:
    by = ("evening", "surface", "item_type", "item_id", "scope_value")
    counts = touched.groupBy(*by).agg(F.count_distinct("user_id").alias("num_users"))
    dated = counts.withColumnRenamed("evening", "arrival_date")
    return dated.join(known, ["arrival_date", "surface", "item_type", "item_id"])


def _ranked(counts: DataFrame, scope: str, num_items: int) -> DataFrame:
    within = Window.partitionBy("arrival_date", "surface", "scope_value")
    place = F.row_number().over(within.orderBy(F.desc("num_users"), "item_id"))
    ranked = counts.withColumn("rank", place).where(F.col("rank") <= num_items)
    return ranked.withColumn("scope", F.lit(scope)).select(RETRIEVAL_POPULARITY.column_names)
