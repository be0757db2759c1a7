"""A fitted network with the rules of what it reads: what ``deep`` and ``wide_deep`` fit.

Its places' part is its own, a number for each place that heads add where an item stands
(docs/experiments.md): the caller says where, at scoring one place for all
(``Inputs.at_scored_position``).

Shapes: N rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from training.inputs import Inputs, Layout
from training.rankers import deep_model, deep_reader, heads
from training.rankers.deep_model import DeepModel
from training.rankers.deep_reader import Reader
from training.rankers.ranker import UnknownModelError, refused_unless_whole

_VERSION: Final = 4
"""Of what the files mean; another one is refused."""
_SCORED_AT_ONCE: Final = 4096
"""Rows, about, whose histories are laid out at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deep:
    """A fitted network with the rules of what it reads."""

    name: str
    reader: Reader
    model: DeepModel
    ratio: Mapping[str, float]
    """For a task without a head: its positives per click."""

    @property
    def layout(self) -> Layout:
        """The columns that it reads."""
        return self.reader.layout

    @property
    def reads_histories(self) -> bool:
        """Whether rows must come with histories."""
        return self.reader.reads_histories

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1].

        Raises:
            MissingColumnError: If the rows lack a column.
            MissingHistoriesError: If it reads histories and the rows have none.
        """
        parts = [self.model.score(rows) for rows in self.reader.rows(given).blocks(_SCORED_AT_ONCE)]
        names = [head.name for head in self.model.network.config.heads]
        nothing = np.empty(0, np.float32)
        scores = {name: np.concatenate([nothing, *(p[name] for p in parts)]) for name in names}
        return heads.followed(scores, self.ratio)

    def save(self) -> dict[str, bytes]:
        """Write weights and rules, without pickles."""
        said = {"version": _VERSION, "name": self.name, "ratio": dict(self.ratio)}
        rules = {"ranker.json": json.dumps(said, sort_keys=True).encode()}
        return rules | self.reader.save() | self.model.save()


def of_files(name: str, files: Mapping[str, bytes]) -> Deep:
    """Make the ranker of that name again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    torch.set_num_threads(1)
    needed = {"ranker.json", "reader.json", "fields.npz"}
    if not needed <= files.keys():
        raise UnknownModelError(f"{name} needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(name):
        said = json.loads(files["ranker.json"])
        if (said["version"], said["name"]) != (_VERSION, name):
            raise UnknownModelError(
                f"the files hold {said['name']} of version {said['version']}, not {name} of "
                f"version {_VERSION}; fit it again"
            )
        reader = deep_reader.load(files)
        return Deep(name=name, reader=reader, model=deep_model.load(files), ratio=said["ratio"])
