"""The dirty shop's slates of two evenings, by the makers that nights run, from silver on.

Without rankers, and without what would have to be learned from more than a fortnight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from etl import tables
from etl.arrow import arrow_schema
from etl.days import Days
from etl.features import item_daily, positions, user_daily, user_history, user_pairs
from etl.features.item_daily import ItemDailyConfig
from etl.features.positions import PositionsConfig
from etl.features.user_daily import UserDailyConfig
from etl.features.user_pairs import PairsConfig
from etl.surfaces import ALL, Surface
from etl.tables import Table
from scoring import candidates, slates
from scoring.candidates import NightFiles
from scoring.mixes import MIXES, CandidatesConfig
from scoring.rank import Serving
from scoring.slates import NightModel, SlateConfig
from tests.simulator.dirty_shop import DAYS, Silver
from training import array_file, item_side, promote
from training.retrieval import latent_interests, popularity, source_lists
from training.retrieval.popularity import PopularityConfig

EVENINGS: Final = Days(DAYS.last.replace(day=DAYS.last.day - 1), DAYS.last)
CONFIG: Final = SlateConfig(k=20)


@dataclass(frozen=True)
class Slated:
    """What was made."""

    item_daily: pa.Table
    """Of all days."""
    candidates: Mapping[str, pa.Table]
    slates: Mapping[str, pa.Table]
    """By surface, of the evenings."""


def made(silver: Silver, folder: Path, spark: SparkSession) -> Slated:
    """Make features, candidates and slates of silver.

    Args:
        silver: Of ``DAYS``.
        folder: For what workers map.
        spark: Runs it.
    """
    features = _features(silver, spark)
    files = _files(features, folder, spark)
    proposed, shown = {}, {}
    for surface in ALL:
        asked = {name: features[name] for name in ("users", "pairs")}
        found = candidates.build(
            **asked,
            history=features["history"],
            surface=surface,
            files=files[surface.name],
            config=CandidatesConfig(mix=MIXES[surface.name]),
        ).toArrow()
        proposed[surface.name] = found
        shown[surface.name] = slates.build(
            **asked,
            candidates=spark.createDataFrame(found),
            history=None,
            surface=surface,
            nights={day: _night(surface, day, files[surface.name][day]) for day in EVENINGS},
            config=CONFIG,
        ).toArrow()
    return Slated(features["item_daily"].toArrow(), proposed, shown)


def _night(surface: Surface, evening: date, files: NightFiles) -> NightModel:
    return NightModel(files.items, Serving(promote.first(surface.name, evening), "", {}))


def _features(silver: Silver, spark: SparkSession) -> dict[str, DataFrame]:
    """Make the features of all days at once; users' rows of the evenings are kept."""
    events, items, impressions, outcomes = (
        spark.createDataFrame(rows)
        for rows in (silver.events, silver.items, silver.impressions, silver.outcomes)
    )

    def nothing(table: Table) -> DataFrame:
        return spark.createDataFrame([], table.schema).limit(0)

    looked_at = positions.build(
        impressions,
        outcomes=outcomes,
        before=nothing(tables.FEATURES_POSITIONS),
        days=DAYS,
        config=PositionsConfig(),
    )
    places = spark.createDataFrame(looked_at.toArrow())
    since_first = {"items": items, "days": DAYS, "first_day": DAYS.first}
    frames = {
        "users": user_daily.build(
            events,
            before=nothing(tables.FEATURES_USER_DAILY),
            days=DAYS,
            config=UserDailyConfig(),
        ).where(f"arrival_date >= '{EVENINGS.first}'"),
        "pairs": user_pairs.build(
            events,
            impressions=impressions,
            positions=places,
            appeal=nothing(tables.FEATURES_ITEM_APPEAL),
            before=nothing(tables.FEATURES_USER_PAIRS),
            config=PairsConfig(),
            **since_first,
        ),
        "history": user_history.build(
            events, before=nothing(tables.FEATURES_USER_HISTORY), num_buckets=4, **since_first
        ),
        "item_daily": item_daily.build(
            events,
            items=items,
            positions=places,
            appeal=nothing(tables.FEATURES_ITEM_APPEAL),
            before=nothing(tables.FEATURES_ITEM_DAILY),
            days=DAYS,
            config=ItemDailyConfig(),
        ),
    }
    found = {name: spark.createDataFrame(frame.toArrow()) for name, frame in frames.items()}
    popular = popularity.build(
        events, item_daily=found["item_daily"], days=EVENINGS, config=PopularityConfig()
    )
    return found | {"popularity": spark.createDataFrame(popular.toArrow())}


def _files(
    features: Mapping[str, DataFrame], folder: Path, spark: SparkSession
) -> dict[str, dict[date, NightFiles]]:
    """Send what workers map, by surface and evening."""
    daily, popular = (features[name].toArrow() for name in ("item_daily", "popularity"))

    def sent(arrays: source_lists.Arrays) -> str:
        path = array_file.write(arrays, folder)
        spark.sparkContext.addFile(str(path))
        return path.name

    found: dict[str, dict[date, NightFiles]] = {surface.name: {} for surface in ALL}
    for evening in EVENINGS:
        is_then = pc.field("arrival_date") == evening
        items = sent(item_side.arrays_of(daily.filter(is_then).select(item_side.COLUMNS)))
        for surface in ALL:
            lists = source_lists.arrays_of(
                popular.filter(is_then & (pc.field("surface") == surface.name)),
                new_items=_no_rows(tables.RETRIEVAL_NEW_ITEMS),
                covisitation=_no_rows(tables.RETRIEVAL_COVISITATION),
                evening=evening,
                half_life_days=30.0,
            )
            lists |= latent_interests.arrays_of(_no_rows(tables.RETRIEVAL_LATENT_INTERESTS))
            found[surface.name][evening] = NightFiles(items, sent(lists))
    return found


def _no_rows(table: Table) -> pa.Table:
    return arrow_schema(table.schema).empty_table()
