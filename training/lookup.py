"""Finds things by user and number: how kernels join arrays of a batch without a table.

Shapes: N known things, R rows that ask.
"""

import numpy as np


def key(row: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Name things by the user's row in the batch and a number of at most 32 bits: int64."""
    return row << 32 | number


def find(ascending: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Find keys among ascending ones: int64 places, −1 where absent."""
    if not len(ascending):
        return np.full(np.shape(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[place] == wanted, place, -1)


def taken(values: np.ndarray, place: np.ndarray, *, otherwise: float) -> np.ndarray:
    """Take values at places, ``otherwise`` where the place is −1."""
    if not len(values):
        return np.full(len(place), otherwise)
    found = values[place].astype(np.result_type(values, otherwise), copy=False)
    found[place < 0] = otherwise
    return found
