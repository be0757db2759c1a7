"""Judges candidates on examples that they were not fitted on, and chooses the simplest good one.

Shapes: N examples judged, U users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.calibrators.calibrator import Predicted


@dataclass(frozen=True, slots=True)
class Split:
    """Examples to fit on, and others to judge by."""

    learned: Predicted
    judged: Predicted


def folds(examples: Predicted, num_folds: int) -> list[Split]:
    """Judge each fold of users by a fit on the others; nothing can be judged of a single user."""
    user_U, place_N = np.unique(examples.user_N, return_inverse=True)
    num = min(num_folds, len(user_U))
    if num == 1:
        return []
    return [_apart(examples, place_N % num == fold) for fold in range(num)]


def _apart(examples: Predicted, is_judged_N: np.ndarray) -> Split:
    return Split(examples.taken(~is_judged_N), examples.taken(is_judged_N))


@dataclass(frozen=True, slots=True)
class Judges:
    """The examples judged of all splits, behind each other."""

    label_N: np.ndarray
    weight_N: np.ndarray
    user_N: np.ndarray
    """int64, 0 … U − 1."""

    @classmethod
    def of(cls, splits: Sequence[Split]) -> "Judges":
        """Take them from splits; there may be none."""
        label_N, weight_N, user_N = (
            np.concatenate([np.empty(0, kind), *(getattr(s.judged, name) for s in splits)])
            for name, kind in (("label_N", float), ("weight_N", float), ("user_N", np.int64))
        )
        return cls(label_N, weight_N, np.unique(user_N, return_inverse=True)[1])

    def losses(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Log loss of each split's calibrated log odds, as each example weighs: float64, N."""
        logit_N = np.concatenate([np.empty(0), *logits])
        return self.weight_N * (np.logaddexp(0.0, logit_N) - self.label_N * logit_N)

    def means(self, loss_N: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Mean loss of each candidate; none where nothing that weighs is held out."""
        total = float(self.weight_N.sum())
        return {name: float(of_N.sum()) / total for name, of_N in loss_N.items() if total}

    def is_better(self, one_N: np.ndarray, other_N: np.ndarray, *, num_errors: float) -> bool:
        """Tell whether one loss is below another beyond the noise.

        The noise is that of the paired difference over users, whose examples hang together. Of one
        user nothing is known about it.

        Args:
            one_N: losses of the richer candidate.
            other_N: losses of the simpler one.
            num_errors: standard errors by which it must be better.
        """
        gain_U = np.bincount(self.user_N, other_N - one_N)
        num_users = len(gain_U)
        if num_users < 2:  # noqa: PLR2004
            return False
        error = gain_U.std(ddof=1) * np.sqrt(num_users)
        return bool(gain_U.sum() > num_errors * error)


def simplest(loss_N: Mapping[str, np.ndarray], judges: Judges, *, num_errors: float) -> str:
    """Name the candidate that beats the simpler ones by more than the noise.

    Args:
        loss_N: losses of each candidate, from the simplest on; at least one.
        judges: of whose examples.
        num_errors: standard errors within which a richer one ties and loses.
    """
    best, *richer = loss_N
    for name in richer:
        if judges.is_better(loss_N[name], loss_N[best], num_errors=num_errors):
            best = name
    return best
