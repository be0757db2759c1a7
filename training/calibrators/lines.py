"""Calibrators that are lines in ln p and ln(1 − p): identity, Platt's and beta.

logit(calibrated) = on_p · ln p − on_rest · ln(1 − p) + constant, after Kull, Silva Filho, Flach
(AISTATS 2017), whose beta calibration has both slopes free. With one slope for both it is Platt's
logistic curve over log odds (Platt, 1999); with both at 1 and no constant, the identity. One form
holds all three, so that a richer one can only say more.

A ridge of one example's worth draws slopes to 1 and the shift at the mean prediction to 0: without
positives, with one example or with constant scores the answer is finite and near the prediction.
Slopes have a lower end above 0, so that order is kept even where a ranker's order is worthless.

Shapes: N examples.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.calibrators import logistic
from training.calibrators.calibrator import NEAREST, Predicted
from training.calibrators.logistic import Ridge, Rows


@dataclass(frozen=True, kw_only=True, slots=True)
class LinesConfig:
    """How far a line may go from the prediction."""

    min_slope: float = 0.02
    """Least slopes: items keep their order, and never tie."""
    ridge: float = 1.0
    """One over the variance of slopes around 1 and of the shift around 0, in log odds: it weighs
    like one example of even odds, or one positive where positives are rare."""


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line."""

    name: str
    """``identity``, ``platt`` or ``beta``."""
    on_p: float
    """Slope by ln p, > 0."""
    on_rest: float
    """Slope by −ln(1 − p), > 0."""
    constant: float
    """Log odds."""

    def logits(self, p_N: np.ndarray) -> np.ndarray:
        """Calibrate: as ``Calibrator.logits``."""
        log_p_N, minus_log_rest_N = _logs(p_N)
        return self.on_p * log_p_N + self.on_rest * minus_log_rest_N + self.constant

    def parameters(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {"on_p": self.on_p, "on_rest": self.on_rest, "constant": self.constant}


IDENTITY: Final = Line("identity", 1.0, 1.0, 0.0)
"""What is predicted is true."""


def platt(examples: Predicted, config: LinesConfig) -> Line:
    """Fit one slope and a constant."""
    log_p_N, minus_log_rest_N = _logs(examples.p_N)
    [slope], constant = _fit([log_p_N + minus_log_rest_N], examples, config)
    return Line("platt", slope, slope, constant)


def beta(examples: Predicted, config: LinesConfig) -> Line:
    """Fit both slopes and a constant."""
    [on_p, on_rest], constant = _fit(list(_logs(examples.p_N)), examples, config)
    return Line("beta", on_p, on_rest, constant)


def _fit(
    features: list[np.ndarray], examples: Predicted, config: LinesConfig
) -> tuple[list[float], float]:
    """Slopes and constant; features are centred, so that the shift is one at the mean."""
    weight_N = examples.weight_N.astype(np.float64)
    total = weight_N.sum()
    means = [float(weight_N @ x_N / total) if total else 0.0 for x_N in features]
    centred = [x_N - mean for x_N, mean in zip(features, means, strict=True)]
    # What the identity adds at the mean stays outside of the ridge.
    offset_N = np.full(len(examples), sum(means))
    rows = Rows(
        np.stack([*centred, np.ones(len(examples))], axis=1),
        examples.label_N.astype(np.float64),
        weight_N,
        offset_N,
    )
    num = len(features)
    ridge = Ridge(
        mean_F=np.r_[np.ones(num), 0.0],
        precision_F=np.full(num + 1, config.ridge),
        least_F=np.r_[np.full(num, config.min_slope), -np.inf],
    )
    *slopes, shift = logistic.fit(rows, ridge).tolist()
    constant = sum(means) + shift - sum(s * m for s, m in zip(slopes, means, strict=True))
    return slopes, constant


def _logs(p_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = np.clip(p_N.astype(np.float64), NEAREST, 1 - NEAREST)
    return np.log(p), -np.log1p(-p)
