"""Reports: how the slates of one and of seven evenings ago fared on the days that followed."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame

from etl import surfaces, tables
from etl.tables import Table
from orchestration import pictures
from orchestration.judged_slates import evidence
from orchestration.night_files import has_items
from orchestration.reads import evenings_before, on_driver, same_days
from orchestration.source_weights import reports as reports_on_sources
from orchestration.table_asset import Made, Night, table_asset, table_assets
from scoring import reports
from scoring.reports import ReportsConfig


def _slates(night: Night) -> Made:
    """Judge every evening whose horizon ends on the days made and that has slates."""
    table, files = tables.SLATES[surfaces.PRODUCT_FEED.name], night.lake.files
    # An evening that is forgotten is refused where it is read, and not left out.
    made = files.made_days(table) | files.forgotten_days(table)
    every = reports.watched_by(night.days, first_day=night.lake.first_day)
    watched = [one for one in every if one.slate_date in made]
    judged = [s for s in surfaces.ALL if watched and has_items(night.lake, s, night.days)]
    if not judged:
        return Made(None, {"empty_because": "no slates to judge"})
    config = ReportsConfig(num_buckets=night.settings.buckets)
    parts = [
        reports.build(evidence(night.lake, s, watched), surface=s, watched=watched, config=config)
        for s in judged
    ]
    return Made(reduce(DataFrame.unionByName, parts))


def _sources(night: Night) -> Mapping[Table, Made]:
    """Say what candidates held for those who came, and what every source brought of it."""
    found = reports_on_sources(night)
    return {table: Made(night.lake.frame(table, rows)) for table, rows in found.items()}


reports_sources = table_assets(
    [tables.REPORTS_SOURCES, tables.REPORTS_CANDIDATES],
    _sources,
    reads={
        "weights": on_driver(evenings_before(tables.RETRIEVAL_WEIGHTS, 1)),
        "items": on_driver(evenings_before(tables.FEATURES_ITEM_DAILY, 1)),
        **{f"proposals_{n}": on_driver(same_days(one)) for n, one in tables.PROPOSALS.items()},
    },
    pictures={tables.REPORTS_SOURCES: pictures.sources},
)
reports_slates = table_asset(
    tables.REPORTS_SLATES,
    _slates,
    reads={
        "events": on_driver(same_days(tables.SILVER_EVENTS)),
        "items": on_driver(same_days(tables.SILVER_ITEMS)),
        "item_daily": on_driver(same_days(tables.FEATURES_ITEM_DAILY)),
        "pairs": on_driver(same_days(tables.FEATURES_USER_PAIRS)),
        "popularity": on_driver(same_days(tables.RETRIEVAL_POPULARITY)),
        **{f"slates_{name}": on_driver(same_days(table)) for name, table in tables.SLATES.items()},
        **{f"candidates_{n}": on_driver(same_days(one)) for n, one in tables.CANDIDATES.items()},
    },
    picture=pictures.slate_quality,
)
