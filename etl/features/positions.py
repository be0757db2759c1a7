"""Makes features/positions: how often each place of a surface is looked at, as known by the day.

What counts impressions weighs them by it (``examined``): an item that was listed where nobody
looks has not been refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, DoubleType, IntegerType, StringType, StructField, StructType

from etl.arrow import arrow_schema, days_of_epoch
from etl.days import Days
from etl.features.buckets import walk
from etl.features.evenings import day_column
from etl.features.examination import ExaminationConfig, Shown, added, fit
from etl.tables import FEATURES_POSITIONS

PARTS: Final = 1_000_000
"""An impression at a first place, in whole numbers: their sums depend on no order."""
_COUNTS: Final = ("num_impressions", "num_clicks", "num_chance_impressions", "num_chance_clicks")
_COUNTED: Final = StructType(
    [
        StructField("arrival_date", DateType()),
        StructField("surface", StringType()),
        StructField("position", IntegerType()),
        *(StructField(name, DoubleType()) for name in _COUNTS),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PositionsConfig:
    """How fast a surface's design is forgotten, and what its curve is fitted on."""

    half_life_days: float = 14.0
    """Days after which an impression counts half."""
    examination: ExaminationConfig = field(default_factory=ExaminationConfig)
    """Which impressions the curve is fitted on."""


def build(
    impressions: DataFrame,
    *,
    outcomes: DataFrame,
    before: DataFrame,
    days: Days,
    config: PositionsConfig,
) -> DataFrame:
    """Bring the curves of all surfaces up to the end of each of ``days``.

    A click counts if it became known on the day its impression arrived, as most do; what comes
    later is missed at every place alike.

    Args:
        impressions: Rows of ``tables.SILVER_IMPRESSIONS`` of ``days``.
        outcomes: Rows of ``tables.SILVER_OUTCOMES`` of ``days``.
        before: Rows of ``tables.FEATURES_POSITIONS`` of the day before; none on the first day.
        days: The days to make.
        config: How fast it is forgotten, and what is fitted on.

    Returns:
        Rows of ``tables.FEATURES_POSITIONS``.
    """
    schema = FEATURES_POSITIONS.schema
    arrow, arrow_counted = arrow_schema(schema), arrow_schema(_COUNTED)

    def kernel(counted: pa.Table, state: pa.Table) -> pa.Table:
        made = [
            _surface(counted, state, surface, days, config) for surface in _surfaces(counted, state)
        ]
        rows = pa.concat_tables(made) if made else arrow.empty_table()
        return rows.select(arrow.names).cast(arrow)

    counted = _counted(impressions, outcomes, config.examination).select(arrow_counted.names)
    return walk(counted, before, key="surface", kernel=kernel, schema=schema, num_buckets=1)


def curves(positions: DataFrame) -> DataFrame:
    """List each surface's curve by place.

    Args:
        positions: Rows of ``tables.FEATURES_POSITIONS``.

    Returns:
        arrival_date, surface, curve: ``examination`` of the places from the first on. Few rows.
    """
    place = F.struct("position", "examination")
    by_place = F.sort_array(F.collect_list(place)).alias("places")
    listed = positions.groupBy("arrival_date", "surface").agg(by_place)
    return listed.select("arrival_date", "surface", F.col("places.examination").alias("curve"))


def examined() -> Column:
    """How much of an impression at ``position`` was looked at, in ``PARTS``, by ``curve``."""
    found = F.try_element_at("curve", F.col("position") + 1)
    return F.round(F.coalesce(found, F.lit(1.0)) * PARTS).cast("long")


def looked_at(shown: DataFrame, positions: DataFrame) -> DataFrame:
    """Add ``examined``: how much of each impression was looked at, in ``PARTS``.

    Args:
        shown: arrival_date, surface, position, and whatever else.
        positions: Rows of ``tables.FEATURES_POSITIONS`` of the same days.
    """
    known = shown.join(F.broadcast(curves(positions)), ["arrival_date", "surface"], "left")
    return known.withColumn("examined", examined()).drop("curve")


def of_clicks(outcomes: DataFrame) -> DataFrame:
    """Keep the clicks and views that followed an impression."""
    is_click = F.col("event_type").isin("view", "click")
    return outcomes.where(is_click & ~F.col("is_organic"))


def _counted(impressions: DataFrame, outcomes: DataFrame, config: ExaminationConfig) -> DataFrame:
    clicked = of_clicks(outcomes).select(
        "arrival_date",
        F.col("impression_source").alias("source"),
        F.col("impression_event_id").alias("event_id"),
        F.col("impression_position").alias("position"),
        F.lit(1).alias("clicked"),
    )
    shown = impressions.join(
        clicked.distinct(), ["arrival_date", "source", "event_id", "position"], "left"
    )
    one, click = F.lit(1), F.coalesce("clicked", F.lit(0))
    chance = F.coalesce(F.col("propensity") < config.max_chance_propensity, F.lit(False)).cast(
        "int"
    )
    sums = zip(_COUNTS, (one, click, chance, click * chance), strict=True)
    return shown.groupBy("arrival_date", "surface", "position").agg(
        *(F.sum(part).cast("double").alias(name) for name, part in sums)
    )


def _surfaces(*tables: pa.Table) -> list[str]:
    return sorted({name for rows in tables for name in rows.column("surface").to_pylist()})


def _surface(
    counted: pa.Table, state: pa.Table, surface: str, days: Days, config: PositionsConfig
) -> pa.Table:
    """Walk the days of one surface."""
    counted, state = (_of(rows, surface) for rows in (counted, state))
    known_4P = _by_place(state)
    fading = 0.5 ** (1.0 / config.half_life_days)
    made = []
    for number, rows in _by_day(counted, days):
        known_4P = added(fading * known_4P, _by_place(rows))
        if known_4P.shape[1]:
            made.append(_rows(number, surface, known_4P, config))
    return pa.concat_tables(made)


def _of(rows: pa.Table, surface: str) -> pa.Table:
    return rows.filter(pc.equal(rows.column("surface"), surface))


def _by_day(counted: pa.Table, days: Days) -> Iterator[tuple[int, pa.Table]]:
    day_N = counted.column("arrival_date").cast(pa.int32()).to_numpy()
    for day in days:
        number = days_of_epoch(day)
        yield number, counted.filter(pa.array(day_N == number))


def _by_place(rows: pa.Table) -> np.ndarray:
    """``_COUNTS`` by place, as rows of ``Shown``."""
    place = rows.column("position").to_numpy()
    known_4P = np.zeros((len(_COUNTS), int(place.max(initial=-1)) + 1))
    for number, name in enumerate(_COUNTS):
        known_4P[number, place] = rows.column(name).to_numpy()
    return known_4P


def _rows(number: int, surface: str, known_4P: np.ndarray, config: PositionsConfig) -> pa.Table:
    num_places = known_4P.shape[1]
    place_P = np.arange(num_places)
    curve = fit(Shown(*known_4P), config.examination)
    columns = {
        "arrival_date": day_column(np.full(num_places, number)),
        "surface": pa.array([surface] * num_places),
        "position": pa.array(place_P, pa.int32()),
        "examination": pa.array(curve.at(place_P)),
    }
    return pa.table(columns | {n: pa.array(c) for n, c in zip(_COUNTS, known_4P, strict=True)})
