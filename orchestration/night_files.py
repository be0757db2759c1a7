"""Writes the files that workers map on an evening, and sends them along with the job.

The item side is the same for all surfaces, the source lists for all users of one. Both are named by
their content and kept for the length of the process, so that the steps of one run share them.
"""

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.arrow import newest
from etl.days import Days, one_day
from etl.lake import Lake
from etl.surfaces import Surface
from orchestration.learned_sources import KeptModel, LearnedSources
from scoring.candidates import NightFiles
from training import array_file, item_side
from training.retrieval import latent_interests, source_lists
from training.retrieval.covisitation import CovisitationConfig

_writing: Final = threading.RLock()
"""Steps that run side by side share a sender: what one writes another may be about to send."""


def _temporary() -> Path:
    """Make a folder that goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="nightmarket-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(slots=True)
class Sender:
    """Writes each evening's files once, and sends each once."""

    lake: Lake
    folder: Path = field(default_factory=_temporary)
    _sent: set[str] = field(default_factory=set)
    _item_sides: dict[tuple[date, int | None], Path] = field(default_factory=dict)
    """By evening and version of the table that they were read from."""
    _models: dict[str, str] = field(default_factory=dict)
    """Names of the files of sent models, by their sha256: a model proposes on several evenings."""

    @staticmethod
    def of(lake: Lake) -> "Sender":
        """The run's one sender."""
        with _writing:
            return _sender(lake)

    def item_side(self, evening: date) -> Path:
        """Write and send the items as known on one evening."""
        table, files = tables.FEATURES_ITEM_DAILY, self.lake.files
        known = evening, files.version(table)
        with _writing:
            if known not in self._item_sides:
                rows = files.arrow(table, one_day(evening), columns=item_side.COLUMNS)
                self._item_sides[known] = self._sent_file(item_side.arrays_of(rows))
            return self._item_sides[known]

    def item_sides(self, evenings: Days) -> dict[date, str]:
        """Write and send several evenings' items; names by evening."""
        return {evening: self.item_side(evening).name for evening in evenings}

    def lists(self, surface: Surface, evenings: Days) -> Iterator[tuple[date, Path]]:
        """Write and send what one surface's sources read on each evening."""
        covisited = _Covisitation(self.lake, surface, evenings)
        for evening in evenings:
            arrays = source_lists.arrays_of(
                self._of_surface(tables.RETRIEVAL_POPULARITY, surface, evening),
                new_items=self._of_surface(tables.RETRIEVAL_NEW_ITEMS, surface, evening),
                covisitation=covisited.as_of(evening),
                evening=evening,
                half_life_days=CovisitationConfig().half_life_days,
            )
            responses = self.lake.files.arrow(tables.RETRIEVAL_LATENT_INTERESTS, one_day(evening))
            arrays |= latent_interests.arrays_of(responses)
            yield evening, self._sent_file(arrays)

    def night_files(
        self, surface: Surface, evenings: Days, learned: Mapping[date, LearnedSources]
    ) -> dict[date, NightFiles]:
        """Write and send all that candidates are made of.

        Args:
            surface: For which surface.
            evenings: Of which evenings.
            learned: What each evening's sources have learned.
        """
        items = self.item_sides(evenings)
        return {
            evening: NightFiles(
                items[evening],
                path.name,
                self._sent_models(learned[evening].models),
                tuple(sorted(learned[evening].weights.items())),
            )
            for evening, path in self.lists(surface, evenings)
        }

    def _sent_models(self, models: Mapping[str, KeptModel]) -> tuple[tuple[str, str], ...]:
        return tuple((source, self._sent_model(kept)) for source, kept in sorted(models.items()))

    def _sent_model(self, kept: KeptModel) -> str:
        with _writing:
            if kept.sha256 not in self._models:
                files = {n: np.frombuffer(f, np.uint8) for n, f in kept.read().items()}
                self._models[kept.sha256] = self._sent_file(files).name
            return self._models[kept.sha256]

    def _of_surface(self, table: tables.Table, surface: Surface, evening: date) -> pa.Table:
        return self.lake.files.arrow(
            table, one_day(evening), where=pc.field("surface") == surface.name
        )

    def _sent_file(self, arrays: Mapping[str, np.ndarray | pa.Array]) -> Path:
        with _writing:
            path = array_file.write(arrays, self.folder)
            if path.name not in self._sent:
                self.lake.spark.sparkContext.addFile(str(path))
                self._sent.add(path.name)
            return path


@lru_cache(maxsize=1)
def _sender(lake: Lake) -> Sender:
    return Sender(lake)


class _Covisitation:
    """Neighbours as of one evening after another, each partition read once."""

    def __init__(self, lake: Lake, surface: Surface, evenings: Days) -> None:
        self._lake = lake
        self._where = pc.field("surface") == surface.name
        self._evenings = evenings
        self._known: pa.Table | None = None

    def as_of(self, evening: date) -> pa.Table:
        """One row per item as known at the end of ``evening``; evenings are asked in order."""
        table = tables.RETRIEVAL_COVISITATION
        files = self._lake.files
        if self._known is None:
            self._known = files.arrow_as_of(table, evening, where=self._where)
        else:
            touched = files.arrow(table, one_day(evening), where=self._where)
            self._known = newest(
                pa.concat_tables([self._known, touched]), table.key, tables.PARTITION
            )
        return self._known


def has_items(lake: Lake, surface: Surface, days: Days) -> bool:
    """Tell whether the log has anything that ``surface`` could recommend on any of ``days``."""
    types = lake.files.arrow(tables.FEATURES_ITEM_DAILY, days, columns=["item_type"])
    return surface.item_type in types.column("item_type").unique().to_pylist()
