"""Slates: the ordered items of every user on each surface."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame

from etl import surfaces, tables
from etl.surfaces import Surface
from orchestration import champions
from orchestration.night_files import Sender, has_items
from orchestration.reads import Read, on_driver, same_days, since_full
from orchestration.table_asset import Made, Night, no_items, table_asset
from scoring import slates, stand_ins
from scoring.rank import reads_histories
from scoring.slates import NightModel, SlateConfig
from training import user_side
from training.item_side import ItemSide
from training.promote import named
from training.rankers.ranker import NONE
from training.retrieval.source_lists import SourceLists

_HISTORY: Final = on_driver(since_full(tables.FEATURES_USER_HISTORY))
"""Opened only where a champion reads it: a night of others does not even look for its files."""


def _slates(surface: Surface) -> dg.AssetsDefinition:
    table = tables.SLATES[surface.name]

    def make(night: Night, **inputs: DataFrame) -> Made:
        if not has_items(night.lake, surface, night.days):
            return no_items(surface)
        config = night.settings.slate_config(surface.name)
        own = own_slates(night, surface, inputs, config)
        shared = pa.concat_tables(_stand_ins(night, surface, _segments(inputs["users"])))
        rows = own.unionByName(night.lake.spark.createDataFrame(shared, table.schema))
        return Made(rows, {"rankers": dg.MetadataValue.json(_said(night, surface))})

    return table_asset(table, make, reads=reads_of(surface))


def reads_of(surface: Surface) -> dict[str, Read]:
    """Name what a surface's slates are made of."""
    return {
        "users": same_days(tables.FEATURES_USER_DAILY),
        "candidates": same_days(tables.CANDIDATES[surface.name]),
        "pairs": since_full(tables.FEATURES_USER_PAIRS),
        "history": _HISTORY,
        "items": on_driver(same_days(tables.FEATURES_ITEM_DAILY)),
        "popularity": on_driver(same_days(tables.RETRIEVAL_POPULARITY)),
        "new_items": on_driver(same_days(tables.RETRIEVAL_NEW_ITEMS)),
        "covisitation": on_driver(same_days(tables.RETRIEVAL_COVISITATION)),
        "champions": on_driver(same_days(tables.RANKERS_CHAMPIONS)),
        "calibrators": on_driver(same_days(tables.RANKERS_CALIBRATORS)),
        **{name: on_driver(same_days(table)) for name, table in tables.RANKERS.items()},
    }


def own_slates(
    night: Night, surface: Surface, inputs: Mapping[str, DataFrame], config: SlateConfig
) -> DataFrame:
    """Make the users' own slates with the nights' champions.

    Args:
        night: The days to make.
        surface: For which surface.
        inputs: The frames of ``reads_of``. Histories are added here, if a champion reads them.
        config: What a slate looks like.

    Returns:
        Rows of ``tables.SLATES[surface.name]`` with audience ``user``.
    """
    sender = Sender.of(night.lake)
    nights = {
        day: NightModel(
            sender.item_side(day).name,
            champions.serving(night.lake.files, night.workspace.home.models, surface, day),
        )
        for day in night.days
    }
    is_read = any(reads_histories(one.serving) for one in nights.values())
    history = _HISTORY.rows(night.lake, night.days) if is_read else None
    return slates.build(**inputs, history=history, surface=surface, nights=nights, config=config)


def _said(night: Night, surface: Surface) -> dict[str, dict[str, str]]:
    """Say who orders each night's slates, and which of his predictions are calibrated."""
    files, found = night.lake.files, {}
    for day in night.days:
        champion = champions.champion_of(files, surface, day)
        found[str(day)] = {"ranker": named(champion), "reason": champion.reason}
        if champion.ranker != NONE:
            tasks = champions.calibrations_of(files, surface, champion, day)
            found[str(day)]["calibrated"] = ", ".join(sorted(tasks)) or "nothing yet"
    return found


def _segments(users: DataFrame) -> dict[date, set[str]]:
    """Name each evening's segments: few words, however many users there are."""
    named = user_side.segments(users).select("arrival_date", "segment").distinct()
    found: dict[date, set[str]] = {}
    for evening, segment in named.collect():
        found.setdefault(evening, set()).add(segment)
    return found


def _stand_ins(
    night: Night, surface: Surface, segments: dict[date, set[str]]
) -> Iterator[pa.Table]:
    config = night.workspace.settings.slate_config(surface.name)
    sender = Sender.of(night.lake)
    for day, path in sender.lists(surface, night.days):
        yield stand_ins.build(
            SourceLists.read(path),
            ItemSide.read(sender.item_side(day)),
            segments=segments.get(day, set()),
            surface=surface,
            evening=day,
            config=config,
        )


@dg.definitions
def of_surfaces() -> dg.Definitions:
    """One asset a surface."""
    return dg.Definitions(assets=[_slates(surface) for surface in surfaces.ALL])
