import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.arrow import distinct, is_in, order_by

SMALL = st.integers(0, 5)
WIDE = st.sampled_from([0, 1, 2**20, 2**31, 2**40])
NEGATIVE = st.integers(-3, 3)


@pytest.mark.parametrize("wide", [SMALL, WIDE, NEGATIVE], ids=["small", "wide", "negative"])
@pytest.mark.parametrize("is_ascending", [False, True], ids=["any", "ascending"])
def test_rows_are_ordered_as_python_orders_tuples(
    wide: st.SearchStrategy[int], *, is_ascending: bool
) -> None:
    @given(st.lists(st.tuples(wide, wide, SMALL), max_size=30))
    def check(rows: list[tuple[int, int, int]]) -> None:
        rows = sorted(rows, key=lambda row: row[0]) if is_ascending else rows
        keys = np.array(rows, np.int64).reshape(-1, 3).T

        found = order_by(*keys)

        assert found.tolist() == sorted(range(len(rows)), key=lambda place: rows[place])

    check()


@given(st.lists(WIDE | NEGATIVE), st.lists(WIDE | NEGATIVE))
def test_distinct_integers_are_those_of_a_set(one: list[int], other: list[int]) -> None:
    known = distinct(np.array(one, np.int64))

    assert known.tolist() == sorted(set(one))
    assert is_in(np.array(other, np.int64), known).tolist() == [n in set(one) for n in other]
