"""Chooses and fits how a ranker's predictions become true probabilities.

Candidates are judged by log loss on examples they were not fitted on: later ones, if the caller
has them, or each fold of users by a fit on the others. They stand in order of simplicity, the
identity, Platt's line, a beta line, an isotonic curve, and a richer one must be better by more than
the noise of the difference (the rule of one standard error: Breiman et al., 1984, § 3.4.3). Behind
the one chosen, segments have offsets of their own under the prior of least loss, if those in turn
are better by more than the noise. What is chosen is fitted again on all examples.

Nothing here reads a table. Shapes: N examples.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from training.calibrators import isotonic, lines, segments
from training.calibrators.calibrator import (
    NEAREST,
    Calibrator,
    Predicted,
    Segments,
    chance,
    logit,
    together,
)
from training.calibrators.held_out import Judges, Split, folds, simplest
from training.calibrators.isotonic import Isotonic, IsotonicConfig
from training.calibrators.lines import IDENTITY, Line, LinesConfig
from training.calibrators.segments import NOTHING, Effects, SegmentsConfig

FAMILIES: Final = ("identity", "platt", "beta", "isotonic")
"""From the simplest on."""
_VERSION: Final = 1
_FARTHEST: Final = float(logit(np.array([1 - NEAREST]))[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateConfig:
    """How a calibration is chosen."""

    num_folds: int = 4
    """Folds of users where the caller keeps no examples back."""
    ties_within: float = 1.0
    """Standard errors of a difference in log loss, by user, within which two candidates tie."""
    prior_positives: tuple[float, ...] = (4096.0, 1024.0, 256.0, 64.0, 16.0)
    """Positives that the prior of segments' offsets weighs, from the strongest on."""
    lines: LinesConfig = field(default_factory=LinesConfig)
    """Of Platt's and beta lines."""
    isotonic: IsotonicConfig = field(default_factory=IsotonicConfig)
    """Of the isotonic curve."""
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    """Of the slope and the constant that go with segments' offsets."""


class UnknownCalibrationError(ValueError):
    """Bytes do not hold a calibration that this version wrote."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibrator with what segments add, and how it was chosen."""

    calibrator: Calibrator
    effects: Effects
    """What segments add; ``NOTHING`` where they do not pay."""
    losses: Mapping[str, float]
    """Held-out log loss of each candidate by name: a family, or the chosen one with segments, as
    ``platt+segments/256`` for a prior of 256 positives. Empty where nothing was held out."""
    drift: float = 0.0
    """Log odds that come on top of all days' on the newest (``training.calibrators.drift``)."""

    def apply(self, p_N: np.ndarray, parts: Mapping[str, Segments]) -> np.ndarray:
        """Calibrate predictions: float64, N, in [``NEAREST``, 1 − ``NEAREST``].

        They stay float64, because float32 would tie what a flat curve brings near to each other.

        Args:
            p_N: float, in [0, 1].
            parts: The kinds of segments that it was fitted with, at least.

        Raises:
            UnknownSegmentsError: If a kind that has offsets is missing.
        """
        return chance(np.clip(self.logits(p_N, parts), -_FARTHEST, _FARTHEST))

    def logits(self, p_N: np.ndarray, parts: Mapping[str, Segments]) -> np.ndarray:
        """Calibrate predictions: log odds, float64, N; the rest as ``apply``."""
        return self.effects.logits(self.calibrator.logits(p_N), parts) + self.drift

    def save(self) -> bytes:
        """Write it as JSON."""
        written = {
            "version": _VERSION,
            "family": self.calibrator.name,
            "parameters": self.calibrator.parameters(),
            "effects": self.effects.parameters(),
            "losses": dict(self.losses),
            "drift": self.drift,
        }
        return json.dumps(written).encode()


UNCALIBRATED: Final = Calibration(IDENTITY, NOTHING, {})
"""What is predicted is true."""


