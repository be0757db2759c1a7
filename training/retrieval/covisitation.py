"""Makes retrieval/covisitation: which items people went on to from each item.

A visit of b after a, with at most four items between them, adds 1/gap to the weight a → b. Weights
are halved every ``half_life_days``. A night folds only the day's visits into the items they
touched, so its cost follows the day's events and not the history.

Directed co-occurrence with 1/gap is the strongest cheap source on shop logs (``docs/decisions``
names the measurement). Here visits are paired and neighbours proposed; how a day's pairs are folded
into what was known is ``training.retrieval.covisitation_fold``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, IntegerType, LongType, StructField, StructType

from etl.arrow import arrow_schema, flat_lists, places_in_runs, run_starts
from etl.days import Days
from etl.features.buckets import walk
from etl.tables import RETRIEVAL_COVISITATION
from etl.tables.user_states import EVENT_CODES
from training.retrieval.covisitation_fold import UNIT, CovisitationConfig, fold
from training.retrieval.popularity import surface_of
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

__all__ = ["CovisitationConfig", "Links", "SeedConfig", "build", "links", "pairs", "propose"]

WINDOW: Final = 5
"""Visits that are looked back from one: at most four items stand between the two of a pair."""
_VISITS: Final = [EVENT_CODES[name] for name in ("view", "click", "cart", "order")]
_INCREMENTS: Final = StructType(
    [
        StructField("arrival_date", DateType()),
        StructField("item_no", IntegerType()),
        StructField("to_item_no", IntegerType()),
        StructField("sixtieths", LongType()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedConfig:
    """How a user's last items ask for their neighbours."""

    num_seeds: int = 20
    """His last distinct items that ask."""
    seed_decay: float = 0.8
    """Weight of each step back in his history."""
    norm_power: float = 0.5
    """How far a seed's weights are divided by their sum: 0 not at all, 1 wholly."""


def build(  # noqa: PLR0913
    history: DataFrame,
    *,
    items: DataFrame,
    before: DataFrame,
    days: Days,
    first_day: date,
    config: CovisitationConfig,
) -> DataFrame:
    """Fold each day's visits into the neighbours of the items they touched.

    Args:
        history: Rows of ``tables.FEATURES_USER_HISTORY`` of ``days``.
        items: Rows of ``tables.SILVER_ITEMS`` of the last of ``days``.
        before: Rows of ``tables.RETRIEVAL_COVISITATION`` as of the day before, one per item.
        days: The days to make.
        first_day: The lake's first day, from which full partitions are counted.
        config: How visits are forgotten, and how many neighbours are kept.

    Returns:
        Rows of ``tables.RETRIEVAL_COVISITATION``.
    """
    own = surface_of(F.lit(None), F.col("item_type")).alias("surface")
    known = items.select("item_no", own)
    increments = _increments(history, days).join(known, "item_no")
    other = known.withColumnsRenamed({"item_no": "to_item_no", "surface": "to_surface"})
    within = increments.join(other, "to_item_no").where(F.col("surface") == F.col("to_surface"))
    schema = RETRIEVAL_COVISITATION.schema
    arrow = arrow_schema(schema)

    def kernel(visits: pa.Table, state: pa.Table) -> pa.Table:
        return fold(visits, state, days=days, first_day=first_day, config=config).cast(arrow)

    return walk(
        within.drop("to_surface"),
        before,
        key="item_no",
        kernel=kernel,
        schema=schema,
        num_buckets=config.num_buckets,
    )


@dataclass(frozen=True, slots=True)
class Links:
    """L ways that lead from S seeds (items that users visited last) to the seeds' neighbours."""

    user_S: np.ndarray
    """int64: the user's row in the batch."""
    seed_S: np.ndarray
    """int64: item_no."""
    seed_L: np.ndarray
    """int64: the place in S of each way's seed."""
    item_L: np.ndarray
    """int64, item_no: where it leads."""
    weight_L: np.ndarray
    """float64: the neighbour's weight from that seed, decayed to the evening."""
    score_L: np.ndarray
    """float64: what the way adds to the neighbour's score."""


def propose(
    batch: UserBatch, lists: SourceLists, *, num_items: int, config: SeedConfig
) -> Proposals:
    """Propose the neighbours of what each user visited last, by the sum over his ways to them."""
    found = links(batch, lists, config)
    return strongest(summed(found.user_S[found.seed_L], found.item_L, found.score_L), num_items)


