"""``python -m benchmarks.bands``: whether a shop is one that a recommender could meet.

Simulates a shop under its old policy and says, surface by surface, how often people click and
order, what popularity-of-7-days and observable slates are worth beside the best ones, and what the
best slate would be worth to someone who does not see a part of the truth: where users clicked last;
intents too; latent interests too; tastes too; any interest at all; and, all else being seen, what
makers are to whom.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from etl import surfaces
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.serving.popularity import popular
from simulator.shop import Shop
from simulator.state import State
from simulator.truth.oracle import active_users, slated
from simulator.truth.worth import value
from simulator.world.users import add_at
from simulator.world.world import World

_SETTLED: Final = 3
"""On the first days nothing is popular yet and no earlier click is ordered; rates begin after."""
_COUNTED: Final = ("click", "cart", "order")


def measure(config: ShopConfig) -> dict[str, dict[str, float]]:
    """Simulate a shop, and measure each surface at the end of its last day."""
    shop = Shop(config)
    num_SX = np.zeros((len(surfaces.NAMES), 1 + len(_COUNTED)))
    for place in range(config.days):
        day = shop.next_day()
        num_SX += counted(day) * (place >= _SETTLED)
    return {
        name: rates(num_SX[surface]) | shares(shop.world, shop.state, surface)
        for surface, name in enumerate(surfaces.NAMES)
    }


def counted(day: Day) -> np.ndarray:
    """Count items shown, clicks, carts and orders that followed an impression: surfaces × 4."""
    shown, followed = day.requests, day.position_E != NONE
    rows = []
    for surface in range(len(surfaces.NAMES)):
        of_surface = followed & (day.surface_E == surface)
        num_shown = np.diff(shown.start_R)[shown.surface_R == surface].sum()
        codes = [EVENT_TYPES.index(kind) for kind in _COUNTED]
        rows.append([num_shown, *((of_surface & (day.type_E == code)).sum() for code in codes)])
    return np.array(rows, float)


def rates(num_X: np.ndarray) -> dict[str, float]:
    """Say how often what is shown is clicked, and what is clicked ordered."""
    shown, clicks, carts, orders = num_X
    return {
        "clicks_per_impression": clicks / shown,
        "carts_per_click": carts / clicks,
        "orders_per_click": orders / clicks,
    }


def shares(world: World, state: State, surface: int) -> dict[str, float]:
    """Say what slates are worth, as shares of the best ones: means over active users."""
    users, listed = active_users(world, state), popular(world, state, surface)

    def mean(slate_UK: np.ndarray) -> float:
        return float(value(world, state, users, slate_UK).mean())

    slates = slated(world, state, surface, users, listed)
    best = mean(slates.foresight_UK)
    found = {
        "best": best,
        "popularity": mean(slates.popularity_UK) / best,
        "observable": mean(slates.observable_UK) / best,
    }
    for name, (blind, seen) in blinded(world, state).items():
        found[name] = mean(slated(blind, seen, surface, users, listed).foresight_UK) / best
    return found


def blinded(world: World, state: State) -> dict[str, tuple[World, State]]:
    """Take parts of the truth away: of the state one after another, of the world one."""
    long_UT = np.zeros_like(state.affinity_UT)
    add_at(long_UT, world.users.interest_UL, world.users.strength_UL)
    no_last = replace(state, last_U=np.full_like(state.last_U, NONE))
    no_intent = replace(no_last, affinity_UT=world.users.affinity(len(world.topics)))
    no_latent = replace(no_last, affinity_UT=long_UT)
    no_taste = replace(no_latent, taste_UD=np.zeros_like(state.taste_UD))
    no_interest = replace(no_taste, affinity_UT=np.zeros_like(long_UT))
    people_UD = np.zeros_like(world.renown.people_UD)
    unknown = replace(world, renown=replace(world.renown, people_UD=people_UD))
    return {
        "without_succession": (world, no_last),
        "nor_intents": (world, no_intent),
        "nor_latent": (world, no_latent),
        "nor_taste": (world, no_taste),
        "nor_interests": (world, no_interest),
        "without_renown": (unknown, state),
    }


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, default in (("users", 5000), ("items", 3000), ("days", 21), ("seed", 1)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    asked = vars(parser.parse_args())
    out = asked.pop("json")
    said = json.dumps({"shop": asked, "surfaces": measure(ShopConfig(**asked))}, indent=1)
    print(said)  # noqa: T201 - a benchmark prints
    if out is not None:
        out.write_text(said + "\n")


if __name__ == "__main__":
    main()
