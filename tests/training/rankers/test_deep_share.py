"""What processes that learn together tell one another; here they are threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

import torch
from torch.distributed import HashStore, ProcessGroupGloo
from torch.sparse import check_sparse_tensor_invariants

from training.rankers.deep_share import ALONE, Share, TornApartError

Found = TypeVar("Found")


@pytest.fixture(scope="module")
def both() -> Sequence[Share]:
    store = HashStore()
    with ThreadPoolExecutor(2) as pool:
        groups = pool.map(lambda rank: ProcessGroupGloo(store, rank, 2), range(2))
        return [Share(rank, 2, group) for rank, group in enumerate(groups)]


@pytest.fixture(autouse=True)
def _unchecked() -> Iterator[None]:
    with check_sparse_tensor_invariants(False):
        yield


def _at_once(asked: Callable[[Share], Found], both: Sequence[Share]) -> list[Found]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(asked, both))


def _weight(grad: torch.Tensor | None) -> torch.Tensor:
    weight = torch.zeros(4, 1, requires_grad=True)
    weight.grad = grad
    return weight


def _of_codes(codes: list[int]) -> torch.Tensor:
    size = (len(codes), 1)
    return torch.sparse_coo_tensor(torch.tensor([codes]).long(), torch.ones(size), (4, 1))


def test_every_user_is_worked_on_once_and_too_few_leave_a_process_nothing() -> None:
    user_U = torch.tensor([4, 9, 2, 7, 5])

    parts = [Share(rank, 3).users(user_U).tolist() for rank in range(3)]

    assert parts == [[4, 7], [9, 5], [2]]
    assert [len(Share(rank, 3).users(user_U[:1])) for rank in range(3)] == [1, 0, 0]
    assert torch.equal(ALONE.users(user_U), user_U)


def test_the_first_goes_on_drawing_and_others_draw_apart() -> None:
    drawn = []
    for rank in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            torch.rand(2)
            Share(rank, 3).draw_apart()
            drawn.append(tuple(torch.rand(2).tolist()))

    torch.manual_seed(7)
    assert drawn[0] == tuple(torch.rand(4)[2:].tolist())
    assert len(set(drawn)) == 3


def test_sums_are_the_same_everywhere_and_leave_what_was_given(both: Sequence[Share]) -> None:
    given = torch.tensor([0.1, 2.0])

    sums = _at_once(lambda share: share.add_up(given * (share.rank + 1)), both)

    assert torch.equal(sums[0], sums[1])
    torch.testing.assert_close(sums[0], torch.tensor([0.3, 6.0]))
    assert ALONE.add_up(given) is given


def test_slopes_are_added_up_be_they_dense_sparse_or_found_by_one_alone(
    both: Sequence[Share],
) -> None:
    def added(share: Share) -> list[torch.Tensor | None]:
        is_first = share.rank == 0
        given = [
            torch.full((4, 1), 1.0 + share.rank),
            torch.ones(4, 1) if is_first else None,
            None,
            _of_codes([0, 2] if is_first else [2, 3]).coalesce(),
            _of_codes([1] if is_first else []).coalesce(),
        ]
        weights = [_weight(grad) for grad in given]
        share.add_up_gradients(weights)
        return [weight.grad for weight in weights]

    for everywhere, by_one, nowhere, sparse, sparse_by_one in _at_once(added, both):
        assert everywhere.flatten().tolist() == [3, 3, 3, 3]
        assert by_one.flatten().tolist() == [1, 1, 1, 1]
        assert nowhere is None
        assert sparse.is_coalesced()
        assert sparse.indices().tolist() == [[0, 2, 3]]
        assert sparse.values().flatten().tolist() == [1, 2, 1]
        assert sparse_by_one.to_dense().flatten().tolist() == [0, 1, 0, 0]


def test_weights_that_differ_in_their_last_bit_are_refused(both: Sequence[Share]) -> None:
    def refused(share: Share, step: float) -> bool:
        other = torch.ones(3)
        other[1] += step * share.rank
        try:
            share.refuse_unless_alike([torch.zeros(2), other])
        except TornApartError:
            return True
        return False

    assert _at_once(lambda share: refused(share, 0.0), both) == [False, False]
    assert any(_at_once(lambda share: refused(share, 2e-7), both))
    ALONE.refuse_unless_alike([torch.ones(3)])
