"""Says which models' files are still needed, so that upkeep leaves them alone.

Needed is what a night within the days that models are kept for would read if it were made now or
again, what readers are served by, and whatever a person named. Everything else can be fitted again.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from etl import tables
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration import decisions
from orchestration.contenders import DAYS_READ
from scoring import publication_folder
from scoring.published import read_manifest
from training.rankers.ranker import NONE
from training.registry import ModelName

Row = Mapping[str, Any]


def needed(home: Home, files: LakeFiles, known: Iterable[ModelName], since: date) -> set[ModelName]:
    """Choose those of the known models whose files must stay.

    Args:
        home: The home.
        files: Its lake.
        known: Models whose files are there.
        since: The first night that is to be made again from models as they are.
    """
    young = {name for name in known if name.night >= since}
    parts = (_champions(files, since), _fits(files, since), _published(home), _decided(home))
    return young.union(*parts)


def _champions(files: LakeFiles, since: date) -> Iterator[ModelName]:
    """Who served, and who would serve again were a champion's files unreadable."""
    first = since - timedelta(days=DAYS_READ)
    for row in files.made(tables.RANKERS_CHAMPIONS).to_pylist():
        if row["arrival_date"] >= first and row["ranker"] != NONE:
            yield ModelName(row["ranker"], row["surface"], row["model_date"])


def _fits(files: LakeFiles, since: date) -> Iterator[ModelName]:
    """The last fit before a night serves it and every later one until the next is there."""
    for name, table in (tables.RANKERS | tables.RETRIEVAL_FITS).items():
        fitted = files.made(table).filter(pc.field("is_fitted")).to_pylist()
        for surface in {row["surface"] for row in fitted}:
            own = [row for row in fitted if row["surface"] == surface]
            before = [row for row in own if row["arrival_date"] < since]
            for row in [*before[-1:], *(row for row in own if row["arrival_date"] >= since)]:
                yield from _with_parent(name, row)


def _with_parent(name: str, row: Row) -> Iterator[ModelName]:
    """A fit, and the one that it went on from: to fit it again starts there."""
    yield ModelName(name, row["surface"], row["arrival_date"])
    if row.get("parent_date"):
        yield ModelName(name, row["surface"], row["parent_date"])


def _published(home: Home) -> Iterator[ModelName]:
    """Who ordered the slates that readers see, or would see after a rollback."""
    for publication_id in publication_folder.ids(home.publications):
        for surface, one in read_manifest(home.publications, publication_id).surfaces.items():
            if one.ranker is not None and one.model_date is not None:
                yield ModelName(one.ranker, surface, one.model_date)


def _decided(home: Home) -> Iterator[ModelName]:
    for one in decisions.read_all(home.decisions):
        yield ModelName(one.ranker, one.surface, one.model_date)
