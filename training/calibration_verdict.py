"""What a calibration check says of predicted beside observed.

It warns when it is not shown that predictions are true enough: the 95 % interval reaches beyond
what is promised. It blocks when it is shown that they are not: the 99 % interval lies beyond what
can be served. With few positives the interval is wider than the promise; then it says so, and does
neither.

A warning is no proof: of true predictions the 95 % interval reaches beyond 3 % in four days of five
with 4,500 positives, in a quarter with 9,000, hardly ever with 15,000 (60 simulated days each).
"""

from dataclasses import dataclass
from typing import Literal

from training.calibration_metrics import PredictedToObserved

Level = Literal["passed", "warned", "blocked", "too_few"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictConfig:
    """What is promised of predicted / observed."""

    warn_beyond: float = 0.03
    """Distance from 1 that the 95 % interval may not reach beyond."""
    block_beyond: float = 0.10
    """Distance from 1 beyond which the 99 % interval may not lie as a whole."""
    min_positives: int = 4500
    """Positives below which nothing is decided: with fewer than (1.96 / 0.03)² = 4,268 independent
    ones the 95 % interval does not fit into ± 3 % wherever it lies."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check does, and why."""

    level: Level
    text: str
    """For people: the figures, and what is promised."""


def judge(found: PredictedToObserved, config: VerdictConfig) -> Verdict:
    """Decide by the intervals; an end that lies just on a border is within it."""
    if found.num_positives < config.min_positives:
        least = f"{config.min_positives:,}"
        return Verdict("too_few", f"{_said(found)}: with fewer than {least} nothing is decided")
    if _lies_beyond(found.low_99, found.high_99, config.block_beyond):
        return Verdict("blocked", f"{_said(found)}: it lies beyond 1 ± {config.block_beyond:.0%}")
    if not _is_within(found.low_95, found.high_95, config.warn_beyond):
        return Verdict("warned", f"{_said(found)}: it reaches beyond 1 ± {config.warn_beyond:.0%}")
    return Verdict("passed", f"{_said(found)}: it lies within 1 ± {config.warn_beyond:.0%}")


def _lies_beyond(low: float, high: float, distance: float) -> bool:
    return low > 1 + distance or high < 1 - distance


def _is_within(low: float, high: float, distance: float) -> bool:
    return low >= 1 - distance and high <= 1 + distance


def _said(found: PredictedToObserved) -> str:
    return (
        f"predicted / observed is {found.value:.3f} "
        f"[95 %: {found.low_95:.3f}, {found.high_95:.3f}; "
        f"99 %: {found.low_99:.3f}, {found.high_99:.3f}] over {found.num_positives:,} positives of "
        f"{found.num_users:,} users"
    )
