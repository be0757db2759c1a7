import numpy as np

from training import codes as known_codes
from training.codes import MISSING, Codes, CodesConfig

_BLOCKS = [np.array([7, 7, 3, MISSING]), np.array([[3, 9], [5, 7]]), np.array([MISSING, MISSING])]


def test_frequent_ids_have_codes_and_others_are_unknown() -> None:
    codes = known_codes.fit(_BLOCKS, CodesConfig(min_count=2))

    np.testing.assert_array_equal(
        codes.of(np.array([3, 7, 5, 9, 1000, MISSING])),
        np.array([1, 2, 0, 0, 0, 0], np.int32),
        strict=True,
    )
    assert codes.size == 3


def test_the_most_frequent_are_kept_and_ties_go_by_the_id() -> None:
    codes = known_codes.fit(_BLOCKS, CodesConfig(min_count=1, max_known=3))

    assert codes.known_K.tolist() == [3, 5, 7]


def test_rare_ids_share_codes_where_that_is_asked_for() -> None:
    codes = known_codes.fit(_BLOCKS, CodesConfig(min_count=2, num_hashed=4))
    others = np.arange(100, 1100)

    shared = codes.of(others)

    assert codes.size == 7
    assert set(shared.tolist()) == {3, 4, 5, 6}
    np.testing.assert_array_equal(codes.of(others), shared)
    assert np.bincount(shared)[3:].min() > 200
    assert codes.of(np.array([MISSING, 3, 7])).tolist() == [0, 1, 2]


def test_nothing_counted_knows_nothing() -> None:
    codes = known_codes.fit([], CodesConfig())

    assert codes.size == 1
    assert codes.of(np.array([[4, MISSING]])).tolist() == [[0, 0]]
    assert isinstance(codes, Codes)
