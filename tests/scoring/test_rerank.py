import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.grid import ABSENT
from scoring.rerank import choose
from tests.scoring.drawn_grids import CAPS, Drawn, drawn, grids


def greedily(drawn: Drawn, user: int, num_places: int) -> list[tuple[int, bool]]:
    """Rows in order, each with whether a better one was left out before it."""
    taken: list[tuple[int, bool]] = []
    has_passed = False
    for row in drawn.best_first(user):
        rows = [row for row, _ in taken]
        if len(taken) < num_places and drawn.within_caps([*rows, row], CAPS):
            taken.append((row, has_passed))
        else:
            has_passed = True
    return taken


@given(grids, st.integers(1, 12))
def test_places_go_to_the_best_that_the_caps_let_in(drawn: Drawn, num_places: int) -> None:
    grid = drawn.grid()
    found = choose(grid, num_places=num_places, caps=CAPS)
    for user in range(drawn.num_users):
        columns, passed = found.column_UL[user], found.passed_UL[user]
        is_given = columns != ABSENT
        rows = grid.row_UC[user][columns[is_given]].tolist()
        assert list(zip(rows, passed[is_given].tolist(), strict=True)) == greedily(
            drawn, user, num_places
        )
        assert not is_given[is_given.argmin() :].any() or is_given.all()


@given(grids, st.integers(1, 12))
def test_counts_are_of_the_places_given(drawn: Drawn, num_places: int) -> None:
    grid = drawn.grid()
    found = choose(grid, num_places=num_places, caps=CAPS)
    for name in CAPS:
        for user in range(drawn.num_users):
            columns = found.column_UL[user][found.column_UL[user] != ABSENT]
            groups = grid.groups[name][user][columns].tolist()
            used = found.counts.used[name][user]
            assert all(used[group] == groups.count(group) for group in range(len(used)))


def test_without_caps_the_order_is_by_value() -> None:
    given = drawn(3)
    found = choose(given.grid(), num_places=5, caps={})
    assert not found.passed_UL.any()
    for user in range(given.num_users):
        most = min(5, len(given.best_first(user)))
        assert found.column_UL[user].tolist() == [*range(most), *[ABSENT] * (5 - most)]


@pytest.mark.parametrize("seed", range(3))
def test_a_cap_holds_over_slate_and_reserve_together(seed: int) -> None:
    given = drawn(seed)
    grid = given.grid()
    found = choose(grid, num_places=12, caps=CAPS)
    for user in range(given.num_users):
        columns = found.column_UL[user]
        assert given.within_caps(grid.row_UC[user][columns[columns != ABSENT]].tolist(), CAPS)
