import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.day import NONE
from simulator.serving.slates import toss

LIST, POOL = [10, 11, 12, 13], [20, 21, NONE, 22]
RATE, TOSSES = 0.3, 20_000


def tossed(entries: list[int], pool: list[int], rate: float, seed: int, num: int = 1) -> tuple:
    return toss(
        np.tile(np.array(entries, np.int32), (num, 1)),
        np.tile(np.array(pool, np.int32), (num, 1)),
        rate=rate,
        rng=np.random.default_rng(seed),
    )


def close_to(share: float, p: float, num: int) -> bool:
    return abs(share - p) <= 5 * np.sqrt(p * (1 - p) / num)


def test_after_any_beginning_each_item_comes_as_often_as_its_propensity_says() -> None:
    item_SK, propensity_SK = tossed(LIST, POOL, RATE, 1, TOSSES)

    for place in range(len(LIST)):
        beginnings, which = np.unique(item_SK[:, :place], axis=0, return_inverse=True)
        for number in range(len(beginnings)):
            here = which.ravel() == number
            for item in np.unique(item_SK[here, place]):
                of_item = here & (item_SK[:, place] == item)
                said = np.unique(propensity_SK[of_item, place])
                assert len(said) == 1
                assert close_to(of_item.sum() / here.sum(), said[0], here.sum())


def test_kept_entries_and_drawn_items_have_the_propensities_of_the_coin_and_the_pool() -> None:
    item_SK, propensity_SK = tossed(LIST, POOL, RATE, 2, 500)

    for items, propensities in zip(item_SK.tolist(), propensity_SK.tolist(), strict=True):
        left = 3
        for place, (item, propensity) in enumerate(zip(items, propensities, strict=True)):
            if item == LIST[place]:
                assert propensity == (1 - RATE if left else 1.0)
            else:
                assert propensity == RATE / left
                left -= 1


@given(
    num_listed=st.integers(0, 6),
    pool=st.sets(st.integers(20, 40), max_size=6),
    rate=st.sampled_from([0.0, 0.2, 0.9]),
    seed=st.integers(0, 10**6),
)
def test_no_item_stands_twice_and_no_place_is_lost(
    num_listed: int, pool: set[int], rate: float, seed: int
) -> None:
    entries = [*range(num_listed), *[NONE] * (6 - num_listed)]

    item_SK, propensity_SK = tossed(entries, [*pool, NONE], rate, seed)

    items = item_SK[0][item_SK[0] != NONE].tolist()
    assert len(set(items)) == len(items) == num_listed
    assert set(items) <= set(range(num_listed)) | pool
    assert (propensity_SK > 0).all()
    assert (propensity_SK[item_SK == NONE] == 1).all()


def test_without_a_coin_the_list_is_shown_for_sure() -> None:
    item_SK, propensity_SK = tossed(LIST, POOL, 0.0, 3)

    assert item_SK.tolist() == [LIST]
    assert propensity_SK == pytest.approx(np.ones((1, 4)))
