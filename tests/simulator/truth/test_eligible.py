"""The truth and the product let the same items stand in slates, where the log tells everything."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from etl.features.eligibility import eligible
from etl.surfaces import ITEM_TYPES
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, NONE, Day
from simulator.state import State
from simulator.truth.oracle import showable
from simulator.world.hosts import DAY_US
from simulator.world.items import PRODUCT, SLOT, VIDEO
from simulator.world.world import World
from tests.simulator.shops import simulated

QUIET = ShopConfig(users=40, items=150, days=24, seed=5)
"""Few users and many slots, so that some of these are not heard of for weeks."""
NEVER = np.iinfo(np.int64).min
SURFACES = (PRODUCT, SLOT, VIDEO)


class Reader:
    """Who has read every line so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.last_us_N = np.full(len(world.items), NEVER)
        self.stock_N = np.full(len(world.items), NONE)

    def read(self, day: Day) -> None:
        named = np.flatnonzero(day.item_E != NONE)
        shown_us_I = np.repeat(day.at_us_E[day.requests.event_R], np.diff(day.requests.start_R))
        np.maximum.at(self.last_us_N, day.item_E[named], day.at_us_E[named])
        np.maximum.at(self.last_us_N, day.requests.item_I, shown_us_I)
        for line in np.flatnonzero(day.type_E == EVENT_TYPES.index("item")):
            self.stock_N[day.item_E[line]] = day.stock_E[line]

    def eligible(self, surface: int, day: int) -> list[int]:
        """By the product's rule, of what he has heard of."""
        known = np.flatnonzero((self.world.items.type_N == surface) & (self.last_us_N > NEVER))
        items = pa.table(
            {
                "item_type": [ITEM_TYPES[surface]] * len(known),
                "item_id": self.world.names.item_id.take(pa.array(known)),
                "is_sold_out": self.stock_N[known] == 0,
            }
        )
        evening = self.world.midnight_us(day) // DAY_US
        may = eligible(
            items,
            day_R=np.full(len(known), evening),
            last_event_us_R=self.last_us_N[known],
        )
        return known[may].tolist()


def evenings() -> Iterator[tuple[State, Reader]]:
    shop = simulated(QUIET, QUIET.days)
    reader = Reader(shop.world)
    for day, state in zip(shop.days, shop.states[1:], strict=True):
        reader.read(day)
        yield state, reader


@pytest.mark.parametrize("surface", SURFACES)
def test_the_truth_shows_on_every_evening_what_the_product_finds_eligible(surface: int) -> None:
    for state, reader in evenings():
        found = showable(reader.world, state, surface).tolist()

        assert found == reader.eligible(surface, state.day)
        assert found


def test_a_slot_that_nobody_saw_for_two_weeks_is_not_shown() -> None:
    shop = simulated(QUIET, QUIET.days)
    state = shop.states[-1]
    is_tomorrow_N = shop.world.items.weekday_N == shop.world.weekday(state.day + 1)

    silent = np.flatnonzero(is_tomorrow_N & (state.heard_N <= state.day - 14))

    assert len(silent)
    assert not np.isin(silent, showable(shop.world, state, SLOT)).any()


def test_an_order_is_done_with_a_product_and_not_with_a_live_slot() -> None:
    shop = simulated(QUIET, QUIET.days)
    world, state = shop.world, shop.states[-1]
    kept = state.ledger.kept()
    type_B = world.items.type_N[kept & 0xFFFFFFFF]

    done = np.isin(kept, state.done(world))

    assert {PRODUCT, SLOT} <= set(type_B.tolist())
    hidden = np.isin(kept, state.ledger.hidden_B)
    np.testing.assert_array_equal(done, (type_B != SLOT) | hidden)
