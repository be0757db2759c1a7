"""Makes examples of a log with impressions: each item shown, as known on the evening before.

An impression joins the features of the evening before it was **shown**, whatever day it arrived:
one that arrives late must not see its own click. What came of it is stored as known on the day it
arrived; ``training.labels`` says it again for later nights.

Shapes: U requests (a user and an arrival day), R impressions.
"""

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.arrow import flat_lists, offsets_of, places_in_runs, ranges, run_starts
from etl.asked_keys import only_asked
from etl.surfaces import Surface
from training import labels
from training.assemble import Rows, assemble
from training.example_rows import (
    LATE_DAYS,
    Evenings,
    ExamplesConfig,
    days_late,
    described,
    evening_before,
    written,
)
from training.item_side import ItemSide
from training.labels import OUTCOME_COLUMNS, labels_of
from training.lookup import find, key, taken
from training.seeds import streams, uniforms

_REQUEST: Final = ("arrival_date", "shown_date", "user_id")
_ID: Final = ("source", "event_id", "position")
_SAME_PROPENSITY: Final = 1e-6
"""Apps write what they were given with a few digits."""


def build(  # noqa: PLR0913
    impressions: DataFrame,
    *,
    outcomes: DataFrame,
    items: DataFrame,
    published: DataFrame,
    known: Evenings,
    surface: Surface,
    config: ExamplesConfig,
) -> DataFrame:
    """Describe what was shown by the evening before, and label it as known on arrival.

    Args:
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` of the days to make.
        outcomes: Rows of ``tables.SILVER_OUTCOMES`` of the same days.
        items: Rows of ``tables.SILVER_ITEMS`` as of the last of them.
        published: Rows of ``tables.SLATES[surface.name]`` of the evenings whose slates readers got.
        known: What was known on the evenings before the days.
        surface: For which surface.
        config: How many impressions of a user and day are kept.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    own = _of_surface(impressions, surface)
    keys = own.select(evening_before().alias("feature_date"), "user_id")
    asked = known.asked(keys)
    # What is narrow meets first: of the rows with what evenings knew, each join by other keys moves
    # kilobytes a user.
    shown = _shown(own, items, surface).join(_done(outcomes, surface), list(_REQUEST), "left")
    slates = only_asked(_slates(published), keys, asked.key)
    rows = shown.join(asked.served("left"), asked.key).join(slates, asked.key, "left")
    return described(
        rows.withColumnRenamed("arrival_date", "day"),
        asked,
        examples,
        surface=surface,
        config=config,
    )


def _of_surface(impressions: DataFrame, surface: Surface) -> DataFrame:
    """What may become an example."""
    return impressions.where((F.col("surface") == surface.name) & days_late().between(0, LATE_DAYS))


def _shown(own: DataFrame, items: DataFrame, surface: Surface) -> DataFrame:
    """One row per user, arrival day and day shown: the items of the surface that he saw."""
    of_type = own.join(
        items.where(F.col("item_type") == surface.item_type).select(
            "item_type", "item_id", "item_no"
        ),
        ["item_type", "item_id"],
    )
    one = F.struct(
        "event_id", "position", "source", "item_no", "propensity", F.xxhash64(*_ID).alias("lot")
    )
    gathered = of_type.groupBy(*_REQUEST).agg(F.sort_array(F.collect_list(one)).alias("shown"))
    return gathered.withColumn("feature_date", evening_before())


def _slates(published: DataFrame) -> DataFrame:
    """What stood where, and how probably, in the slate that each user was given."""
    own = published.where(F.col("audience") == "user")
    place = F.transform("items", lambda one: F.struct(one["item_no"], one["propensity"]))
    return own.select(
        F.col("arrival_date").alias("feature_date"),
        F.col("audience_key").alias("user_id"),
        place.alias("slate"),
    )


def _done(outcomes: DataFrame, surface: Surface) -> DataFrame:
    """What was attributed to impressions on the day they arrived; no stored row knows of more."""
    own = outcomes.where(~F.col("is_organic") & (F.col("impression_surface") == surface.name))
    done = F.collect_list(F.struct(*OUTCOME_COLUMNS)).alias("done")
    return own.groupBy(*_REQUEST).agg(done)


def examples(  # noqa: PLR0913
    evening: date,
    asked: pa.Table,
    state: pa.Table,
    *,
    items: ItemSide,
    surface: Surface,
    config: ExamplesConfig,
) -> pa.Table:
    """Choose and describe the impressions of some users and one evening.

    Args:
        evening: The day before they were shown.
        asked: U requests: day (of arrival), user_id, ``shown``, ``done``, ``slate``, ``candidates``
            and the features of ``tables.FEATURES_USER_DAILY``.
        state: The users' rows of ``tables.FEATURES_USER_PAIRS`` as of the evening.
        items: The evening's item side.
        surface: For which surface.
        config: How many impressions of a user and day are kept.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    user_R, shown = flat_lists(asked.column("shown"))
    stream = streams(
        asked.column("user_id"), day=evening, surface=surface.name, purpose=config.salt
    )
    keep, weight = _sample(user_R, shown.field("lot").to_numpy(), stream, config.max_impressions)
    user_R, shown, weight = user_R[keep], shown.filter(pa.array(keep)), weight[keep]
    rows = _rows(user_R, shown, Rows.of(asked.column("candidates"), position=np.nan))
    inputs = assemble(rows, users=asked, state=state, items=items, evening=evening)
    own = {
        "example_id": labels.example_ids(*(shown.field(name) for name in _ID)),
        "propensity": shown.field("propensity"),
        "is_own": pa.array(_is_own(rows, shown, asked.column("slate"))),
        "sampling_weight": pa.array(weight.astype(np.float32)),
    }
    known = _labels(user_R, own["example_id"], asked.column("done"))
    return written(rows, inputs, own | known, asked=asked, evening=evening)


