import pyarrow as pa
import pytest

from etl.drawn_users import are_drawn, user_hash

USERS = pa.array([f"user {number}" for number in range(4_000)])


@pytest.mark.parametrize("share", [0.01, 0.25, 0.9])
def test_as_many_are_drawn_as_asked_for(share: float) -> None:
    assert are_drawn(USERS, share).true_count == pytest.approx(share * len(USERS), abs=120)


def test_whoever_is_drawn_for_less_is_drawn_for_more() -> None:
    less, more = (are_drawn(USERS, share).to_numpy(zero_copy_only=False) for share in (0.2, 0.5))
    assert not (less & ~more).any()


def test_all_rows_of_a_user_go_together_whoever_else_is_there() -> None:
    drawn = are_drawn(USERS, 0.3)
    again = are_drawn(pa.concat_arrays([USERS[2_000:2_010], USERS[2_000:2_010]]), 0.3)
    assert again.to_pylist() == drawn[2_000:2_010].to_pylist() * 2


def test_no_rows_are_fine() -> None:
    assert are_drawn(pa.array([], pa.string()), 0.5).to_pylist() == []


def test_hashes_compare_as_their_numbers_do() -> None:
    hashes = [user_hash(user) for user in USERS.to_pylist()]
    assert sorted(hashes) == sorted(hashes, key=lambda one: int.from_bytes(one, "big"))
