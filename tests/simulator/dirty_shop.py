"""A dirty shop of eleven days, in files and as silver makes it of them; made once a run of tests.

What arrived of it is told by ``arrived``, from the shop's own numbers.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from etl.bronze import lines as bronze_lines
from etl.bronze.files import seal
from etl.days import Days
from etl.silver import (
    duplicate_lines,
    events,
    impressions,
    items,
    line_counts,
    outcomes,
    rejected_lines,
)
from etl.silver.parse import PLACE, number, parse
from etl.tables import BRONZE_FILES, SILVER_ITEMS
from simulator.config import PRESETS, ShopConfig
from simulator.dials import Dials

SCARCE = 0
"""A version for tests alone: most products come in few pieces, so that a small shop sells out."""
PRESETS[SCARCE] = replace(Dials(), world=replace(Dials().world, stock_mean=2.0))
SHOP = ShopConfig(users=320, items=200, days=11, seed=5, version=SCARCE)
"""Long enough for outcomes that wait a week in vain."""
DAYS = Days(SHOP.start, SHOP.start + timedelta(days=SHOP.days - 1))


@dataclass(frozen=True)
class Silver:
    """What silver made of the shop's files."""

    events: pa.Table
    rejected_lines: pa.Table
    duplicate_lines: pa.Table
    line_counts: pa.Table
    items: pa.Table
    impressions: pa.Table
    outcomes: pa.Table


def read(landing: Path, spark: SparkSession) -> Silver:
    """Make silver of files."""
    files = seal(landing, sealed=[], sealed_days=set(), days=DAYS)
    rows = [tuple(getattr(f, name) for name in BRONZE_FILES.column_names) for f in files]
    sealed = spark.createDataFrame(rows, BRONZE_FILES.schema)
    lines = bronze_lines.build(sealed, landing=str(landing))
    parsed = parse(lines)
    numbered = number(parsed, parsed.select(*PLACE).where(F.lit(False)))
    numbered.persist(StorageLevel.DISK_ONLY)
    found = _made(lines, numbered)
    numbered.unpersist()
    return found


def _made(lines: DataFrame, numbered: DataFrame) -> Silver:
    """Make each table of what was made before it, as it would be read back."""
    spark = numbered.sparkSession
    parts = {
        "events": events.build(numbered),
        "rejected_lines": rejected_lines.build(numbered),
        "duplicate_lines": duplicate_lines.build(numbered),
    }
    found = {name: frame.toArrow() for name, frame in parts.items()}
    found["line_counts"] = line_counts.build(lines, **parts).toArrow()
    said = spark.createDataFrame(found["events"])
    nothing = spark.createDataFrame([], SILVER_ITEMS.schema)
    known_items = items.build(said, before=nothing, days=DAYS, first_day=DAYS.first)
    found["items"] = known_items.toArrow()
    found["impressions"] = impressions.build(said, days=DAYS).toArrow()
    shown = spark.createDataFrame(found["impressions"])
    found["outcomes"] = outcomes.build(said, impressions=shown, days=DAYS).toArrow()
    return Silver(**found)
