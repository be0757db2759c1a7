"""Examples whose true chances are known, and predictions that are wrong in known ways."""

from collections.abc import Callable

import numpy as np

from training.calibrators.calibrator import Predicted, Segments, chance

Distortion = Callable[[np.ndarray], np.ndarray]


def chances(seed: int, num: int) -> np.ndarray:
    """True chances around 12 %."""
    return chance(np.random.default_rng(seed).normal(-2.2, 1.0, num))


def examples(
    p_N: np.ndarray,
    label_N: np.ndarray,
    *,
    weight_N: np.ndarray | None = None,
    user_N: np.ndarray | None = None,
    **parts: np.ndarray,
) -> Predicted:
    """Examples of one user each, unless told otherwise; parts a, b, c of each kind by number."""
    num = len(p_N)
    return Predicted(
        p_N=p_N,
        label_N=label_N,
        weight_N=np.ones(num) if weight_N is None else weight_N,
        user_N=np.arange(num) if user_N is None else user_N,
        segments={kind: Segments(("a", "b", "c"), code_N) for kind, code_N in parts.items()},
    )


def happened(seed: int, true_N: np.ndarray, predicted_N: np.ndarray) -> Predicted:
    """Labels drawn with the true chances."""
    return examples(predicted_N, np.random.default_rng(seed).random(len(true_N)) < true_N)


def beta_distorted(a: float, b: float, c: float) -> Distortion:
    """Predict p^a / (p^a + c (1 − p)^b) instead of p."""

    def of(p_N: np.ndarray) -> np.ndarray:
        return p_N**a / (p_N**a + c * (1 - p_N) ** b)

    return of
