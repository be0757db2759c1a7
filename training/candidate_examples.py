"""Makes examples of a log without impressions: candidates of evenings before users acted.

An example is a candidate of the evening before a day on which the user acted: every candidate he
acted on, and a seeded sample of the others, each with the weight by which it stands for those left
out. Its features are those of that evening, by the same assembler that scoring uses.
"""

from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl.arrow import days_of_epoch, flat_lists, places_in_runs, run_starts
from etl.surfaces import Surface
from training.assemble import Rows, assemble
from training.example_rows import LATE_DAYS, Evenings, ExamplesConfig, described, written
from training.item_side import ItemSide
from training.labels import CANDIDATE
from training.lookup import find, key, taken
from training.seeds import streams, uniforms

_LEVELS: Final = {"view": 1, "click": 1, "cart": 2, "order": 3}


def build(
    events: DataFrame,
    *,
    items: DataFrame,
    known: Evenings,
    surface: Surface,
    config: ExamplesConfig,
) -> DataFrame:
    """Join the candidates of each evening with what their users did on the day after.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` of the days to make.
        items: Rows of ``tables.SILVER_ITEMS`` of the last of them.
        known: What was known on the evenings before them.
        surface: For which surface.
        config: How many candidates without an action become examples.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    of_users = known.asked(_in_time(events).select(_evening(), "user_id"))
    asked = actions(events, items, surface).join(of_users.served("inner"), known.key)
    return described(asked, of_users, examples, surface=surface, config=config)


def actions(events: DataFrame, items: DataFrame, surface: Surface) -> DataFrame:
    """List what users touched, and how far they went: a row per user, event day and arrival day.

    Its columns are day (of arrival), feature_date (the evening before), user_id and acted.

    Later than ``LATE_DAYS`` no night has the evening at hand; a clock that is ahead names an
    evening that already knew of the event. Neither becomes an example, in a range no more than in
    a night.
    """
    level = F.lit(None).cast("byte")
    for event_type, number in _LEVELS.items():
        level = F.when(F.col("event_type") == event_type, number).otherwise(level)
    own = items.where(F.col("item_type") == surface.item_type)
    known = (
        _in_time(events)
        .withColumn("level", level)
        .join(own.select("item_type", "item_id", "item_no"), ["item_type", "item_id"])
    )
    by = ("arrival_date", "event_date", "user_id")
    furthest = known.groupBy(*by, "item_no").agg(F.max("level").alias("level"))
    gathered = furthest.groupBy(*by).agg(
        F.sort_array(F.collect_list(F.struct("item_no", "level"))).alias("acted")
    )
    return gathered.select(F.col("arrival_date").alias("day"), _evening(), "user_id", "acted")


def _in_time(events: DataFrame) -> DataFrame:
    days_late = F.date_diff("arrival_date", "event_date")
    acted = F.col("event_type").isin(*_LEVELS) & F.col("user_id").isNotNull()
    return events.where(acted & days_late.between(0, LATE_DAYS))


def _evening() -> Column:
    """The evening before a user acted."""
    return F.date_sub("event_date", 1).alias("feature_date")


def examples(  # noqa: PLR0913
    evening: date,
    asked: pa.Table,
    state: pa.Table,
    *,
    items: ItemSide,
    surface: Surface,
    config: ExamplesConfig,
) -> pa.Table:
    """Choose and describe the examples of some users and one evening.

    Args:
        evening: The day before they acted.
        asked: A user and arrival day a row: day, user_id, ``acted``, ``candidates`` and the
            features of ``tables.FEATURES_USER_DAILY``.
        state: The users' rows of ``tables.FEATURES_USER_PAIRS`` as of the evening.
        items: The evening's item side.
        surface: For which surface.
        config: How many candidates without an action become examples.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    shown = evening + timedelta(days=1)
    rows = Rows.of(asked.column("candidates"), position=np.nan)
    level = _levels(rows, asked)
    users = asked.column("user_id")
    stream = streams(users, day=evening, surface=surface.name, purpose=config.salt)
    keep, weight = _sample(rows, level, stream, config.num_negatives)
    # The day's negatives came with its first arrivals: a late action only adds what it proves.
    is_late = asked.column("day").cast(pa.int32()).to_numpy() > days_of_epoch(shown)
    keep &= (level > 0) | ~is_late[rows.user_R]
    chosen, level = rows.chosen(keep), level[keep]
    inputs = assemble(chosen, users=asked, state=state, items=items, evening=evening)
    num_rows = len(chosen.item_R)
    own = {
        "example_id": pa.array([CANDIDATE] * num_rows, pa.string()),
        "propensity": pa.nulls(num_rows, pa.float64()),
        "is_own": pa.array(np.ones(num_rows, bool)),
        "is_click": pa.array(level >= _LEVELS["click"]),
        "is_cart": pa.array(level >= _LEVELS["cart"]),
        "is_order": pa.array(level >= _LEVELS["order"]),
        "is_hide": pa.array(np.zeros(num_rows, bool)),
        "watch_ms": pa.nulls(num_rows, pa.int64()),
        "sampling_weight": pa.array(weight[keep].astype(np.float32)),
    }
    return written(chosen, inputs, own, asked=asked, evening=evening)


def _levels(rows: Rows, asked: pa.Table) -> np.ndarray:
    """How far each candidate's user went with it: int64, R; 0 for not at all."""
    user, acted = flat_lists(asked.column("acted"))
    place = find(
        key(user, acted.field("item_no").to_numpy().astype(np.int64)),
        key(rows.user_R, rows.item_R),
    )
    return taken(acted.field("level").to_numpy(), place, otherwise=0)


def _sample(
    rows: Rows, level: np.ndarray, stream: np.ndarray, num_negatives: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep all positives and the negatives of the smallest seeded numbers.

    Returns:
        keep_R: bool.
        weight_R: float64: how many candidates a kept row stands for.
    """
    draw = uniforms(stream[rows.user_R], rows.item_R)
    is_negative = level == 0
    order = np.lexsort((draw, ~is_negative, rows.user_R))
    user = rows.user_R[order]
    place = places_in_runs(run_starts(user))
    keep = level > 0
    keep[order[(place < num_negatives) & is_negative[order]]] = True
    found = np.bincount(rows.user_R[is_negative], minlength=len(stream))
    stands_for = found / np.maximum(np.minimum(found, num_negatives), 1)
    weight = np.where(is_negative, stands_for[rows.user_R], 1.0)
    return keep, weight
