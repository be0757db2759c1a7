"""Rankers: examples, fitted models, how they measured, and who serves."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from etl import surfaces, tables
from etl.days import Days
from etl.surfaces import Surface
from etl.tables import Table
from orchestration import pictures
from orchestration.fitting import fit_nights
from orchestration.judging import judge_nights
from orchestration.night_files import Sender, has_items
from orchestration.reads import (
    as_of_last_day,
    days_back,
    evenings_before,
    on_driver,
    same_days,
    since_full,
)
from orchestration.table_asset import Made, Night, no_items, table_asset, table_assets
from training import examples
from training.examples import LATE_DAYS, ExamplesConfig
from training.split import CalendarConfig

_EVENINGS = LATE_DAYS + 1


def _examples(surface: Surface) -> dg.AssetsDefinition:
    table = tables.EXAMPLES[surface.name]

    def make(night: Night, **inputs: DataFrame) -> Made:
        first = max(night.days.first - timedelta(days=_EVENINGS), night.lake.first_day)
        last = night.days.last - timedelta(days=1)
        if first > last:
            return Made(night.lake.empty(table), {"empty_because": "no evening came before"})
        if not has_items(night.lake, surface, night.days):
            return no_items(night, table, surface)
        evenings = Days(first, last)
        rows = examples.build(
            inputs.pop("events"),
            **inputs,
            surface=surface,
            item_sides=Sender.of(night.lake).item_sides(evenings),
            config=ExamplesConfig(num_buckets=night.workspace.settings.buckets),
        )
        return Made(rows)

    return table_asset(
        table,
        make,
        reads={
            "events": same_days(tables.SILVER_EVENTS),
            "items": as_of_last_day(tables.SILVER_ITEMS),
            "candidates": evenings_before(tables.CANDIDATES[surface.name], _EVENINGS),
            "users": evenings_before(tables.FEATURES_USER_DAILY, _EVENINGS),
            "pairs": since_full(tables.FEATURES_USER_PAIRS, _EVENINGS),
        },
    )


def _frame(night: Night, table: Table, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    values = [tuple(row[name] for name in table.column_names) for row in rows]
    return night.lake.spark.createDataFrame(values, table.schema)


def _gbdt(night: Night) -> Made:
    """Fit where the calendar says so."""
    rows = [row for surface in surfaces.ALL for row in fit_nights(night, surface)]
    said = {f"{row['arrival_date']} {row['surface']}": row["reason"] for row in rows}
    return Made(_frame(night, tables.RANKERS_GBDT, rows), {"fits": dg.MetadataValue.json(said)})


def _judged(night: Night) -> Mapping[Table, Made]:
    """Judge whoever could serve, and choose."""
    found = [pair for surface in surfaces.ALL for pair in judge_nights(night, surface)]
    reports = [row for _, judgement in found for row in judgement.reports]
    champions = [judgement.champion.row(day) for day, judgement in found]
    return {
        tables.RANKERS_REPORTS: Made(_frame(night, tables.RANKERS_REPORTS, reports)),
        tables.RANKERS_CHAMPIONS: Made(_frame(night, tables.RANKERS_CHAMPIONS, champions)),
    }


rankers_gbdt = table_asset(
    tables.RANKERS_GBDT,
    _gbdt,
    reads={
        **{
            f"examples_{name}": on_driver(days_back(table, CalendarConfig().num_days))
            for name, table in tables.EXAMPLES.items()
        },
    },
)
rankers_judged = table_assets(
    [tables.RANKERS_REPORTS, tables.RANKERS_CHAMPIONS],
    _judged,
    reads={
        "fitted": on_driver(same_days(tables.RANKERS_GBDT)),
        **{
            f"examples_{name}": on_driver(same_days(table))
            for name, table in tables.EXAMPLES.items()
        },
    },
    pictures={tables.RANKERS_REPORTS: pictures.learning},
)


@dg.definitions
def rankers() -> dg.Definitions:
    """One asset of examples a surface, and the rankers that learn from them."""
    of_surfaces = [_examples(surface) for surface in surfaces.ALL]
    return dg.Definitions(assets=[*of_surfaces, rankers_gbdt, rankers_judged])
