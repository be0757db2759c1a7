"""How often a place of a surface is looked at, beside its first place.

The examination hypothesis (Craswell et al., WSDM 2008; Richardson et al., WWW 2007): a click needs
an item that is looked at and one that is liked, and only the first depends on the place:
p(click) = examination(place) · attraction(user, item).

Shapes: N rows, P places.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

MAX_CHANCE_PROPENSITY: Final = 0.5
"""Propensity below which chance placed an item: what a policy chooses has more."""
_SCALES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_POWERS: Final = tuple(round(0.05 * n, 2) for n in range(41))


@dataclass(frozen=True, kw_only=True, slots=True)
class ExaminationConfig:
    """Which impressions the curve is fitted on."""

    max_chance_propensity: float = MAX_CHANCE_PROPENSITY
    """Propensity below which chance placed an item."""
    min_clicks: int = 200
    """Clicks on what chance placed, below which all impressions are read; of all, below which every
    place counts alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """(1 + place / scale) ^ −power: 1 at the first place, never rising."""

    scale: float = 1.0
    power: float = 0.0

    def at(self, position_N: np.ndarray) -> np.ndarray:
        """Look places up: float64, N, in (0, 1]; 1 where no place is known (NaN)."""
        place_N = np.nan_to_num(position_N.astype(np.float64), nan=0.0)
        return np.power(1.0 + place_N / self.scale, -self.power)


ANYWHERE: Final = Examination()
"""Every place counts alike."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown and clicked at each place; P places each, float64.

    As an array of 4 × P in this order such counts are added and decayed.
    """

    num_P: np.ndarray
    clicks_P: np.ndarray
    num_chance_P: np.ndarray
    """Of them, what chance placed."""
    chance_clicks_P: np.ndarray


def added(one_4P: np.ndarray, other_4P: np.ndarray) -> np.ndarray:
    """Add rows of ``Shown``, whichever have more places: float64, 4 × P."""
    size = max(one_4P.shape[1], other_4P.shape[1])
    wide = [np.pad(part, ((0, 0), (0, size - part.shape[1]))) for part in (one_4P, other_4P)]
    return wide[0] + wide[1]


def fit(shown: Shown, config: ExaminationConfig) -> Examination:
    """Fit the curve of a surface by maximum likelihood of the clicks at each place.

    On impressions that chance placed, where there are enough: elsewhere a place's clicks also tell
    what the policy of the time liked to put there.

    Args:
        shown: Impressions and clicks by place.
        config: Which of them are read.
    """
    for num_P, clicks_P in (
        (shown.num_chance_P, shown.chance_clicks_P),
        (shown.num_P, shown.clicks_P),
    ):
        if clicks_P.sum() >= config.min_clicks and np.count_nonzero(num_P) > 1:
            return _likeliest(num_P, clicks_P)
    return ANYWHERE


def _likeliest(num_P: np.ndarray, clicks_P: np.ndarray) -> Examination:
    """Search a grid by the Poisson likelihood with the rate of the first place profiled out."""
    place_P = np.arange(len(num_P))
    is_shown = num_P > 0
    curves = [Examination(scale=scale, power=power) for scale in _SCALES for power in _POWERS]

    def log_likelihood(curve: Examination) -> float:
        expected_P = num_P * curve.at(place_P)
        log_rates = float(clicks_P[is_shown] @ np.log(expected_P[is_shown]))
        return log_rates - float(clicks_P.sum() * np.log(expected_P.sum()))

    return max(curves, key=log_likelihood)
