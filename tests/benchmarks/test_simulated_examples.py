from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from benchmarks.simulated_counts import Counts, Impressions
from benchmarks.simulated_examples import Simulated, SimulatedConfig
from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.shop import Shop

SMALL = ShopConfig(users=300, items=200, days=12, seed=3, start=date(2026, 1, 1))


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return Simulated.of(SMALL, SimulatedConfig(num_whole=1))


def test_counts_are_those_of_the_days_before() -> None:
    shop = Shop(SMALL)
    counts = Counts.empty(shop.world, by_looks=False)
    day = shop.next_day()
    seen = Impressions.of(shop.world, day)

    after = counts.after(shop.world, day, seen)

    assert after.looks_N.sum() == after.looks_UT.sum() == len(seen.user_I)
    assert after.clicks_N.sum() == after.clicks_UT.sum() == seen.is_clicked_I.sum() > 0
    assert not shop.world.users.is_bot_U[seen.user_I].any()


def test_of_the_first_day_nothing_is_known_before(simulated: Simulated) -> None:
    first, later = (simulated.days[simulated.day(number)].batch.given for number in (0, 5))

    assert not first.number("item_looks").any()
    assert later.number("item_looks").any()
    assert np.isfinite(later.numeric_NF).all()


def test_kept_examples_stand_for_all_of_their_day(simulated: Simulated) -> None:
    whole = Simulated.of(SMALL, SimulatedConfig(kept_share=1.0))
    for number in (3, 11):
        of_all = whole.days[whole.day(number)].batch
        kept = simulated.days[simulated.day(number)].batch
        assert kept.label["click"].sum() == of_all.label["click"].sum()
        assert kept.weight_N.sum() == pytest.approx(len(of_all), rel=0.1)
    assert len(kept) == len(of_all)


def test_orders_are_known_from_the_day_on_which_their_lines_arrive(simulated: Simulated) -> None:
    day = simulated.day(2)
    known = [
        simulated.ordered(day, simulated.outcomes, day + timedelta(days=age)).sum()
        for age in range(8)
    ]
    final_N = simulated.ordered(day, simulated.outcomes)

    assert 0 < known[0] <= known[7] == final_N.sum()
    assert simulated.days[day].batch.label["click"][final_N].all()


def test_an_order_that_is_cancelled_does_not_stand(simulated: Simulated) -> None:
    outcomes = simulated.outcomes
    orders = replace(outcomes, change_O=np.abs(outcomes.change_O))
    days = [simulated.day(number) for number in range(6)]
    standing, ever = (
        sum(int(simulated.ordered(day, told).sum()) for day in days) for told in (outcomes, orders)
    )

    assert (outcomes.change_O < 0).any()
    assert standing < ever


def test_a_blind_policy_lists_nobodys_interests() -> None:
    blind = Simulated.of(replace(SMALL, days=2), SimulatedConfig(is_blind=True))

    assert (blind.shop.world.users.known_UL == NONE).all()