def load(written: bytes) -> Calibration:
    """Read what ``Calibration.save`` wrote.

    Raises:
        UnknownCalibrationError: If it is cut off, or of another version.
    """
    try:
        found = json.loads(written)
    except ValueError as error:
        raise UnknownCalibrationError("a calibration is JSON; these bytes are not whole") from error
    if not isinstance(found, dict) or found.get("version") != _VERSION:
        raise UnknownCalibrationError(f"only version {_VERSION} can be read; fit it again")
    try:
        calibrator = _MAKERS[found["family"]](found["family"], found["parameters"])
        effects, drift = Effects(**found["effects"]), found.get("drift", 0.0)
        return Calibration(calibrator, effects, found["losses"], drift)
    except (KeyError, TypeError) as error:
        raise UnknownCalibrationError(f"the calibration misses or does not know {error}") from error


def _line(name: str, parameters: Mapping[str, Any]) -> Calibrator:
    return Line(name, **parameters)


def _curve(_: str, parameters: Mapping[str, Any]) -> Calibrator:
    return Isotonic(np.array(parameters["predicted"]), np.array(parameters["true"]))


_MAKERS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Calibrator]]] = {
    "identity": _line,
    "platt": _line,
    "beta": _line,
    "isotonic": _curve,
}


def fit(learned: Predicted, config: CalibrateConfig, kept: Predicted | None = None) -> Calibration:
    """Choose a calibration and fit it on all examples.

    Args:
        learned: What candidates are fitted on.
        config: How one is chosen.
        kept: Later examples that candidates are judged on; without them folds of users are.
    """
    splits = folds(learned, config.num_folds) if kept is None else [Split(learned, kept)]
    judges = Judges.of(splits)
    fitted = {name: [_fitted(name, s.learned, config) for s in splits] for name in FAMILIES}
    loss_N = {name: judges.losses(_logits(splits, fitted[name], None, config)) for name in FAMILIES}
    family = simplest(loss_N, judges, num_errors=config.ties_within)
    priors = config.prior_positives if learned.segments else ()
    of_prior = {p: judges.losses(_logits(splits, fitted[family], p, config)) for p in priors}
    prior = _prior(loss_N[family], of_prior, judges, config)
    whole = learned if kept is None else together(learned, kept)
    calibrator = _fitted(family, whole, config)
    effects = _effects(calibrator, whole, prior, config)
    named = {f"{family}+segments/{p:g}": of_N for p, of_N in of_prior.items()}
    return Calibration(calibrator, effects, judges.means(loss_N | named))


def _prior(
    without_N: np.ndarray,
    of_prior: Mapping[float, np.ndarray],
    judges: Judges,
    config: CalibrateConfig,
) -> float | None:
    """Choose the prior of segments' offsets; nothing where they do not pay."""
    if not of_prior:
        return None
    best = min(of_prior, key=lambda prior: float(of_prior[prior].sum()))
    pays = judges.is_better(of_prior[best], without_N, num_errors=config.ties_within)
    return best if pays else None


def _fitted(family: str, examples: Predicted, config: CalibrateConfig) -> Calibrator:
    fits: Mapping[str, Callable[[], Calibrator]] = {
        "identity": lambda: IDENTITY,
        "platt": lambda: lines.platt(examples, config.lines),
        "beta": lambda: lines.beta(examples, config.lines),
        "isotonic": lambda: isotonic.isotonic(examples, config.isotonic),
    }
    return fits[family]()


def _logits(
    splits: Sequence[Split],
    calibrators: Sequence[Calibrator],
    prior: float | None,
    config: CalibrateConfig,
) -> list[np.ndarray]:
    """Calibrated log odds of each split's judged examples, with segments' effects fitted beside."""
    found = []
    for split, calibrator in zip(splits, calibrators, strict=True):
        effects = _effects(calibrator, split.learned, prior, config)
        logit_N = calibrator.logits(split.judged.p_N)
        found.append(effects.logits(logit_N, split.judged.segments))
    return found


def _effects(
    calibrator: Calibrator, examples: Predicted, prior: float | None, config: CalibrateConfig
) -> Effects:
    """What segments add under a prior; nothing without one."""
    if prior is None:
        return NOTHING
    logit_N = calibrator.logits(examples.p_N)
    return segments.fit(examples, logit_N, config.segments, prior_positives=prior)
