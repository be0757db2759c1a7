"""Ranks candidates: the champion's probabilities, and the value they make.

Where no ranker serves, the fused candidate order is the value and there are no probabilities.

A ranker learns from slots that were shown while they were live: what it predicts of a live slot
holds for a user who is there. So the value of a slot is times his presence at its hour, at the
place that the slot then has among those of its hour (``scoring.hours``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.hours import Hours
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
    """For each task of the surface float32, R: what follows if the user is there; None where no
    ranker serves."""
    presence_R: np.ndarray | None = None
    """float64: the part of the value that says how often he is; None where all is there all day."""


def rank(
    rows: Rows, given: Inputs, *, serving: Serving, config: ValueConfig, hours: Hours
) -> Ranked:
    """Value R candidates by what the champion predicts of them.

    Args:
        rows: The candidates.
        given: Their features, in the same order.
        serving: The night's champion.
        config: What the surface wants.
        hours: The candidates' hours.
    """
    if serving.champion.ranker == NONE:
        return Ranked(rows.fused_R.astype(np.float64), None)
    ranker = ranker_of(serving)
    price_R = given.numeric_NF[:, _PRICE].astype(np.float64)
    scores = ranker.score(given)
    value_R = expected_value(scores, price_R, config)
    if not hours.has_slots:
        return Ranked(value_R, scores)
    scores = ranker.score(given.at_positions(hours.places(value_R)))
    value_R = expected_value(scores, price_R, config) * hours.presence_R
    return Ranked(value_R, scores, hours.presence_R)


# By sha256: a worker serves many batches with the models of a few nights.
_made: Final[dict[str, Ranker]] = {}


def ranker_of(serving: Serving) -> Ranker:
    """Make the champion of its files; a worker makes each once and keeps it."""
    if serving.sha256 not in _made:
        _made[serving.sha256] = registry.load(serving.champion.ranker, serving.files)
    return _made[serving.sha256]
