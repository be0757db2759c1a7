"""Makes candidates/<surface>: what is worth ranking for each active user tonight.

Here the tables of a range of evenings meet the night's mapped files; what happens to one batch of
users stands in ``scoring.fusion``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.surfaces import Surface
from etl.tables import CANDIDATES
from scoring.fusion import fuse
from scoring.mixes import CandidatesConfig
from training import array_file, user_side
from training.item_side import mapped_items
from training.retrieval.fitted import Fitted
from training.retrieval.learned import NIGHTLY
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import USER_ARRAYS, UserBatch


@dataclass(frozen=True, slots=True)
class NightFiles:
    """One evening's mapped files, by the names under which Spark sent them."""

    items: str
    """``training.item_side``"""
    lists: str
    """``training.retrieval.source_lists`` of the surface"""
    models: tuple[tuple[str, str], ...] = ()
    """Learned sources and their fitted files (``training.retrieval.fitted``)"""
    weights: tuple[tuple[str, tuple[float, ...]], ...] = ()
    """Sources and what they weigh, by group of users (``tables.RETRIEVAL_WEIGHTS``)"""


def build(  # noqa: PLR0913
    users: DataFrame,
    *,
    pairs: DataFrame,
    history: DataFrame,
    surface: Surface,
    files: Mapping[date, NightFiles],
    config: CandidatesConfig,
) -> DataFrame:
    """Propose, suppress and fuse for every active user of each evening who did not opt out.

    Args:
        users: Rows of ``tables.FEATURES_USER_DAILY`` of the evenings.
        pairs: Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before the first
            evening on.
        history: Rows of ``tables.FEATURES_USER_HISTORY`` of the same days.
        surface: For which surface.
        files: The evenings' files, already sent with ``SparkContext.addFile``.
        config: How much is proposed and how it is fused.

    Returns:
        Rows of ``tables.CANDIDATES[surface.name]``.
    """
    table = CANDIDATES[surface.name]
    willing = users.where(~F.col("is_personalisation_off"))
    asked = user_side.segments(willing).select(
        "user_id", "segment", *USER_ARRAYS, F.col("arrival_date").alias("feature_date")
    )

    def kernel(evening: date, who: pa.Table, state: pa.Table) -> pa.Table:
        shelf, lists = mapped(files[evening], surface)
        batch = UserBatch.of(evening, who, state)
        return fuse(batch, shelf, lists, config=config).rows(evening, who)

    return user_side.answer(
        asked,
        user_side.state_of(pairs, user_side.short_of(history)),
        kernel=kernel,
        schema=table.schema,
        num_buckets=config.num_buckets,
    )


# A worker serves many batches of an evening: it maps the evening's files once.
@lru_cache(maxsize=4)
def mapped(files: NightFiles, surface: Surface) -> tuple[Shelf, SourceLists]:
    """Map what a surface may show on an evening, and what its sources read."""
    lists = SourceLists.read(Path(SparkFiles.get(files.lists)))
    models = {source: _fitted(source, name) for source, name in files.models}
    return Shelf(mapped_items(files.items), surface), replace(
        lists, models=models, weights=dict(files.weights)
    )


# A model serves several evenings.
@lru_cache(maxsize=16)
def _fitted(source: str, name: str) -> Fitted:
    found = array_file.read(Path(SparkFiles.get(name)))
    files = {file: array_file.numbers(content).tobytes() for file, content in found.items()}
    return Fitted.load(NIGHTLY[source], files)
