"""Makes features/user_interests: what a user is interested in, now and in the long run.

Nothing of its own is remembered: features/user_pairs folds each category's affinity with a short
and a long half-life, and an interest is a category's share of them at the user's latest event.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from etl.arrow import codes_of, flat_lists, lists_of, places_in_runs, run_starts
from etl.features.buckets import by_batch
from etl.features.fold import DAY_US
from etl.features.pair_book import LONG_TERM_DAYS, SHORT_TERM_DAYS
from etl.tables import FEATURES_USER_INTERESTS

NUM_SHORT_TERM: Final = 10
NUM_LONG_TERM: Final = 20


def build(pairs: DataFrame) -> DataFrame:
    """Turn each user's affinities with categories into shares.

    Args:
        pairs: Rows of ``tables.FEATURES_USER_PAIRS``; the result has their days and users.

    Returns:
        Rows of ``tables.FEATURES_USER_INTERESTS``.
    """
    known = pairs.select("arrival_date", "user_id", "last_event_at", "categories")
    return by_batch(known, kernel=interests, schema=FEATURES_USER_INTERESTS.schema)


def interests(pairs: pa.Table) -> pa.Table:
    """Turn the affinities of some users into shares.

    Args:
        pairs: Rows of ``tables.FEATURES_USER_PAIRS``.

    Returns:
        Rows of ``tables.FEATURES_USER_INTERESTS``, in the same order.
    """
    row, categories = flat_lists(pairs.column("categories"))
    last_us = pairs.column("last_event_at").cast(pa.int64()).to_numpy()
    age_days = (last_us[row] - categories.field("affinity_at").cast(pa.int64()).to_numpy()) / DAY_US
    columns = pairs.select(["arrival_date", "user_id", "last_event_at"])
    for name, half_life_days, num_kept in (
        ("short_term", SHORT_TERM_DAYS, NUM_SHORT_TERM),
        ("long_term", LONG_TERM_DAYS, NUM_LONG_TERM),
    ):
        affinity = categories.field(f"{name}_affinity").to_numpy()
        strength = affinity * np.exp2(-age_days / half_life_days)
        strongest = _strongest(row, strength, categories, pairs.num_rows, num_kept)
        columns = columns.append_column(name, strongest)
    return columns


def _strongest(
    row: np.ndarray, strength: np.ndarray, categories: pa.StructArray, num_users: int, num_kept: int
) -> pa.ListArray:
    """Each user's strongest categories with their shares, strongest first, ties by name."""
    total = np.bincount(row, strength, num_users)
    # Where nothing of his weighs anything there is no interest to show.
    felt = np.flatnonzero(strength > 0)
    share = strength[felt] / total[row[felt]]
    _, (code,) = codes_of(pa.chunked_array([categories.field("category")]))
    order = np.lexsort((code[felt], -share, row[felt]))
    order = order[places_in_runs(run_starts(row[felt][order])) < num_kept]
    chosen = pa.array(felt[order])
    counts = (categories.field(name).to_numpy() for name in ("num_clicks", "num_orders"))
    fields = {
        "category": categories.field("category").take(chosen),
        "strength": pa.array(share[order]),
        "num_events": pa.array(sum(counts)).take(chosen),
    }
    found = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return lists_of(row[felt][order], num_users, found)
