"""Small shops that tests look at: made once, never changed."""

from dataclasses import dataclass
from datetime import date
from functools import cache

from simulator.config import ShopConfig
from simulator.day import Day
from simulator.shop import Shop
from simulator.state import State, first_state
from simulator.world.world import World

SMALL = ShopConfig(users=600, items=400, days=10, seed=1, start=date(2026, 1, 1))


@dataclass(frozen=True)
class Days:
    """A shop's days, with the state before the first and after each."""

    world: World
    days: tuple[Day, ...]
    states: tuple[State, ...]


@cache
def simulated(config: ShopConfig = SMALL, num_days: int = 9) -> Days:
    shop = Shop(config)
    days, states = [], [first_state(shop.world)]
    for _ in range(num_days):
        days.append(shop.next_day())
        states.append(shop.state)
    return Days(shop.world, tuple(days), tuple(states))
