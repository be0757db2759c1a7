"""Ranks candidates: the champion's probabilities, and the value they make.

Where no ranker serves, the fused candidate order is the value and there are no probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.value import ValueConfig, expected_value
from training import registry
from training.assemble import Rows
from training.inputs import NUMERIC, Inputs
from training.promote import Champion
from training.rankers.ranker import NONE, Ranker

_PRICE: Final = NUMERIC.index("item_price_cents")


@dataclass(frozen=True, slots=True)
class Serving:
    """One night's champion of one surface, with its files, ready to be sent to workers."""

    champion: Champion
    sha256: str
    """Of the model's files; empty where the fused order serves."""
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Ranked:
    """R candidates with their value and the probabilities behind it."""

    value_R: np.ndarray
    """float64."""
    p_by_task: Mapping[str, np.ndarray] | None
    """For each task of the surface float32, R; None where no ranker serves."""


def rank(rows: Rows, given: Inputs, *, serving: Serving, config: ValueConfig) -> Ranked:
    """Value R candidates by what the champion predicts of them.

    Args:
        rows: The candidates.
        given: Their features, in the same order.
        serving: The night's champion.
        config: What the surface wants.
    """
    if serving.champion.ranker == NONE:
        return Ranked(rows.fused_R.astype(np.float64), None)
    scores = ranker_of(serving).score(given)
    value = expected_value(scores, given.numeric_NF[:, _PRICE].astype(np.float64), config)
    return Ranked(value, scores)


# By sha256: a worker serves many batches with the models of a few nights.
_made: Final[dict[str, Ranker]] = {}


def ranker_of(serving: Serving) -> Ranker:
    """Make the champion of its files; a worker makes each once and keeps it."""
    if serving.sha256 not in _made:
        _made[serving.sha256] = registry.load(serving.champion.ranker, serving.files)
    return _made[serving.sha256]
