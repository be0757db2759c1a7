import numpy as np
import pytest

from training.retrieval import products as module
from training.retrieval.products import in_blocks, products


def test_products_are_those_of_float64_and_of_the_user_alone() -> None:
    rng = np.random.default_rng(1)
    users_UD, items_ID = (rng.standard_normal((n, 33)).astype(np.float32) for n in (5, 2500))

    whole = products(users_UD, items_ID)

    exact = users_UD.astype(np.float64) @ items_ID.T.astype(np.float64)
    np.testing.assert_allclose(whole, exact, atol=1e-4)
    alone = np.vstack([products(one[None], items_ID) for one in users_UD])
    np.testing.assert_array_equal(whole, alone)


def test_nobody_and_nothing_have_a_shape() -> None:
    assert products(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert products(np.zeros((2, 0)), np.zeros((3, 0))).tolist() == [[0.0] * 3] * 2


def test_products_in_blocks_are_those_of_float64_and_of_the_user_alone() -> None:
    rng = np.random.default_rng(2)
    users_UD = rng.standard_normal((150, 300)).astype(np.float32)
    items_DI = rng.standard_normal((300, 999)).astype(np.float32)

    whole = in_blocks(users_UD, items_DI)

    exact = users_UD.astype(np.float64) @ items_DI.astype(np.float64)
    np.testing.assert_allclose(whole, exact, atol=1e-3)
    turned = in_blocks(users_UD[::-1], items_DI)[::-1]
    np.testing.assert_array_equal(whole, turned)
    alone = np.vstack([in_blocks(users_UD[n : n + 1], items_DI) for n in (0, 77, 149)])
    np.testing.assert_array_equal(whole[[0, 77, 149]], alone)


def test_where_blas_rounds_rows_differently_it_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    users_UD, items_DI = (rng.standard_normal(s).astype(np.float32) for s in ((9, 50), (50, 77)))
    monkeypatch.setattr(module, "_is_alike", lambda width, num_items: False)

    np.testing.assert_array_equal(in_blocks(users_UD, items_DI), products(users_UD, items_DI.T))


def test_nobody_in_blocks_has_a_shape() -> None:
    assert in_blocks(np.zeros((0, 4)), np.zeros((4, 3))).shape == (0, 3)
    assert in_blocks(np.zeros((2, 0)), np.zeros((0, 3))).tolist() == [[0.0] * 3] * 2
