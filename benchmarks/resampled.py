"""Measures over all rows under resampled users, so that two of them can be compared by the same.

Measures that are ratios of sums over users are resampled by ``training.metrics``.
Shapes: N rows judged, U users, R resamples, M rows chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.metrics import Interval, auc

_RESAMPLES: Final = 200
_CONFIDENCE: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Draws:
    """Resampled users: how often each row counts."""

    user_N: np.ndarray
    """int64 from 0."""
    times_RU: np.ndarray
    """int16."""

    @classmethod
    def of(cls, user_N: np.ndarray, seed: int) -> "Draws":
        """Draw as many users as there are, over and over.

        Args:
            user_N: int64, any numbers.
            seed: Of the draws.
        """
        place_N = np.unique(user_N, return_inverse=True)[1]
        num_users = int(place_N.max()) + 1
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(num_users, np.full(num_users, 1 / num_users), size=_RESAMPLES)
        return cls(place_N, drawn.astype(np.int16))

    def aucs(
        self,
        is_positive_M: np.ndarray,
        score_M: np.ndarray,
        weight_M: np.ndarray,
        *,
        rows: np.ndarray,
    ) -> np.ndarray:
        """AUC of some rows as they are, then for each resample of users: float64, 1 + R.

        Args:
            is_positive_M: bool.
            score_M: Higher is better.
            weight_M: How many rows each stands for.
            rows: int64, which they are.
        """
        # In order at once: a resample's own sort then has nothing to do.
        order = np.argsort(score_M, kind="stable")
        user_M, positive_M = self.user_N[rows][order], is_positive_M[order]
        score_M, weight_M = score_M[order], weight_M[order].astype(np.float64)
        values = [auc(positive_M, score_M, weight_M)]
        values += [
            auc(positive_M, score_M, times_U[user_M] * weight_M) for times_U in self.times_RU
        ]
        return np.array(values)

    def interval(self, value_R: np.ndarray) -> Interval:
        """Give the value of the users as they are, which is the first, with its 95 % interval."""
        low, high = np.nanpercentile(value_R[1:], _CONFIDENCE)
        return Interval(float(value_R[0]), float(low), float(high), self.times_RU.shape[1])


def interval_said(found: Mapping[str, float], *, unit: float = 1.0, digits: int = 4) -> str:
    """Write an interval, as JSON has it, for a table's cell."""
    mean, low, high = (f"{found[name] / unit:.{digits}f}" for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