def _sample(
    user_R: np.ndarray, lot_R: np.ndarray, stream: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep each request's impressions of the smallest seeded numbers.

    Returns:
        keep_R: bool.
        weight_R: float64: how many impressions a kept one stands for.
    """
    order = np.lexsort((uniforms(stream[user_R], lot_R), user_R))
    keep_R = np.zeros(len(user_R), bool)
    keep_R[order] = places_in_runs(run_starts(user_R[order])) < most
    shown_U = np.bincount(user_R, minlength=len(stream))
    return keep_R, np.maximum(shown_U / most, 1.0)[user_R]


def _rows(user_R: np.ndarray, shown: pa.StructArray, proposed: Rows) -> Rows:
    """Shown items, with what sources said of those that were the user's candidates."""
    item_R = shown.field("item_no").to_numpy().astype(np.int64)
    at_R = _found(key(user_R, item_R), key(proposed.user_R, proposed.item_R))
    is_there = at_R >= 0
    fused_R = np.full(len(item_R), np.nan)
    fused_R[is_there] = proposed.fused_R[at_R[is_there]]
    indptr = offsets_of(proposed.row_P, len(proposed.item_R)).astype(np.int64)
    row, element = ranges(indptr, at_R[is_there])
    return Rows(
        user_R,
        item_R,
        fused_R,
        np.flatnonzero(is_there)[row],
        proposed.source_P[element],
        proposed.rank_P[element],
        proposed.score_P[element],
        shown.field("position").to_numpy().astype(np.float32),
    )


def _is_own(rows: Rows, shown: pa.StructArray, slates: pa.ChunkedArray) -> np.ndarray:
    """Tell which items our slate put there: bool, R.

    An app passes over what cannot be shown at the moment, such as a slot that is not on the air: an
    item may stand further up than in the slate. Another policy shows many of the same items, but
    not with our propensities. Where none is logged, only the very place tells.
    """
    user_E, elements = flat_lists(slates)
    item_E = elements.field("item_no").to_numpy().astype(np.int64)
    at_R = _found(key(rows.user_R, rows.item_R), key(user_E, item_E))
    is_there = at_R >= 0
    places = places_in_runs(run_starts(user_E))[at_R[is_there]]
    position = rows.position_R[is_there]
    propensity = _numbers(elements, "propensity")[at_R[is_there]]
    logged = _numbers(shown, "propensity")[is_there]
    is_same = np.isclose(propensity, logged, rtol=0, atol=_SAME_PROPENSITY)
    found = np.zeros(len(at_R), bool)
    found[is_there] = np.where(np.isnan(logged), places == position, is_same & (places >= position))
    return found


def _numbers(elements: pa.StructArray, name: str) -> np.ndarray:
    return elements.field(name).to_numpy(zero_copy_only=False)


def _found(wanted: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Places of keys among others in any order, −1 where absent."""
    order = np.argsort(of)
    return taken(order, find(of[order], wanted), otherwise=-1)


def _labels(user_R: np.ndarray, example_id: pa.Array, done: pa.ChunkedArray) -> dict[str, pa.Array]:
    """Label by each request's own outcomes: a range must not know more of a day than its night."""
    user_O, outcomes = flat_lists(done)
    table = pa.Table.from_struct_array(outcomes)
    ids = labels.example_ids(*(outcomes.field(name) for name in OUTCOME_COLUMNS[2:]))
    return labels_of(_within(user_R, example_id), _within(user_O, ids), table)


def _within(user: np.ndarray, ids: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.array(user).cast(pa.string()), ids, " ")
