"""What a calibration check says of predicted beside observed.

It warns when it is shown that predictions are not as true as promised: the 95 % interval lies
wholly beyond 3 %. Once so much came that the interval is narrow beside the promise, half as wide at
most, it warns already where the interval reaches beyond. It blocks when it is shown that
predictions cannot be served: the 99 % interval lies wholly beyond 10 %. With few positives it says
so, and does neither.

An interval as wide as the promise says nothing by reaching beyond it. With 4,500 positives it is
2.9 % to each side, and of true predictions it reached beyond 3 % on four days of five; of 60
simulated days with 9,000 positives on a quarter, with 15,000 hardly ever. At half the promise, some
17,000 independent positives, true predictions warn on one day in twenty (docs/decisions/0026).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.calibration_metrics import PredictedToObserved

_Z_95: Final = 1.96
_Z_99: Final = 2.576
Level = Literal["passed", "warned", "blocked", "too_few"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictConfig:
    """What is promised of predicted / observed."""

    warn_beyond: float = 0.03
    """Distance from 1 beyond which the 95 % interval may not lie, nor reach where it is narrow."""
    narrow: float = 0.5
    """Half the 95 % interval's width, as a part of that distance, up to which it is narrow."""
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
    promised = f"1 ± {config.warn_beyond:.0%}"
    if _lies_beyond(found.low_95, found.high_95, config.warn_beyond):
        return Verdict("warned", f"{_said(found)}: it lies beyond {promised}")
    if _is_within(found.low_95, found.high_95, config.warn_beyond):
        return Verdict("passed", f"{_said(found)}: it lies within {promised}")
    if found.high_95 - found.low_95 <= 2 * config.narrow * config.warn_beyond:
        return Verdict("warned", f"{_said(found)}: it reaches beyond {promised}")
    return Verdict("passed", f"{_said(found)}: it is not shown to be beyond {promised}")


def pooled(days: Sequence[PredictedToObserved]) -> PredictedToObserved:
    """Take days together until they are enough to decide on.

    Days weigh what came on them, and are taken to be independent: the logarithm of their ratio then
    has the weighted sum of their variances, which are read off their 95 % intervals. Users who come
    on several days make it a little narrower than it is.

    Args:
        days: One at least; of those on which nothing came nothing is learned.
    """
    known = [day for day in days if day.num_positives and day.low_95 > 0]
    if not known:
        return days[0]
    weight_D = np.array([day.num_positives for day in known], np.float64)
    weight_D /= weight_D.sum()
    value = float(weight_D @ [day.value for day in known])
    widths = [np.log(day.high_95 / day.low_95) / (2 * _Z_95) for day in known]
    error = float(np.sqrt(weight_D**2 @ np.square(widths)))
    return PredictedToObserved(
        value=value,
        low_95=value * float(np.exp(-_Z_95 * error)),
        high_95=value * float(np.exp(_Z_95 * error)),
        low_99=value * float(np.exp(-_Z_99 * error)),
        high_99=value * float(np.exp(_Z_99 * error)),
        num_positives=sum(day.num_positives for day in known),
        num_users=max(day.num_users for day in known),
    )


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
