from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.explore import ExplorationConfig, Explored, explore
from scoring.grid import ABSENT, Grid
from scoring.rerank import Exploited, choose
from tests.scoring.drawn_grids import CAPS, Drawn, drawn, grids
from training.seeds import streams

K, RESERVE = 5, 2
OFTEN = ExplorationConfig(rate=0.4, pool_size=4)


@dataclass(frozen=True)
class Shown:
    """Slates before and after exploration."""

    given: Drawn
    grid: Grid
    exploited: Exploited
    explored: Explored

    def rows(self, user: int) -> list[int]:
        """What is shown, first place first."""
        return self.at(user, self.explored.column_UK)

    def kept(self, user: int) -> list[int]:
        """What was exploited: slate and reserve."""
        return self.at(user, self.exploited.column_UL)

    def at(self, user: int, column_UK: np.ndarray) -> list[int]:
        columns = column_UK[user][column_UK[user] != ABSENT]
        return self.grid.row_UC[user][columns].tolist()

    def pool(self, user: int, place: int) -> list[int]:
        """Who might have been drawn at a place, given what stands before it: by plain loops."""
        now = self.rows(user)[:place] + self.kept(user)[place:]
        others = now[:place] + now[place + 1 :]
        outside = set(self.kept(user)) | set(now)
        may = [
            row
            for row in self.given.best_first(user)
            if row not in outside and self.given.within_caps([*others, row], CAPS)
        ]
        return may[: OFTEN.pool_size]


def ids(num_users: int) -> list[str]:
    return [f"user {number}" for number in range(num_users)]


def shown(given: Drawn, config: ExplorationConfig = OFTEN, users: list[str] | None = None) -> Shown:
    grid = given.grid()
    exploited = choose(grid, num_places=K + RESERVE, caps=CAPS)
    stream = streams(
        pa.array(users or ids(given.num_users)),
        day=date(2026, 1, 10),
        surface="product_feed",
        purpose=config.salt,
    )
    explored = explore(grid, exploited, k=K, stream_U=stream, config=config)
    return Shown(given, grid, exploited, explored)


@given(grids)
def test_every_propensity_is_that_of_the_coin_and_the_pool(given: Drawn) -> None:
    found = shown(given)
    for user in range(given.num_users):
        kept = found.kept(user)
        for place, row in enumerate(found.rows(user)):
            pool = found.pool(user, place)
            propensity = found.explored.propensity_UK[user, place]
            if found.explored.is_drawn_UK[user, place]:
                assert row in pool
                assert propensity == OFTEN.rate / len(pool)
            else:
                assert row == kept[place]
                assert propensity == (1 - OFTEN.rate if pool else 1)


@given(grids)
def test_nothing_stands_twice_and_every_cap_holds_with_the_reserve(given: Drawn) -> None:
    found = shown(given)
    for user in range(given.num_users):
        rows = found.rows(user) + found.kept(user)[K:]
        assert len(rows) == len(set(rows))
        assert given.within_caps(rows, CAPS)
        assert len(found.rows(user)) == len(found.kept(user)[:K])


@given(grids)
def test_a_rate_of_zero_leaves_the_slate(given: Drawn) -> None:
    found = shown(given, replace(OFTEN, rate=0.0))
    assert (found.explored.column_UK == found.exploited.column_UL[:, :K]).all()
    assert (found.explored.propensity_UK == 1).all()
    assert not found.explored.is_drawn_UK.any()


@given(grids, st.permutations(range(4)), st.integers(1, 4))
def test_a_users_slate_does_not_depend_on_his_batch(
    given: Drawn, order: list[int], size: int
) -> None:
    whole, some = shown(given), order[:size]
    part = shown(given.of(*some), users=[ids(4)[user] for user in some])
    for place, user in enumerate(some):
        np.testing.assert_array_equal(
            part.explored.column_UK[place], whole.explored.column_UK[user]
        )
        np.testing.assert_array_equal(
            part.explored.propensity_UK[place], whole.explored.propensity_UK[user]
        )


@pytest.fixture(scope="module")
def crowd() -> Shown:
    """Twenty thousand users with the same sixteen candidates."""
    num_users = 20_000
    one = drawn(5, num_users=1, most=30)
    return shown(one.of(*[0] * num_users))


def test_propensities_sum_to_one_over_the_kept_item_and_the_pool(crowd: Shown) -> None:
    items = crowd.given.item_R[crowd.grid.row_UC[:, 0]]
    assert (items == items[0]).all()
    first = crowd.explored.column_UK[:, 0].tolist()
    said = dict(zip(first, crowd.explored.propensity_UK[:, 0].tolist(), strict=True))
    assert len(said) == 1 + OFTEN.pool_size
    assert sum(said.values()) == pytest.approx(1)


def test_another_day_throws_other_coins() -> None:
    given = drawn(5, num_users=1, most=30).of(*[0] * 50)
    today = shown(given).explored.is_drawn_UK
    other = shown(given, replace(OFTEN, salt="another")).explored.is_drawn_UK
    assert (today != other).any()


def test_a_batch_in_which_nobody_has_candidates_shows_nothing() -> None:
    found = shown(drawn(5, num_users=3, most=0))
    assert (found.explored.column_UK == ABSENT).all()
    assert found.explored.column_UK.shape == (3, K)
