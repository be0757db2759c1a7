"""Makes silver/outcomes: what followed an impression, or came without one.

An outcome is written once, on the first day by which it and an impression that it may have followed
have both arrived, and never revised: a better impression that arrives later changes nothing. A
click, view, watch, like or hide follows the last impression of the same user and item within 7
days before it; a cart, order or cancel follows the last *clicked* one, which is one that a click
(or view) was attributed to by the day at hand, whichever of the two is stamped first. After 7
arrival days without one, an outcome is organic.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, GroupedData
from pyspark.sql import functions as F

from etl.arrow import arrow_schema, codes_of, days_of_epoch
from etl.asked_keys import only_asked
from etl.bronze.files import LOOK_BACK_DAYS as LATE_FILE_DAYS
from etl.days import Days
from etl.silver.attribution import (
    ORGANIC,
    WAIT_DAYS,
    WINDOW_DAYS,
    Done,
    Shown,
    attribute,
    clicked_days,
)
from etl.silver.verdict import MAX_AGE_DAYS
from etl.tables import SILVER_OUTCOMES

CLICKS: Final = ("view", "click")
"""What makes an impression a clicked one."""
AFTER_CLICK: Final = ("cart", "order", "cancel")
"""What follows clicked impressions only."""
OUTCOMES: Final = (*CLICKS, *AFTER_CLICK, "watch", "like", "hide")
"""The event types that are outcomes."""

_FAMILY_DAYS: Final = 2 * WINDOW_DAYS + 1
"""An outcome's impressions are at most one window older than it, and what their clicks could have
followed instead at most two; a clock may be a day ahead of the arrival."""
LOOKBACK_DAYS: Final = WAIT_DAYS + LATE_FILE_DAYS + MAX_AGE_DAYS + _FAMILY_DAYS
"""Both inputs reach so many days back before the first day that is made: the oldest outcome that
may still wait, with the oldest event time that its line may have, and what it may have followed."""
_ON_TIME_DAYS: Final = 2
_RECENT_DAYS: Final = WAIT_DAYS + _ON_TIME_DAYS + _FAMILY_DAYS
# Groups in memory one at a time; no row depends on it.
_NUM_BUCKETS: Final = 64

_PAIR: Final = ("user_id", "item_type", "item_id")
_OF_OUTCOME: Final = SILVER_OUTCOMES.column_names[
    : SILVER_OUTCOMES.column_names.index("is_organic")
]
_OF_IMPRESSION: Final = {
    "impression_source": "source",
    "impression_event_id": "event_id",
    "impression_position": "position",
    "impression_surface": "surface",
    "shown_date": "shown_date",
}
_ARROW: Final = arrow_schema(SILVER_OUTCOMES.schema)


def build(events: DataFrame, *, impressions: DataFrame, days: Days) -> DataFrame:
    """Attribute the outcomes of which ``days`` decide.

    Args:
        events: Rows of ``tables.SILVER_EVENTS`` from ``LOOKBACK_DAYS`` before ``days`` on.
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` of the same days.
        days: The days to make.

    Returns:
        Rows of ``tables.SILVER_OUTCOMES``.
    """
    done = _done(events, days)
    late = _late_pairs(done, days)
    # Pairs of which nothing can be decided any more are most of what lies there.
    waiting = done.where(_waits(days)).select("pair")
    shown = impressions.select(
        *_PAIR, "arrival_date", "shown_at", *sorted(_OF_IMPRESSION.values()), _hashed_pair()
    )
    sides = [
        _grouped(only_asked(_needed(rows, late, days), waiting, ["pair"])) for rows in (done, shown)
    ]

    def kernel(outcomes: pa.Table, slates: pa.Table) -> pa.Table:
        return attributed(outcomes, slates, days=days)

    return sides[0].cogroup(sides[1]).applyInArrow(kernel, SILVER_OUTCOMES.schema)


def attributed(outcomes: pa.Table, impressions: pa.Table, *, days: Days) -> pa.Table:
    """Attribute outcomes to impressions of the same pairs of user and item.

    Args:
        outcomes: Columns of ``tables.SILVER_OUTCOMES`` before is_organic.
        impressions: The pair, arrival_date, shown_at and what an outcome points to.
        days: The days whose rows are given.

    Returns:
        Rows of ``tables.SILVER_OUTCOMES``.
    """
    pair_O, pair_I = _pairs(outcomes, impressions)
    order = _order(impressions, pair_I)
    impressions, pair_I = impressions.take(order), pair_I[order]
    shown = Shown(pair_I, _numbers(impressions["shown_at"]))
    arrived_O = _numbers(outcomes["event_arrival_date"]).astype(np.int32)
    done = Done(pair_O, _numbers(outcomes["event_at"]), arrived_O)
    arrived_I = _numbers(impressions["arrival_date"]).astype(np.int32)
    day_O, place_O = _attributed_days(done, shown, arrived_I, outcomes["event_type"])
    kept = np.flatnonzero(
        (day_O >= days_of_epoch(days.first)) & (day_O <= days_of_epoch(days.last))
    )
    return _rows(outcomes.take(kept), impressions, day_O[kept], place_O[kept])


def _attributed_days(
    done: Done, shown: Shown, arrived_I: np.ndarray, event_type: pa.ChunkedArray
) -> tuple[np.ndarray, np.ndarray]:
    """First whatever follows any impression, then what follows those that were clicked."""
    day_O, place_O = attribute(done, shown, arrived_I)
    is_click, is_after = (_is_in(event_type, kinds) for kinds in (CLICKS, AFTER_CLICK))
    known_I = clicked_days(day_O[is_click], place_O[is_click], len(arrived_I))
    day_O[is_after], place_O[is_after] = attribute(done.where(is_after), shown, known_I)
    return day_O, place_O


def _is_in(column: pa.ChunkedArray, words: tuple[str, ...]) -> np.ndarray:
    return pc.is_in(column, value_set=pa.array(words)).to_numpy()


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Days of the epoch of dates, microseconds of instants: int64."""
    integer = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
    return column.cast(integer).to_numpy().astype(np.int64)


def _pairs(outcomes: pa.Table, impressions: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of user and item alike in both tables: int64."""
    pair_O, pair_I = np.zeros(len(outcomes), np.int64), np.zeros(len(impressions), np.int64)
    for name in _PAIR:
        words, (of_O, of_I) = codes_of(outcomes[name], impressions[name])
        both = np.concatenate([pair_O * len(words) + of_O, pair_I * len(words) + of_I])
        _, dense = np.unique(both, return_inverse=True)
        pair_O, pair_I = dense[: len(outcomes)], dense[len(outcomes) :]
    return pair_O, pair_I


def _order(impressions: pa.Table, pair_I: np.ndarray) -> np.ndarray:
    """Sort by pair and instant; event id, position, source and arrival day break every tie."""
    ids = [codes_of(impressions[name])[1][0] for name in ("source", "event_id")]
    position = _numbers(impressions["position"])
    arrived, at = (_numbers(impressions[name]) for name in ("arrival_date", "shown_at"))
    return np.lexsort((arrived, ids[0], position, ids[1], at, pair_I))


def _rows(
    outcomes: pa.Table, impressions: pa.Table, day_O: np.ndarray, place_O: np.ndarray
) -> pa.Table:
    is_organic = place_O == ORGANIC
    place = pa.array(place_O, mask=is_organic)
    found = {name: outcomes[name] for name in _OF_OUTCOME[1:]}
    found["arrival_date"] = pa.array(day_O, pa.int32()).cast(pa.date32())
    found["is_organic"] = pa.array(is_organic)
    for name, column in _OF_IMPRESSION.items():
        found[name] = impressions[column].take(place)
    return pa.table([found[name] for name in _ARROW.names], names=_ARROW.names).cast(_ARROW)


def _done(events: DataFrame, days: Days) -> DataFrame:
    """Clicks of all days, and every outcome that may still have waited on the first of ``days``."""
    is_outcome = F.col("event_type").isin(*OUTCOMES)
    is_kept = F.col("event_type").isin(*CLICKS) | (is_outcome & _waits(days))
    rows = events.where(is_kept).withColumn("event_arrival_date", F.col("arrival_date"))
    return rows.select(*_OF_OUTCOME, _hashed_pair())


def _hashed_pair() -> Column:
    return F.xxhash64(*_PAIR).alias("pair")


def _late_pairs(done: DataFrame, days: Days) -> DataFrame:
    """The pairs of outcomes that waited and happened long before they arrived."""
    is_late = F.date_diff("arrival_date", "event_date") > _ON_TIME_DAYS
    return done.where(_waits(days) & is_late).select("pair")


def _waits(days: Days) -> Column:
    """Tell which outcomes may have waited on the first day; older ones are decided."""
    return F.col("arrival_date") >= days.reaching_back(WAIT_DAYS).first


def _needed(rows: DataFrame, late: DataFrame, days: Days) -> DataFrame:
    """Leave out old rows that only a late outcome could need, where there is none of their pair.

    A night reads some three months for the sake of a few late lines; nearly all of it stays out of
    the shuffle.
    """
    is_recent = F.col("arrival_date") >= days.reaching_back(_RECENT_DAYS).first
    old = rows.where(~is_recent).join(late, "pair", "left_semi")
    return rows.where(is_recent).unionByName(old)


def _grouped(rows: DataFrame) -> GroupedData:
    bucket = F.pmod("pair", F.lit(_NUM_BUCKETS)).alias("bucket")
    return rows.groupBy(bucket)
