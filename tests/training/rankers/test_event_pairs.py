import numpy as np
import pytest

from training.rankers.event_pairs import EventPairs

PAIRS = EventPairs(num_newest=4, hash_bits=16)
EVENTS = np.array([[3, 7], [4, 7], [3, 0], [5, 8], [6, 9]], np.int32)
"""Two fields; a first user's four events, then a second one's only one."""


def places(*rows: tuple[list[int], int]) -> np.ndarray:
    """Where weights of candidates lie, each with the user (0, 1, or 2 who has no events)."""
    code_NG = np.array([code for code, _ in rows], np.int32)
    first_N = np.array([(0, 4, 0)[user] for _, user in rows])
    length_N = np.array([(4, 1, 0)[user] for _, user in rows])
    return PAIRS.places(code_NG, EVENTS, first_N, length_N)


def test_each_pair_has_a_weight_and_what_is_unknown_has_none_of_its_own() -> None:
    [row] = places(([1, 2], 0))

    assert row.dtype == np.int32
    assert row.shape == (8,)
    # Of the third event the second field is not known.
    assert np.flatnonzero(row == 0).tolist() == [5]
    assert ((row >= 0) & (row < PAIRS.size)).all()


def test_candidates_and_users_that_nothing_is_known_of_read_the_same_weight() -> None:
    nothing, nobody = places(([0, 0], 0), ([1, 2], 2))

    assert not nothing.any()
    assert not nobody.any()


def test_who_did_less_has_fewer_pairs() -> None:
    [row] = places(([1, 2], 1))

    assert np.flatnonzero(row).tolist() == [0, 1]


def test_a_pair_is_the_same_within_a_band_and_another_in_each_band_and_field() -> None:
    [row] = places(([1, 1], 0))
    events = np.array([[3, 3]] * 4, np.int32)
    [alike] = PAIRS.places(np.array([[1, 1]], np.int32), events, np.array([0]), np.array([4]))

    newest, second, third, fourth = alike.reshape(4, 2).tolist()
    assert second == third
    assert len({*newest, *second, *fourth}) == 6
    assert row[0] == newest[0]


@pytest.mark.parametrize("num_fields", [0, 2])
def test_without_fields_or_events_nothing_is_paired(num_fields: int) -> None:
    code_NG = np.ones((3, num_fields), np.int32)
    none = np.empty((0, num_fields), np.int32)

    found = PAIRS.places(code_NG, none, np.zeros(3, np.int64), np.zeros(3, np.int64))

    assert found.shape == (3, 4 * num_fields)
    assert not found.any()
