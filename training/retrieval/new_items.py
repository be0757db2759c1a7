"""Makes retrieval/new_items: what came in during the last week, for those who like its category."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from etl.tables import RETRIEVAL_NEW_ITEMS
from training.retrieval.popularity import strongest_categories, surface_of
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

ANY_CATEGORY: Final = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewItemsConfig:
    """What counts as new, and how many are kept."""

    max_age_days: int = 6
    """An item is new up to this age; 6 makes a week with the day itself."""
    num_per_category: int = 100
    """Items kept of one category, and of all together."""


def build(item_daily: DataFrame, *, config: NewItemsConfig) -> DataFrame:
    """List the new items of each category, most clicked first, then newest.

    Args:
        item_daily: Rows of ``tables.FEATURES_ITEM_DAILY``; the result has their days.
        config: What counts as new, and how many are kept.

    Returns:
        Rows of ``tables.RETRIEVAL_NEW_ITEMS``.
    """
    new = item_daily.where((F.col("age_days") <= config.max_age_days) & F.col("is_eligible"))
    own = new.withColumn("surface", surface_of(F.lit(None), F.col("item_type")))
    own = own.withColumn("age_days", F.col("age_days").cast("int"))
    scopes = F.array_distinct(
        F.array(F.lit(ANY_CATEGORY), F.coalesce("category", F.lit(ANY_CATEGORY)))
    )
    scoped = own.withColumn("category", F.explode(scopes))
    within = Window.partitionBy("arrival_date", "surface", "category")
    order = within.orderBy(F.desc("num_clicks_7d"), "age_days", "item_no")
    ranked = scoped.withColumn("rank", F.row_number().over(order))
    kept = ranked.where(F.col("rank") <= config.num_per_category)
    return kept.select(RETRIEVAL_NEW_ITEMS.column_names)


def propose(
    batch: UserBatch, lists: SourceLists, *, num_items: int, num_categories: int
) -> Proposals:
    """Propose the new items of each user's strongest categories; of any to a user without one.

    The score is the category's share of the user's affinity over the item's place there.
    """
    named = lists.named("new_items")
    user, category, share = strongest_categories(batch, num_categories)
    without = np.setdiff1d(np.arange(batch.num_users), user)
    user = np.concatenate([user, without])
    share = np.concatenate([share, np.ones(len(without))])
    any_category = pa.repeat(pa.scalar(ANY_CATEGORY), len(without))
    wanted = pa.concat_arrays([category.cast(pa.string()), any_category])
    query, element, place = from_lists(named.places(wanted), named.indptr)
    score = share[query] / (place + 1)
    return strongest(summed(user[query], named.item_E[element], score), num_items)
