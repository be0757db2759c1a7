"""Finds what the app showed and which of it was ours, for examples.

What readers were given is history, an input from outside as the log is: it is read if there is any
and never required. It is therefore no edge of Dagster's graph, where a ranker that learns from what
an earlier night published would stand in a circle.
"""

import json
from collections.abc import Iterator
from datetime import date

import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl import tables
from etl.days import Days, one_day
from etl.lake import Lake
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables import PARTITION


def published_slates(lake: Lake, surface: Surface, evenings: Days) -> DataFrame:
    """Read the slates of those evenings that were published: rows of ``tables.SLATES``.

    They are read as they lie in the lake. An evening that was made again since with other settings
    may no longer be what was shown; then fewer impressions count as ours, never more.

    Raises:
        ForgottenDayError: If one of them is forgotten: without it, too few would count as ours.
    """
    known = set(_published(lake.files, surface)) & set(evenings)
    lake.files.require_kept(tables.SLATES[surface.name], known)
    slates = lake.unchecked(tables.SLATES[surface.name], evenings)
    return slates.where(F.col(PARTITION).isin(sorted(known))) if known else slates.limit(0)


def days_with_impressions(files: LakeFiles, surface: Surface, days: Days) -> set[date]:
    """List the days on which any impression of a surface arrived, by looking for one."""
    wanted = pc.field("surface") == surface.name
    table = tables.SILVER_IMPRESSIONS
    return {
        day
        for day in days
        if any(True for _ in files.batches(table, one_day(day), columns=["surface"], where=wanted))
    }


def _published(files: LakeFiles, surface: Surface) -> Iterator[date]:
    for row in files.made(tables.PUBLICATIONS_LOG).to_pylist():
        of_surface = json.loads(row["surfaces"]).get(surface.name) or {}
        if of_surface.get("slate_date"):
            yield date.fromisoformat(of_surface["slate_date"])
