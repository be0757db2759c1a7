"""The shop: one day after another, from what the day before left and what is published."""

from collections.abc import Mapping
from typing import Final

from simulator.behaviour.shown import Published
from simulator.behaviour.whole_day import simulate
from simulator.config import ShopConfig
from simulator.day import Day
from simulator.serving.slates import Slates
from simulator.state import first_state
from simulator.world.world import make_world

_NOTHING: Final[Mapping[int, Slates]] = {}


class EndOfShopError(LookupError):
    """A day was asked for that the shop was not made for."""


class Shop:
    """A shop and where it stands: the same config and publications give the same days."""

    def __init__(self, config: ShopConfig) -> None:
        self.world = make_world(config)
        self.state = first_state(self.world)
        """At the end of the last day simulated."""

    def next_day(self, published: Mapping[int, Slates] = _NOTHING, share: float = 0.0) -> Day:
        """Simulate the next day, and stand at its end.

        Args:
            published: The current publication: slates by surface, as places in
                ``etl.surfaces.ALL``; a surface may be missing.
            share: Of users whose slates come from it, where they have one there.

        Raises:
            EndOfShopError: After the last of the config's days.
        """
        num_days = self.world.config.days
        if self.state.day + 1 >= num_days:
            raise EndOfShopError(
                f"this shop was made for {num_days} days, and they are over; make it for more: "
                "the same days come first"
            )
        day, self.state = simulate(self.world, self.state, Published(published, share))
        return day
