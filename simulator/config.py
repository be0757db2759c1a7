"""What a shop is made with: its size, its seed, and its version.

A change of any dial, or of what a dial means, is a new version: ``SHOP_VERSION`` goes up, the old
preset goes, and everything is measured again (docs/decisions/0008).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from simulator.dials import Dials

SHOP_VERSION: Final = 3

PRESETS: Final = {3: Dials()}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShopConfig:
    """One shop. A shop of more days begins with the shop of fewer."""

    users: int = 5000
    """Users, bots among them."""
    items: int = 3000
    """Products at the start; videos and live slots follow from them."""
    days: int = 21
    """Days that can be simulated."""
    seed: int = 7
    """Of everything that is drawn."""
    start: date = date(2026, 1, 1)
    """The first day."""
    version: int = SHOP_VERSION
    """One of ``PRESETS``."""

    @property
    def dials(self) -> Dials:
        """The dials of its version."""
        return PRESETS[self.version]
