"""What every calibrator promises, what it is fitted on, and the way between chances and log odds.

A calibrator is a rising curve from the log odds that a ranker predicts to those that are true. It
never changes the order of two items of one user in one segment; what segments add is in
``training.calibrators.segments``, and which calibrator serves is chosen by ``training.calibrate``.

Shapes: N examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

import numpy as np

NEAREST: Final = 1e-12
"""No chance is nearer to 0 or 1, so that its log odds are finite: those that are, tie."""


class Calibrator(Protocol):
    """A fitted curve over log odds."""

    @property
    def name(self) -> str:
        """Which kind it is: one of ``training.calibrate.FAMILIES``."""
        ...

    def logits(self, p_N: np.ndarray) -> np.ndarray:
        """Calibrate predicted chances: true log odds, float64, N, finite.

        They rise strictly with p between ``NEAREST`` and 1 − ``NEAREST``, as far as float64 tells.
        """
        ...

    def parameters(self) -> dict[str, Any]:
        """Write it in plain words for JSON, from which ``training.calibrate.load`` makes it."""
        ...


class UnusableExamplesError(ValueError):
    """Examples hold what no calibrator can be fitted on; the text says which column and what."""


@dataclass(frozen=True, slots=True)
class Segments:
    """One way to divide examples: by the age of the item, the kind of user or the price."""

    names: tuple[str, ...]
    """Of the parts."""
    code_N: np.ndarray
    """int64: the place of the example's part among ``names``; −1 where it belongs to none."""

    def taken(self, rows: np.ndarray) -> "Segments":
        """Keep some examples."""
        return Segments(self.names, self.code_N[rows])


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted:
    """N examples with what was predicted of them and what came."""

    p_N: np.ndarray
    """float: the ranker's chance or share, in [0, 1]."""
    label_N: np.ndarray
    """bool, or a share in [0, 1]."""
    weight_N: np.ndarray
    """float64, >= 0: how many such examples one stands for."""
    user_N: np.ndarray
    """int64, any numbers: whose example it is."""
    segments: Mapping[str, Segments]
    """By kind; the same kinds are asked for when calibrating."""

    def __post_init__(self) -> None:
        for name, most in (("p_N", 1.0), ("label_N", 1.0), ("weight_N", np.inf)):
            _refuse_outside(name, getattr(self, name), most)

    def __len__(self) -> int:
        return len(self.p_N)

    def taken(self, rows: np.ndarray) -> "Predicted":
        """Keep some examples: a mask, or places."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name[-2:] == "_N"}
        kept = {kind: segments.taken(rows) for kind, segments in self.segments.items()}
        return replace(self, **arrays, segments=kept)


def together(one: Predicted, other: Predicted) -> Predicted:
    """Put examples behind each other.

    Raises:
        UnusableExamplesError: If they are not divided in the same ways.
    """
    parts = [{kind: of.names for kind, of in each.segments.items()} for each in (one, other)]
    if parts[0] != parts[1]:
        raise UnusableExamplesError(
            f"both must have the same segments, found {parts[0]} and {parts[1]}"
        )
    arrays = {
        f.name: np.concatenate([getattr(one, f.name), getattr(other, f.name)])
        for f in fields(one)
        if f.name[-2:] == "_N"
    }
    kinds = {
        kind: Segments(
            segments.names, np.concatenate([segments.code_N, other.segments[kind].code_N])
        )
        for kind, segments in one.segments.items()
    }
    return Predicted(**arrays, segments=kinds)


def logit(p_N: np.ndarray) -> np.ndarray:
    """Log odds of chances: float64, N, finite."""
    p = np.clip(p_N.astype(np.float64), NEAREST, 1 - NEAREST)
    return np.log(p) - np.log1p(-p)


def chance(logit_N: np.ndarray) -> np.ndarray:
    """Chances of log odds, exact at both ends: float64, N, in [0, 1]."""
    return np.exp(np.minimum(logit_N, 0.0)) / (1 + np.exp(-np.abs(logit_N)))


def _refuse_outside(name: str, value_N: np.ndarray, most: float) -> None:
    is_good = (value_N >= 0) & (value_N <= most) & np.isfinite(value_N)
    if not is_good.all():
        wrong = value_N[np.argmin(is_good)]
        raise UnusableExamplesError(
            f"{name} must be known and within [0, {most}], found {wrong} in "
            f"{np.count_nonzero(~is_good)} of {len(value_N)} examples; leave those out"
        )
