import numpy as np
from hypothesis import given

from scoring.grid import ABSENT, layout
from tests.scoring.drawn_grids import Drawn, grids


@given(grids)
def test_each_users_candidates_stand_best_first(drawn: Drawn) -> None:
    grid = drawn.grid()
    for user in range(drawn.num_users):
        row = grid.row_UC[user]
        expected = drawn.best_first(user)
        assert row[: len(expected)].tolist() == expected
        assert (row[len(expected) :] == ABSENT).all()


@given(grids)
def test_groups_are_equal_where_the_codes_are(drawn: Drawn) -> None:
    grid = drawn.grid()
    for name, code_R in drawn.groups.items():
        for user in range(drawn.num_users):
            rows = grid.row_UC[user]
            own = grid.groups[name][user][rows != ABSENT]
            codes = code_R[rows[rows != ABSENT]]
            assert ((own == ABSENT) == (codes == -1)).all()
            pairs = {(a, b) for a, b in zip(own.tolist(), codes.tolist(), strict=True) if b != -1}
            assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
            assert all(0 <= a < grid.row_UC.shape[1] for a, _ in pairs)


def test_nobody_with_candidates_gives_an_empty_grid() -> None:
    nothing = np.empty(0, np.int64)
    grid = layout(nothing, nothing, nothing * 1.0, groups={"cap": nothing}, num_users=3)
    assert grid.row_UC.shape == (3, 0)
    assert not grid.is_there_UC.any()
