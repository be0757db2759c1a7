"""Rankers: examples, fitted models, how they measured, and who serves."""

from collections.abc import Mapping

import dagster as dg
from pyspark.sql import DataFrame

from etl import surfaces, tables
from etl.silver.attribution import WINDOW_DAYS
from etl.surfaces import Surface
from etl.tables import Table
from orchestration import example_days, ranker_pictures
from orchestration.contenders import DAYS_READ
from orchestration.fitting import fit_nights
from orchestration.judgements import JUDGED
from orchestration.judging import judge_nights
from orchestration.night_files import Sender, has_items
from orchestration.published_slates import days_with_impressions, published_slates
from orchestration.reads import (
    as_of_last_day,
    days_back,
    evenings_before,
    on_driver,
    same_days,
    since_full,
)
from orchestration.table_asset import (
    Made,
    Metadata,
    Night,
    no_evening,
    no_items,
    table_asset,
    table_assets,
)
from training import examples, importance, impression_fates
from training.example_rows import LATE_DAYS, Evenings, ExamplesConfig
from training.examples import Log
from training.registry import CALENDARS

_EVENINGS = LATE_DAYS + 1


def _examples(surface: Surface) -> dg.AssetsDefinition:
    table = tables.EXAMPLES[surface.name]

    def make(night: Night, **inputs: DataFrame) -> Made:
        evenings = night.evenings(_EVENINGS)
        if evenings is None:
            return no_evening()
        if not has_items(night.lake, surface, night.days):
            return no_items(surface)
        known = Evenings(
            **{name: inputs[name] for name in ("users", "candidates", "pairs")},
            item_sides=Sender.of(night.lake).item_sides(evenings),
        )
        log = Log(
            **{name: inputs[name] for name in ("events", "impressions", "outcomes", "items")},
            published=published_slates(night.lake, surface, evenings),
        )
        return _made(night, surface, log, known)

    return table_asset(
        table,
        make,
        reads={
            "events": same_days(tables.SILVER_EVENTS),
            "impressions": same_days(tables.SILVER_IMPRESSIONS),
            "impressions_before": on_driver(days_back(tables.SILVER_IMPRESSIONS, LATE_DAYS)),
            "outcomes": same_days(tables.SILVER_OUTCOMES),
            "items": as_of_last_day(tables.SILVER_ITEMS),
            "item_sides": on_driver(days_back(tables.FEATURES_ITEM_DAILY, _EVENINGS)),
            "candidates": evenings_before(tables.CANDIDATES[surface.name], _EVENINGS),
            "users": evenings_before(tables.FEATURES_USER_DAILY, _EVENINGS),
            "pairs": since_full(tables.FEATURES_USER_PAIRS, _EVENINGS),
        },
    )


def _made(night: Night, surface: Surface, log: Log, known: Evenings) -> Made:
    """Make the days in their two ways, and say what became of every impression."""
    config = ExamplesConfig(num_buckets=night.settings.buckets)
    shown_on = days_with_impressions(night.lake.files, surface, night.days.reaching_back(LATE_DAYS))
    chosen = examples.days_by_impressions(shown_on, night.days)
    rows = examples.build(
        log, known, surface=surface, days=night.days, by_impressions=chosen, config=config
    )
    if not chosen:
        return Made(rows, {"made_of": "candidates of users who acted: the log has no impressions"})
    fates = impression_fates.count(log.impressions, known=known, surface=surface, config=config)
    made_of = f"impressions on {len(chosen)} of {len(night.days)} days"
    return Made(rows, {"made_of": made_of, "impressions": dg.MetadataValue.json(fates)})


def _fits(ranker: str) -> dg.AssetsDefinition:
    """Fit a ranker where its calendar says so."""
    table = tables.RANKERS[ranker]

    def make(night: Night) -> Made:
        rows = fit_nights(night, surfaces.ALL, ranker)
        said = {f"{row['arrival_date']} {row['surface']}": row["reason"] for row in rows}
        return Made(night.lake.frame(table, rows), {"fits": dg.MetadataValue.json(said)})

    return table_asset(table, make, reads=example_days.reads(CALENDARS[ranker].num_days))


def _judged(night: Night) -> Mapping[Table, Made]:
    """Calibrate and judge whoever could serve, and choose."""
    found = [pair for surface in surfaces.ALL for pair in judge_nights(night, surface)]
    rows = {
        tables.RANKERS_CALIBRATORS: [row for _, one in found for row in one.calibrators],
        tables.RANKERS_IMPORTANCE: [row for _, one in found for row in one.importance],
        tables.RANKERS_REPORTS: [row for _, one in found for row in one.reports],
        tables.RANKERS_CHAMPIONS: [one.champion_row(day) for day, one in found],
    }
    unused = importance.unused(rows[tables.RANKERS_IMPORTANCE])
    challenged = {
        f"{day} {one.champion.surface}": list(one.findings) for day, one in found if one.findings
    }
    said: Mapping[Table, Metadata] = {
        tables.RANKERS_IMPORTANCE: {"used_by_no_ranker": dg.MetadataValue.json(unused)},
        tables.RANKERS_CHAMPIONS: {"challenged": dg.MetadataValue.json(challenged)},
    }
    return {table: Made(night.lake.frame(table, of), said.get(table)) for table, of in rows.items()}


rankers_judged = table_assets(
    JUDGED,
    _judged,
    reads={
        **{name: on_driver(same_days(table)) for name, table in tables.RANKERS.items()},
        "popularity": on_driver(
            evenings_before(tables.RETRIEVAL_POPULARITY, WINDOW_DAYS + _EVENINGS)
        ),
        **example_days.reads(DAYS_READ),
    },
    pictures={
        tables.RANKERS_CALIBRATORS: ranker_pictures.reliability,
        tables.RANKERS_REPORTS: ranker_pictures.learning,
    },
)


@dg.definitions
def rankers() -> dg.Definitions:
    """One asset of examples a surface, one of fits a ranker, and one that judges them."""
    of_surfaces = [_examples(surface) for surface in surfaces.ALL]
    fits = [_fits(ranker) for ranker in tables.RANKERS]
    return dg.Definitions(assets=[*of_surfaces, *fits, rankers_judged])
