"""Rates of keys with few observations, drawn towards the rate of many.

(x + s·r) / (n + s) is the mean of a beta posterior after x of n, with s prior observations at rate
r (Gelman et al., Bayesian Data Analysis, 2.4). What the many are is the caller's choice.
"""

import numpy as np


def overall(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Rate of everyone, never 0 or 1; NaN where the log has no such outcomes at all."""
    return np.where(whole > 0, (part + 1.0) / (whole + 2.0), np.nan)


def drawn(
    part: np.ndarray, whole: np.ndarray, rate: np.ndarray, prior: float | np.ndarray
) -> np.ndarray:
    """Draw ``part / whole`` towards ``rate`` by ``prior`` observations; NaN where that is NaN."""
    return (part + prior * rate) / (whole + prior)
