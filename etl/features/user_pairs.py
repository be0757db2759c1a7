"""Makes features/user_pairs: each user's history by item, category, brand, seller and host.

A row is the whole state of a user, so a night reads only the users it touches: those who did
something with an item or were shown some. Affinities are decayed to the latest event of their key;
whoever reads them decays them on to his own instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.arrow import arrow_schema, codes_of, days_of_epoch, newest
from etl.days import Days, is_full
from etl.features import touched_state
from etl.features.buckets import walk
from etl.features.evenings import INSTANT
from etl.features.fold import NEVER
from etl.features.looks import looks
from etl.features.pair_book import Book
from etl.features.touches import LOOK_CODE, touches, users_of
from etl.features.user_history import ALIVE_DAYS, DAY_US, end_us, latest_of_day
from etl.tables import FEATURES_USER_PAIRS, PARTITION


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsConfig:
    """What an event says about liking."""

    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "view": 1.0,
            "click": 1.0,
            "watch": 1.0,
            "like": 2.0,
            "cart": 3.0,
            "order": 5.0,
            "cancel": 0.0,
            "hide": 0.0,
        }
    )
    """Added to affinities by each event type."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""


def build(  # noqa: PLR0913
    events: DataFrame,
    *,
    items: DataFrame,
    impressions: DataFrame,
    positions: DataFrame,
    appeal: DataFrame,
    before: DataFrame,
    days: Days,
    first_day: date,
    config: PairsConfig,
) -> DataFrame:
    """Bring the state of the users touched on each of ``days`` up to its end.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` that arrived on ``days``.
        items: Rows of ``tables.SILVER_ITEMS`` of ``days``.
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` that arrived on ``days``.
        positions: Rows of ``tables.FEATURES_POSITIONS`` of ``days``.
        appeal: Rows of ``tables.FEATURES_ITEM_APPEAL`` of ``days``.
        before: Rows of ``tables.FEATURES_USER_PAIRS`` from the full day before ``days`` on.
        days: The days to make.
        first_day: The lake's first day, from which full partitions are counted.
        config: What an event says about liking.

    Returns:
        Rows of ``tables.FEATURES_USER_PAIRS``.
    """
    schema = FEATURES_USER_PAIRS.schema
    arrow = arrow_schema(schema)

    def kernel(touched: pa.Table, state: pa.Table) -> pa.Table:
        known = newest(state, ("user_id",), PARTITION)
        made = pairs(touched, known, days=days, first_day=first_day, config=config)
        return made.cast(arrow)

    nothing = F.lit(0).cast("long")
    touched = touches(events, items).drop("price_cents")
    touched = touched.withColumns({"examined": nothing, "expected": nothing})
    users = users_of(events).unionByName(impressions.select("user_id"))
    looked = looks(impressions, items=items, positions=positions, appeal=appeal)
    return walk(
        touched.unionByName(looked, allowMissingColumns=True),
        touched_state.needed(before, users, days, first_day),
        key="user_id",
        kernel=kernel,
        schema=schema,
        num_buckets=config.num_buckets,
    )


def pairs(
    touched: pa.Table, state: pa.Table, *, days: Days, first_day: date, config: PairsConfig
) -> pa.Table:
    """Walk the days of some users.

    Args:
        touched: Rows of ``etl.features.touches`` and ``etl.features.looks``.
        state: Rows of ``tables.FEATURES_USER_PAIRS``, one per user.
        days: The days to make.
        first_day: The lake's first day.
        config: What an event says about liking.

    Returns:
        Rows of ``tables.FEATURES_USER_PAIRS``: the touched users of each day, all alive ones on
        full days.
    """
    users, (code, old_user) = codes_of(touched.column("user_id"), state.column("user_id"))
    touched, user = _in_order(touched, code)
    book = Book.of(touched, user, state, old_user, weights=config.weights)
    last_seen = np.full(len(users), NEVER)
    last_seen[old_user] = state.column("last_event_at").cast(pa.int64()).to_numpy()
    made = []
    for day in days:
        today = np.flatnonzero(book.day_E == days_of_epoch(day))
        who = np.unique(book.user_E[today])
        np.maximum.at(last_seen, book.user_E[today], book.at_E[today])
        book.add(today, who)
        if is_full(day, first_day):
            is_alive = last_seen >= end_us(day) - ALIVE_DAYS * DAY_US
            # Who is not in a full partition is unknown to the nights that follow it.
            book.forget(~is_alive)
            last_seen[~is_alive] = NEVER
            who = np.flatnonzero(is_alive)
        made.append(
            pa.table(
                {
                    "arrival_date": pa.array([day] * len(who), pa.date32()),
                    "user_id": users.take(pa.array(who)),
                    "last_event_at": pa.array(last_seen[who]).cast(INSTANT),
                    **book.lists(who, len(users)),
                }
            )
        )
    return pa.concat_tables(made)


def _in_order(touched: pa.Table, code: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Each user's touches in order, no more than count on a day, and behind them his looks."""
    is_look = touched.column("event_code").to_numpy() == LOOK_CODE
    touches, user = latest_of_day(touched.filter(pa.array(~is_look)), code[~is_look])
    looked = touched.filter(pa.array(is_look))
    return pa.concat_tables([touches, looked]), np.concatenate([user, code[is_look]])
