"""Groups of users by how much a surface knows of them: what weights and reports differ by."""

from typing import Final

import numpy as np

from etl.tables.retrieval import USER_GROUPS

NAMES: Final = USER_GROUPS
_FROM: Final = (1, 10)


def codes(num_visits_U: np.ndarray) -> np.ndarray:
    """Find each user's place in ``NAMES``: int64; visits are of his 50 latest events."""
    return np.searchsorted(_FROM, num_visits_U, side="right")
