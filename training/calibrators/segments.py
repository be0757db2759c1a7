"""What segments add to a calibrator: log odds for each part, drawn to nothing where little is seen.

A calibrator is right on the whole and may be wrong on new items, or for heavy users. Each part of
each kind has an offset of its own, and offsets of an example's parts add up: of crossings there
would be too few positives. Offsets have a normal prior around 0 (a generalised linear mixed model
with random intercepts, at its mode: Breslow, Clayton, JASA 1993). One over the prior's variance
counts in positives: a part with as many positives as the prior goes about half of its way, one with
few stays with the whole. Which prior it is, held-out examples say (``training.calibrate``).

Beside the offsets a slope and a constant are free: a calibrator of all parts together is flatter
than that of each where they differ, and what the prior takes off offsets must not miss in sum.

A part that no fit has seen has offset 0, the prior's own guess. Offsets keep the order of items
within the same parts; across parts they change it, which is what they are for.

Shapes: N examples, C crossings of parts that occur, S parts of all kinds, F = S + 2 coefficients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.calibrators.calibrator import Predicted, Segments
from training.calibrators.logistic import Convex, log_loss_parts, minimum


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentsConfig:
    """How far a calibrator may change when segments join it."""

    min_slope: float = 0.02
    """Least slope: items of the same parts keep their order."""
    ridge: float = 1.0
    """One over the variance of the slope around 1 and of the constant around 0."""


class UnknownSegmentsError(ValueError):
    """Examples are divided in other ways than those that offsets were fitted on."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What is added to calibrated log odds."""

    slope: float
    """Times calibrated log odds, > 0."""
    constant: float
    offsets: Mapping[str, Mapping[str, float]]
    """Log odds by kind and part."""

    def logits(self, logit_N: np.ndarray, segments: Mapping[str, Segments]) -> np.ndarray:
        """Correct calibrated log odds by each example's parts: float64, N.

        Raises:
            UnknownSegmentsError: If a kind that has offsets is missing.
        """
        missing = sorted(self.offsets.keys() - segments.keys())
        if missing:
            raise UnknownSegmentsError(
                f"the calibration has offsets by {sorted(self.offsets)}; of the examples {missing} "
                "are not given"
            )
        total_N = self.slope * logit_N + self.constant
        for kind, by_name in self.offsets.items():
            known = segments[kind]
            # The last place is that of examples of no part: code −1.
            of_part = np.array([*(by_name.get(name, 0.0) for name in known.names), 0.0])
            total_N += of_part[known.code_N]
        return total_N

    def parameters(self) -> dict[str, Any]:
        """Write them for JSON."""
        offsets = {kind: dict(by_name) for kind, by_name in self.offsets.items()}
        return {"slope": self.slope, "constant": self.constant, "offsets": offsets}


NOTHING: Final = Effects(1.0, 0.0, {})
"""Segments do not count."""


def fit(
    examples: Predicted, logit_N: np.ndarray, config: SegmentsConfig, *, prior_positives: float
) -> Effects:
    """Find slope, constant and offsets of least log loss.

    Args:
        examples: What they are fitted on.
        logit_N: Calibrated log odds of the examples.
        config: How far slope and constant may go.
        prior_positives: How many positives the prior of offsets weighs, > 0.
    """
    kinds = sorted(examples.segments)
    parts = [(kind, name) for kind in kinds for name in examples.segments[kind].names]
    centre = _mean(logit_N, examples.weight_N)
    rows = _Rows(logit_N - centre, examples, _Crossed.of(examples))
    precision_F = np.r_[config.ridge, config.ridge, np.full(len(parts), prior_positives)]
    start_F = np.r_[1.0, np.zeros(len(parts) + 1)]
    slope, shift, *found = minimum(_loss(rows, centre, precision_F), start_F).tolist()
    if slope < config.min_slope:
        slope = config.min_slope
        shift, *found = minimum(
            _at_slope(_loss(rows, centre, precision_F), slope), start_F[1:]
        ).tolist()
    offsets: dict[str, dict[str, float]] = {kind: {} for kind in kinds}
    for (kind, name), offset in zip(parts, found, strict=True):
        offsets[kind][name] = offset
    return Effects(slope, shift + (1 - slope) * centre, offsets)


@dataclass(frozen=True, slots=True)
class _Crossed:
    """Which parts each example belongs to, by the crossing of kinds that it is in."""

    crossing_N: np.ndarray
    """int64."""
    is_part_CS: np.ndarray
    """float64: 1 where a crossing lies in a part; everything lies in the first, the whole."""

    @classmethod
    def of(cls, examples: Predicted) -> "_Crossed":
        kinds = sorted(examples.segments)
        key_N = np.zeros(len(examples), np.int64)
        for kind in kinds:
            segments = examples.segments[kind]
            key_N = key_N * (len(segments.names) + 1) + segments.code_N + 1
        key_C, crossing_N = np.unique(key_N, return_inverse=True)
        columns: list[np.ndarray] = []
        for kind in reversed(kinds):
            num = len(examples.segments[kind].names)
            key_C, code_C = np.divmod(key_C, num + 1)
            columns.insert(0, np.arange(1, num + 1) == code_C[:, None])
        whole_C1 = np.ones((len(key_C), 1))
        return cls(crossing_N, np.concatenate([whole_C1, *columns], axis=1))

    def summed(self, value_N: np.ndarray) -> np.ndarray:
        """Add up by part: float64, 1 + S."""
        return self.is_part_CS.T @ self._by_crossing(value_N)

    def gram(self, value_N: np.ndarray) -> np.ndarray:
        """Add up by pairs of parts that examples share: float64, 1 + S squared."""
        return self.is_part_CS.T @ (self.is_part_CS * self._by_crossing(value_N)[:, None])

    def _by_crossing(self, value_N: np.ndarray) -> np.ndarray:
        return np.bincount(self.crossing_N, value_N, len(self.is_part_CS))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Examples, their centred log odds and their parts."""

    centred_N: np.ndarray
    examples: Predicted
    crossed: _Crossed


def _loss(rows: _Rows, centre: float, precision_F: np.ndarray) -> Convex:
    mean_F = np.zeros(len(precision_F))
    mean_F[0] = 1.0
    x_N, crossed = rows.centred_N, rows.crossed
    label_N = rows.examples.label_N.astype(np.float64)

    def of(coefficient_F: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        added_N = (crossed.is_part_CS @ coefficient_F[1:])[crossed.crossing_N]
        logit_N = centre + coefficient_F[0] * x_N + added_N
        loss, slope_N, curvature_N = log_loss_parts(logit_N, label_N, rows.examples.weight_N)
        away_F = coefficient_F - mean_F
        hessian_FF = np.diag(precision_F)
        hessian_FF[0, 0] += curvature_N @ x_N**2
        hessian_FF[0, 1:] = hessian_FF[1:, 0] = crossed.summed(curvature_N * x_N)
        hessian_FF[1:, 1:] += crossed.gram(curvature_N)
        gradient_F = np.r_[slope_N @ x_N, crossed.summed(slope_N)] + precision_F * away_F
        return loss + float(precision_F @ away_F**2) / 2, gradient_F, hessian_FF

    return of


def _at_slope(convex: Convex, slope: float) -> Convex:
    """The same loss of all but the slope, which is given."""

    def of(rest: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        loss, gradient_F, hessian_FF = convex(np.r_[slope, rest])
        return loss, gradient_F[1:], hessian_FF[1:, 1:]

    return of


def _mean(value_N: np.ndarray, weight_N: np.ndarray) -> float:
    total = float(weight_N.sum())
    return float(weight_N @ value_N) / total if total else 0.0
