"""Random numbers of the shop: one generator for each purpose and day.

What one purpose draws never moves what another draws, so a shop of more days begins with the shop
of fewer.
"""

from hashlib import blake2b
from typing import Final

import numpy as np

ALWAYS: Final = -1
"""The day of what is drawn once for all days."""


def generator(seed: int, purpose: str, day: int = ALWAYS) -> np.random.Generator:
    """Start the generator of one purpose on one day.

    Args:
        seed: The shop's seed.
        purpose: What the numbers are for.
        day: Days since the shop's start.
    """
    digest = blake2b(f"{seed}\0{purpose}\0{day}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))