def links(batch: UserBatch, lists: SourceLists, config: SeedConfig) -> Links:
    """Find every way from users' last visits to neighbours.

    A way scores seed weight × w / (Σ w)^norm_power, where w is the neighbour's weight from that
    seed: with norm_power 0 popular seeds speak louder, with 1 all speak alike.
    """
    sources, indptr, item, weight = lists.neighbours
    user, seed, strength = _seeds(batch, config)
    if not len(sources):
        none = np.empty(0, np.int64)
        return Links(user, seed, none, none, np.empty(0), np.empty(0))
    place = np.minimum(np.searchsorted(sources, seed), len(sources) - 1)
    known = np.where(sources[place] == seed, place, -1)
    query, element, _ = from_lists(known, indptr)
    out = np.add.reduceat(weight, indptr[:-1]) if len(weight) else np.ones(len(sources))
    score = strength[query] * weight[element] / out[known[query]] ** config.norm_power
    return Links(user, seed, query, item[element], weight[element], score)


def _seeds(batch: UserBatch, config: SeedConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The last distinct items of each user, newest first, each step back weighing less."""
    is_visit = np.isin(batch.short.numbers("event_code"), _VISITS)
    row = batch.short.row_N[is_visit][::-1]
    item = batch.short.numbers("item_no")[is_visit][::-1].astype(np.int64)
    key, newest = np.unique(row << 32 | item, return_index=True)
    by_age = np.lexsort((newest, key >> 32))
    user, seed = (key >> 32)[by_age], (key & 0xFFFFFFFF)[by_age]
    place = places_in_runs(run_starts(user))
    used = place < config.num_seeds
    return user[used], seed[used], config.seed_decay ** place[used]


def _increments(history: DataFrame, days: Days) -> DataFrame:
    visited = history.where(F.col("arrival_date").between(days.first, days.last))
    pairs = visited.select("arrival_date", "long").mapInArrow(_pairs_of_batches, _INCREMENTS)
    by = ("arrival_date", "item_no", "to_item_no")
    return pairs.groupBy(*by).agg(F.sum("sixtieths").alias("sixtieths"))


def _pairs_of_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield from pairs(pa.Table.from_batches([batch])).to_batches()


def pairs(history: pa.Table) -> pa.Table:
    """Pair the visits of each user that became known on his row's day.

    A pair became known when the later of its two events arrived. A run of events on one item is
    one visit.

    Args:
        history: ``arrival_date`` and ``long`` of ``tables.FEATURES_USER_HISTORY``.

    Returns:
        One row per pair: arrival_date, item_no, to_item_no, sixtieths (60/gap).
    """
    row, entries = flat_lists(history.column("long"))
    row_day = history.column("arrival_date").cast(pa.int32()).to_numpy()
    code = entries.field("event_code").to_numpy()
    item = entries.field("item_no").to_numpy()
    arrived = entries.field("entry_arrival_date").cast(pa.int32()).to_numpy()
    keep = np.isin(code, _VISITS)
    row, item, arrived = row[keep], item[keep], arrived[keep]
    is_visit = run_starts(row, item)
    row, item, arrived = row[is_visit], item[is_visit], arrived[is_visit]
    found = [_pairs_at(gap, row, item, arrived, row_day) for gap in range(1, WINDOW + 1)]
    return pa.concat_tables(found)


def _pairs_at(
    gap: int, row: np.ndarray, item: np.ndarray, arrived: np.ndarray, row_day: np.ndarray
) -> pa.Table:
    first, then = slice(None, max(len(row) - gap, 0)), slice(gap, None)
    known_on = np.maximum(arrived[first], arrived[then])
    is_pair = (row[first] == row[then]) & (item[first] != item[then])
    is_pair &= known_on == row_day[row[first]]
    days = pa.array(known_on[is_pair], pa.int32()).cast(pa.date32())
    weight = np.full(len(days), UNIT // gap, np.int64)
    columns = [days, pa.array(item[first][is_pair]), pa.array(item[then][is_pair]), weight]
    return pa.table(columns, names=[field.name for field in _INCREMENTS])
