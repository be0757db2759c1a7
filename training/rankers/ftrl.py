"""FTRL-Proximal, and the slope that examples learned one after another have: for compiled code.

McMahan et al., KDD 2013, algorithm 1: a learning rate for each weight, and weights of exactly 0
where there is too little to say.
"""

from typing import Final

import numpy as np
from numba import njit

OF_SLOPES: Final = 0.03
"""λ2 of slopes, of that of values: all of a number's examples tell of its slope."""
_LEAST: Final = 1e-7


@njit(cache=True)
def slope(total: float, label: float, weight: float, seen: float) -> float:
    """Slope of an example's log loss by its sum, p being seen · σ(total); by weight."""
    attraction = 1 / (1 + np.exp(-total))
    p = min(max(seen * attraction, _LEAST), 1 - _LEAST)
    return (p - label) * (1 - attraction) / (1 - p) * weight


def nothing_learned(num_weights: int) -> np.ndarray:
    """The state that weights begin with: float64, W × 3."""
    return np.zeros((num_weights, 3))


@njit(cache=True)
def step(
    state_W3: np.ndarray,
    weight_W: np.ndarray,
    w: int,
    slope: float,
    rate: tuple[float, float, float, float],
) -> None:
    """FTRL-Proximal for one weight, by α, β, λ1 and λ2: its state is z, n and n's root."""
    alpha, beta, l1, l2 = rate
    before = state_W3[w, 2]
    n = state_W3[w, 1] + slope * slope
    root = np.sqrt(n)
    z = state_W3[w, 0] + slope - (root - before) / alpha * weight_W[w]
    state_W3[w, 0], state_W3[w, 1], state_W3[w, 2] = z, n, root
    if abs(z) <= l1:
        weight_W[w] = 0.0
    else:
        shrunk = z - l1 if z > 0 else z + l1
        weight_W[w] = -shrunk / ((beta + root) / alpha + l2)
