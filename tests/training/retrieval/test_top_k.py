from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import c_library
from training.retrieval import top_k
from training.retrieval.interactions import Interactions
from training.retrieval.top_k import NO_ITEM, Kernel, Masks, MismatchedQueryError, Query

NUM_ITEMS = 1501
"""More than a tile of each kernel, and no multiple of anything."""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kernel]:
    found = {top_k.NUMBA: top_k.of_numba()}
    compiler = c_library.compiler()
    if compiler is not None:
        library = c_library.build(c_library.TOP_K, compiler, tmp_path_factory.mktemp("library"))
        found |= {one.name: one for one in top_k.compiled(library)}
    return found


@pytest.fixture(params=["numba", "avx512f", "avx2", "portable"])
def kernel(kernels: dict[str, Kernel], request: pytest.FixtureRequest) -> Kernel:
    if request.param not in kernels:
        pytest.skip(f"no C compiler, or this processor lacks {request.param}")
    return kernels[request.param]


def drawn(num_users: int, width: int, *, seed: int = 5) -> Query:
    """Vectors of few whole numbers: sums are exact, and ties are many."""
    rng = np.random.default_rng(seed)
    user_UD = rng.integers(-2, 3, (num_users, width)).astype(np.float32)
    item_ID = rng.integers(-2, 3, (NUM_ITEMS, width)).astype(np.float32)
    seen = [rng.integers(0, NUM_ITEMS, rng.integers(0, 400)).tolist() for _ in range(num_users)]
    histories = Interactions.of(seen, num_items=NUM_ITEMS)
    return Query(user_UD, item_ID, Masks(histories, rng.random(NUM_ITEMS) < 0.8))


