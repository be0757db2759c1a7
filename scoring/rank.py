"""Ranks candidates: the champion's probabilities, calibrated, and the value they make.

Where no ranker serves, the fused score is the value and there are no probabilities.

The value of a live slot is times the user's presence at its hour: it is shown only while it is
live, and what a ranker learned of slots that were shown holds for a user who is there. The ranker
is asked at the place that the slot has among those of its hour (``scoring.hours``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from scoring.hours import Hours
from scoring.value import ValueConfig, expected_value
from training import calibrations, registry
from training.assemble import Rows
from training.calibrations import Calibrations
from training.inputs import Inputs
from training.promote import Champion
from training.rankers.ranker import NONE, Ranker

_PRICE: Final = "item_price_cents"


@dataclass(frozen=True, slots=True)
class Serving:
    """One night's champion of one surface, with its files, ready to be sent to workers."""

    champion: Champion
    sha256: str
    """Of the model's files; empty where the fused order serves."""
    files: Mapping[str, bytes]
    calibrations: Mapping[str, str] = field(default_factory=dict)
    """By task the night's calibration of what he predicts, as JSON; the others are served as
    predicted."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """R candidates with their value and the probabilities behind it."""

    value_R: np.ndarray
    """float64."""
    p_by_task: Mapping[str, np.ndarray] | None
    """For each task of the surface R, float64 where it is calibrated, else float32: what follows if
    the user is there; None where no ranker serves."""
    presence_R: np.ndarray | None = None
    """float64: the part of the value that says how often he is; None where all is there all day."""
    uncalibrated: Mapping[str, np.ndarray] | None = None
    """What the ranker itself predicts, float32, R; None where none serves."""


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
    presence_R = hours.presence_R if hours.has_slots else None
    if serving.champion.ranker == NONE:
        fused_R = rows.fused_R.astype(np.float64)
        return Ranked(fused_R if presence_R is None else fused_R * presence_R, None, presence_R)
    ranker = ranker_of(serving)
    price_R = given.number(_PRICE).astype(np.float64)
    true = calibrations_of(serving)
    raw = ranker.score(given)
    scores = true.apply(raw, given)
    value_R = expected_value(scores, price_R, config)
    if presence_R is None:
        return Ranked(value_R, scores, uncalibrated=raw)
    raw = ranker.score(given.at_positions(hours.places(value_R)))
    scores = true.apply(raw, given)
    return Ranked(expected_value(scores, price_R, config) * presence_R, scores, presence_R, raw)


def calibrations_of(serving: Serving) -> Calibrations:
    """Make a night's calibrations of their JSON; a worker makes each once and keeps it."""
    key = tuple(sorted(serving.calibrations.items()))
    if key not in _calibrated:
        _calibrated[key] = calibrations.load(serving.calibrations)
    return _calibrated[key]


_calibrated: Final[dict[tuple[tuple[str, str], ...], Calibrations]] = {}


def reads_histories(serving: Serving) -> bool:
    """Tell whether the champion reads users' histories; where no ranker serves nobody does."""
    return serving.champion.ranker != NONE and ranker_of(serving).reads_histories


# By sha256: a worker serves many batches with the models of a few nights.
_made: Final[dict[str, Ranker]] = {}


def ranker_of(serving: Serving) -> Ranker:
    """Make the champion of its files; a worker makes each once and keeps it."""
    if serving.sha256 not in _made:
        _made[serving.sha256] = registry.load(serving.champion.ranker, serving.files)
    return _made[serving.sha256]
