"""Brings the tables that reports rest on into the shapes that ``scoring.judging`` reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl.asked_keys import only_asked
from etl.surfaces import Surface
from etl.tables.retrieval import SOURCE_CODES
from scoring.judged_rows import FACT_CODES
from scoring.shown_lists import Evening, Lists, Watched

TRUTH_TYPES: Final = ("view", "click", "cart", "order", "watch", "like")
"""Events that make an item a truth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The tables that one surface's reports rest on."""

    slates: DataFrame
    """Rows of ``tables.SLATES[surface.name]`` of the evenings judged, all audiences."""
    candidates: DataFrame
    """Rows of ``tables.CANDIDATES[surface.name]`` of the evenings."""
    popularity: DataFrame
    """Rows of ``tables.RETRIEVAL_POPULARITY`` of the evenings."""
    item_daily: DataFrame
    """Rows of ``tables.FEATURES_ITEM_DAILY`` of the evenings."""
    pairs: DataFrame
    """Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before the first evening on,
    to the last evening."""
    events: DataFrame
    """Rows of ``tables.SILVER_EVENTS`` that arrived from the first evening to the last day
    watched."""
    items: DataFrame
    """Rows of ``tables.SILVER_ITEMS`` as of the last day watched, one per item."""

    def touches(self, surface: Surface, watched: Sequence[Watched]) -> DataFrame:
        """List what users acted on after the first evening: the columns of ``Touches``."""
        known = self.items.select("item_type", "item_id", "item_no", "first_arrival_date")
        return (
            self._acted(surface, watched)
            .join(known, ["item_type", "item_id"])
            .select("user_id", "item_no", "event_date", "arrival_date", "first_arrival_date")
        )

    def _acted(self, surface: Surface, watched: Sequence[Watched]) -> DataFrame:
        first, last = min(watched).slate_date, max(one.last_date for one in watched)
        is_meant = F.col("event_type").isin(*TRUTH_TYPES) & F.col("user_id").isNotNull()
        is_meant &= F.col("item_type") == surface.item_type
        is_meant &= (F.col("event_date") > first) & (F.col("event_date") <= last)
        return self.events.where(is_meant & (F.col("arrival_date") <= last))

    def facts(self, surface: Surface, watched: Sequence[Watched]) -> DataFrame:
        """List what was known of those who acted and shown to them: the columns of ``Facts``.

        Of a few others too: nobody is measured who did not act.
        """
        who = self._acted(surface, watched).select("user_id")
        is_judged = F.col("arrival_date").isin(_evenings(watched))
        own = self.slates.where(is_judged & (F.col("audience") == "user"))
        slates = only_asked(own.withColumn("user_id", F.col("audience_key")), who, ["user_id"])
        fused = only_asked(self.candidates.where(is_judged), who, ["user_id"])
        pairs = only_asked(self.pairs, who, ["user_id"])
        nothing = F.array().cast("array<int>")
        bought = _having("num_orders") if surface.is_bought_once else nothing
        return (
            _fact("pairs", pairs, bought, _having("num_hides"))
            .unionByName(_fact("slates", slates, F.col("items.item_no"), nothing))
            .unionByName(_fact("candidates", fused, F.col("items.item_no"), _by_covisitation()))
        )

    def evenings(self, surface: Surface, watched: Sequence[Watched]) -> dict[date, Evening]:
        """Collect what the evenings held for everybody: of segments and items, not of users."""
        is_judged = F.col("arrival_date").isin(_evenings(watched))
        overall = (F.col("scope") == "all") & (F.col("surface") == surface.name)
        ranked = F.transform(
            F.array_sort(F.collect_list(F.struct("rank", "item_no"))), lambda one: one["item_no"]
        )
        popular = self.popularity.where(is_judged & overall).groupBy("arrival_date")
        stand_ins = self.slates.where(is_judged & (F.col("audience") != "user"))
        lists = popular.agg(ranked.alias("items")).toArrow()
        shared = stand_ins.select(
            "arrival_date",
            "audience_key",
            F.size("items").alias("num_items"),
            F.col("items.item_no").alias("items"),
            F.concat("items.item_no", "reserve.item_no").alias("with_reserve"),
        ).toArrow()
        return {
            evening: _evening(_of(lists, evening), _of(shared, evening))
            for evening in _evenings(watched)
        }

    def num_eligible(self, surface: Surface) -> DataFrame:
        """Count what might have been shown on each evening: slate_date, num_eligible."""
        is_eligible = (F.col("item_type") == surface.item_type) & F.col("is_eligible")
        by_day = self.item_daily.where(is_eligible).groupBy(
            F.col("arrival_date").alias("slate_date")
        )
        return by_day.agg(F.count("*").alias("num_eligible"))


def _evenings(watched: Sequence[Watched]) -> list[date]:
    return sorted({one.slate_date for one in watched})


def _fact(name: str, rows: DataFrame, first: Column, second: Column) -> DataFrame:
    segment = F.col("segment") if "segment" in rows.columns else F.lit(None).cast("string")
    return rows.select(
        "user_id",
        "arrival_date",
        F.lit(FACT_CODES[name]).alias("code"),
        segment.alias("segment"),
        first.alias("first"),
        second.alias("second"),
    )


def _having(count: str) -> Column:
    # Two fields of a pair are read and not all.
    pairs = F.arrays_zip(
        F.col("items.item_no").alias("item_no"), F.col(f"items.{count}").alias(count)
    )
    chosen = F.filter(pairs, lambda pair: pair[count] > 0)
    return F.transform(chosen, lambda pair: pair["item_no"])


def _by_covisitation() -> Column:
    """The candidates that co-visitation proposed, in the order in which it did."""
    code = SOURCE_CODES["covisitation"]

    def ranked(item: Column) -> Column:
        own = F.filter(item["proposals"], lambda proposal: proposal["source"] == code)
        return F.struct(F.get(own, F.lit(0))["rank"].alias("rank"), item["item_no"].alias("item"))

    proposed = F.filter(F.transform("items", ranked), lambda one: one["rank"].isNotNull())
    return F.transform(F.array_sort(proposed), lambda one: one["item"])


def _of(rows: pa.Table, evening: date) -> pa.Table:
    days = rows["arrival_date"].to_pylist()
    return rows.take(pa.array(np.flatnonzero([day == evening for day in days])))


def _evening(popular: pa.Table, stand_ins: pa.Table) -> Evening:
    """A stand-in without items stands in for nobody: readers go on to the default."""
    sizes = stand_ins["num_items"].to_pylist()
    keys = stand_ins["audience_key"].to_pylist()
    return Evening(
        popular=Lists.of(popular["items"]),
        slates=Lists.of(stand_ins["items"]),
        with_reserve=Lists.of(stand_ins["with_reserve"]),
        stand_in_of={keys[n]: n for n, size in enumerate(sizes) if size},
    )
