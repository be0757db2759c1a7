"""A ranker's scores of one day's examples, as the rule of champions and reports are given them.

Shapes: N examples, U users.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from training.metrics import ndcg_by_user
from training.rankers.ranker import Batch

NDCG_AT: Final = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A ranker's scores of one day's examples, calibrated as they are when it serves."""

    ranker: str
    model_date: date
    """The night it was fitted on; for an order that is not fitted the day judged."""
    scores: Mapping[str, np.ndarray]
    """For each task N: as items are scored for slates, all at one place. Rankings are judged so."""
    as_shown: Mapping[str, np.ndarray]
    """For each task N: at the place where each was shown. Probabilities are judged so; nothing for
    an order that predicts none."""
    uncalibrated: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The same before calibration, of tasks that have one."""

    def ndcg_U(self, batch: Batch) -> np.ndarray:
        """NDCG@10 of clicks, by user: what champions are compared by."""
        return ndcg_by_user(batch.user_N, batch.label["click"], self.scores["click"], k=NDCG_AT)