def plain(query: Query, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort all scores of each user."""
    scores_UI = query.user_UD.astype(np.float64) @ query.item_ID.T.astype(np.float64)
    histories, allowed = query.masks.histories, query.masks.is_allowed_I
    if histories is not None:
        scores_UI[histories.row_N, histories.item_N] = np.nan
    if allowed is not None:
        scores_UI[:, ~allowed] = np.nan
    item_UK = np.full((len(scores_UI), num_items), NO_ITEM)
    score_UK = np.full(item_UK.shape, -np.inf)
    for user, scores in enumerate(scores_UI):
        there = np.flatnonzero(~np.isnan(scores))
        best = there[np.argsort(-scores[there], kind="stable")][:num_items]
        item_UK[user, : len(best)], score_UK[user, : len(best)] = best, scores[best]
    return item_UK, score_UK


@pytest.mark.parametrize(
    ("num_users", "width", "num_items"),
    [(1, 1, 1), (70, 5, 10), (65, 64, 100), (3, 200, 700), (600, 3, 20), (9, 4, NUM_ITEMS + 9)],
)
def test_the_best_are_those_of_sorting_everything(
    kernel: Kernel, num_users: int, width: int, num_items: int
) -> None:
    query = drawn(num_users, width)

    found = top_k.top_k(query, num_items=num_items, kernel=kernel)

    for one, wanted in zip(found, plain(query, num_items), strict=True):
        np.testing.assert_array_equal(one, wanted)


def test_nothing_is_masked_where_no_mask_is_given(kernel: Kernel) -> None:
    query = replace(drawn(5, 8), masks=Masks())

    found = top_k.top_k(query, num_items=30, kernel=kernel)

    np.testing.assert_array_equal(found[0], plain(query, 30)[0])


def test_scores_that_rise_with_the_item_are_sorted_all_the_same(kernel: Kernel) -> None:
    rising = np.arange(NUM_ITEMS, dtype=np.float32)[:, None]
    query = Query(np.array([[1], [-1]], np.float32), rising)

    item_UK, score_UK = top_k.top_k(query, num_items=150, kernel=kernel)

    np.testing.assert_array_equal(item_UK[0], np.arange(NUM_ITEMS - 1, NUM_ITEMS - 151, -1))
    np.testing.assert_array_equal(item_UK[1], np.arange(150))
    np.testing.assert_array_equal(score_UK[1], -np.arange(150))


def test_a_user_is_listed_alike_in_any_company(kernel: Kernel) -> None:
    rng = np.random.default_rng(11)
    user_UD = rng.standard_normal((601, 37)).astype(np.float32)
    item_ID = rng.standard_normal((NUM_ITEMS, 37)).astype(np.float32)
    item_UK, score_UK = top_k.top_k(Query(user_UD, item_ID), num_items=40, kernel=kernel)

    for users in ([600], [0, 600, 3], list(range(600, 400, -1))):
        found = top_k.top_k(Query(user_UD[users], item_ID), num_items=40, kernel=kernel)
        np.testing.assert_array_equal(found[0], item_UK[users])
        np.testing.assert_array_equal(found[1], score_UK[users])


def test_an_item_scores_alike_whatever_else_may_be_listed(kernel: Kernel) -> None:
    rng = np.random.default_rng(12)
    user_UD = rng.standard_normal((3, 50)).astype(np.float32)
    item_ID = rng.standard_normal((NUM_ITEMS, 50)).astype(np.float32)
    allowed = rng.random(NUM_ITEMS) < 0.5
    whole = top_k.top_k(Query(user_UD, item_ID), num_items=NUM_ITEMS, kernel=kernel)
    score_of = np.empty((3, NUM_ITEMS), np.float32)
    np.put_along_axis(score_of, whole[0].astype(np.int64), whole[1], axis=1)

    masked = Query(user_UD, item_ID, Masks(is_allowed_I=allowed))
    item_UK, score_UK = top_k.top_k(masked, num_items=100, kernel=kernel)

    assert allowed[item_UK].all()
    np.testing.assert_array_equal(np.take_along_axis(score_of, item_UK, axis=1), score_UK)


def test_the_kernels_of_c_agree_bit_for_bit(kernels: dict[str, Kernel]) -> None:
    if not {"avx2", "avx512f"} <= kernels.keys():
        pytest.skip("no C compiler, or this processor lacks AVX-512")
    rng = np.random.default_rng(13)
    query = Query(*(rng.standard_normal((n, 64)).astype(np.float32) for n in (80, NUM_ITEMS)))

    wide, narrow = (
        top_k.top_k(query, num_items=60, kernel=kernels[name]) for name in ("avx512f", "avx2")
    )

    np.testing.assert_array_equal(wide[0], narrow[0])
    np.testing.assert_array_equal(wide[1], narrow[1])


def test_what_is_not_known_is_not_listed(kernel: Kernel) -> None:
    query = drawn(4, 6)
    query.user_UD[1] = np.nan
    query.item_ID[::2, 3] = np.nan
    query.item_ID[1] = -np.inf

    item_UK, score_UK = top_k.top_k(query, num_items=NUM_ITEMS, kernel=kernel)

    assert (item_UK[1] == NO_ITEM).all()
    assert np.isneginf(score_UK[1]).all()
    listed = item_UK[[0, 2, 3]]
    assert (listed[listed != NO_ITEM] % 2 == 1).all()
    assert not np.isnan(score_UK).any()


def test_what_does_not_fit_together_is_refused() -> None:
    query = drawn(3, 4)
    for odd, name in (
        (replace(query, user_UD=query.user_UD[:2]), "users"),
        (replace(query, user_UD=query.user_UD[:, :3]), "numbers"),
        (replace(query, masks=Masks(is_allowed_I=np.ones(NUM_ITEMS + 1, bool))), "items"),
    ):
        with pytest.raises(MismatchedQueryError, match=name):
            top_k.top_k(odd, num_items=2)


def test_vectors_of_no_numbers_say_nothing(kernel: Kernel) -> None:
    query = Query(np.empty((2, 0), np.float32), np.empty((3, 0), np.float32))

    item_UK, _ = top_k.top_k(query, num_items=2, kernel=kernel)

    assert (item_UK == NO_ITEM).all()


@given(st.lists(st.floats(-4, 4, width=16), max_size=30), st.integers(1, 8))
def test_signs_zeros_and_few_items_are_ordered(values: list[float], num_items: int) -> None:
    item_ID = np.array(values, np.float32).reshape(-1, 1)
    query = Query(np.ones((1, 1), np.float32), item_ID)

    found = top_k.top_k(query, num_items=num_items, kernel=top_k.of_numba())

    np.testing.assert_array_equal(found[0], plain(query, num_items)[0])


def test_zeros_of_both_signs_are_a_tie(kernel: Kernel) -> None:
    query = Query(np.ones((1, 1), np.float32), np.array([[-0.0], [0.0], [-0.0]], np.float32))

    item_UK, _ = top_k.top_k(query, num_items=3, kernel=kernel)

    assert item_UK.tolist() == [[0, 1, 2]]
