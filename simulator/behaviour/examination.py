"""How far down a slate people look."""

from typing import Final

import numpy as np

_SCALE: Final = (12.0, 4.0, 16.0)
"""For each surface the place at which a place's chance has fallen to 1 / 2^power."""
_POWER: Final = (0.9, 0.8, 0.9)


def examination(surface: int, num_places: int) -> np.ndarray:
    """Give P(the user looks at it | it was shown) by place: (1 + place / scale) ^ −power.

    It does not depend on who looks, on what stands there, or on the places before: so a slate's
    value is a sum over places.

    Args:
        surface: Place in ``etl.surfaces.ALL``.
        num_places: Of the longest slate.

    Returns:
        float64, falling from 1.
    """
    return (1 + np.arange(num_places) / _SCALE[surface]) ** -_POWER[surface]
