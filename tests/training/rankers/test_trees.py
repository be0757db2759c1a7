import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn_arrays

from tests.training.rankers import conformance
from tests.training.rankers.conformance import SPLIT, days, unseen
from training import c_library
from training.encode import EncoderConfig
from training.rankers import gbdt, trees, trees_forest
from training.rankers.gbdt import GbdtConfig
from training.rankers.trees import Kernel, MismatchedFeaturesError
from training.rankers.trees_forest import Forest, UnknownTreesError

NUM_NUMERIC = 6
TYPES = ["q"] * NUM_NUMERIC + ["c"] * 2
NUM_CODES = (9, 300)
"""Codes of the two categories: of more than one word of a bit set, and of more than one split."""
PARAMS = {
    "objective": "binary:logistic",
    "base_score": 0.07,
    "eta": 0.4,
    "subsample": 0.7,
    "min_child_weight": 0.1,
    "nthread": 1,
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kernel]:
    compiler = c_library.compiler()
    if compiler is None:
        return {}
    folder = tmp_path_factory.mktemp("library")
    library = c_library.build(c_library.TREES, compiler, folder)
    return {one.name: one for one in trees.compiled(library)}


@pytest.fixture(params=["avx512f", "avx2", "portable"])
def kernel(kernels: dict[str, Kernel], request: pytest.FixtureRequest) -> Kernel:
    if request.param not in kernels:
        pytest.skip(f"no C compiler, or this processor lacks {request.param}")
    return kernels[request.param]


def rows(num: int, seed: int) -> np.ndarray:
    """Rows of whole and other numbers, codes, and gaps."""
    rng = np.random.default_rng(seed)
    row_NF = rng.normal(size=(num, len(TYPES))).astype(np.float32)
    row_NF[:, 1:3] = rng.integers(-3, 4, (num, 2))
    for column, codes in enumerate(NUM_CODES, start=NUM_NUMERIC):
        row_NF[:, column] = rng.integers(0, codes, num)
    row_NF[rng.random(row_NF.shape) < 0.15] = np.nan
    return row_NF


def grown(num_trees: int = 12, *, seed: int = 1, **params: object) -> xgb.Booster:
    row_NF = rows(1500, seed)
    rng = np.random.default_rng(seed)
    liked = np.nan_to_num(row_NF[:, 1] * row_NF[:, 0]) + np.isnan(row_NF[:, 2])
    liked += np.nan_to_num(row_NF[:, NUM_NUMERIC:] % 3).sum(axis=1)
    label = liked + rng.normal(size=len(row_NF)) > 3
    given = xgb.DMatrix(row_NF, label, feature_types=TYPES, enable_categorical=True, nthread=1)
    return xgb.train(PARAMS | {"seed": seed} | params, given, num_trees)


def asked(heads: dict[str, xgb.Booster], num: int = 397) -> np.ndarray:
    """Rows nobody learned from: thresholds and their neighbours, infinities, unknown codes."""
    rng = np.random.default_rng(9)
    row_NF = rows(num, 99)
    for head in heads.values():
        read = head.trees_to_dataframe()[["Feature", "Split"]].dropna()
        for name, split in read.itertuples(index=False):
            at = rng.integers(0, num)
            row_NF[at, int(name[1:])] = np.nextafter(np.float32(split), rng.choice([-9e9, split]))
    odd = np.array([np.inf, -np.inf, -1, -0.5, -0.0, 2.7, 9, 31, 32, 299.5, 300, 1e9, 2**24])
    is_odd = rng.random(row_NF.shape) < 0.1
    row_NF[is_odd] = rng.choice(odd, is_odd.sum())
    return row_NF


def the_same(heads: dict[str, xgb.Booster], row_NF: np.ndarray, kernel: Kernel) -> None:
    found = trees.predicted(row_NF, heads, trees_forest.of_heads(heads.values()), kernel)

    assert list(found) == list(heads)
    for task, head in heads.items():
        wanted = head.inplace_predict(row_NF)
        np.testing.assert_array_equal(found[task], wanted, strict=True)


@pytest.mark.parametrize("depth", range(1, trees_forest.MAX_DEPTH + 1))
def test_chances_are_xgboosts_to_the_last_bit(kernel: Kernel, depth: int) -> None:
    heads = {"click": grown(max_depth=depth)}

    the_same(heads, asked(heads), kernel)


def test_categories_of_all_kinds_go_where_xgboost_sends_them(kernel: Kernel) -> None:
    by_set = grown(40, max_depth=4)
    one_hot = grown(40, max_depth=4, max_cat_to_onehot=1000)
    read = by_set.get_score()
    assert read.keys() >= {"f6", "f7"}
    assert len(trees_forest.of_heads([by_set]).group_G) > 2

    heads = {"sets": by_set, "words": one_hot}

    the_same(heads, asked(heads), kernel)


def test_heads_of_other_sizes_and_bases_stand_side_by_side(kernel: Kernel) -> None:
    heads = {
        "click": grown(max_depth=5),
        "order": grown(30, seed=2, max_depth=3, base_score=0.731),
        "watch": grown(1, seed=3, max_depth=2, base_score=1e-6),
    }

    the_same(heads, asked(heads), kernel)


def test_trees_of_one_leaf_and_lopsided_ones_are_read(kernel: Kernel) -> None:
    heads = {
        "leaves": grown(3, gamma=1e9),
        "lopsided": grown(grow_policy="lossguide", max_leaves=7, max_depth=8),
        "pruned": grown(gamma=3.0, max_depth=6),
    }
    depth_T = trees_forest.of_heads(heads.values()).depth_T
    assert depth_T[:3].tolist() == [0, 0, 0]

    the_same(heads, asked(heads), kernel)


@pytest.mark.parametrize("num_rows", [1, 7, 8, 31, 32, 33, 65])
def test_any_number_of_rows_is_scored(kernel: Kernel, num_rows: int) -> None:
    heads = {"click": grown(max_depth=3)}

    the_same(heads, rows(num_rows, 5), kernel)


def test_no_rows_have_no_chances(kernel: Kernel) -> None:
    heads = {"click": grown(2, max_depth=2)}
    forest = trees_forest.of_heads(heads.values())

    found = trees.predicted(np.empty((0, len(TYPES)), np.float32), heads, forest, kernel)

    assert found["click"].shape == (0,)


def test_bases_and_margins_of_any_size_come_out_alike(kernel: Kernel) -> None:
    bases = np.random.default_rng(4).beta(0.3, 0.3, 40).clip(1e-6, 1 - 1e-6).tolist()
    heads = {str(base): grown(1, base_score=base, max_depth=1) for base in bases}
    heads["far"] = grown(60, eta=50.0, max_depth=3, **{"lambda": 0.0})

    the_same(heads, asked({"far": heads["far"]}), kernel)


@pytest.fixture(scope="module")
def a_head() -> tuple[xgb.Booster, Forest]:
    head = grown(max_depth=5)
    return head, trees_forest.of_heads([head])


@given(
    drawn_arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.just(len(TYPES))),
        elements=st.one_of(
            st.floats(width=32), st.integers(-4, 310).map(float), st.just(float("nan"))
        ),
        fill=st.nothing(),
    )
)
def test_whatever_is_asked_is_answered_alike(
    kernels: dict[str, Kernel], a_head: tuple[xgb.Booster, Forest], row_NF: np.ndarray
) -> None:
    head, forest = a_head
    wanted = head.inplace_predict(row_NF)
    for kernel in kernels.values():
        found = trees.predicted(row_NF, {"click": head}, forest, kernel)
        np.testing.assert_array_equal(found["click"], wanted, strict=True)


def test_rows_of_other_features_are_refused(kernel: Kernel) -> None:
    heads = {"click": grown(1)}
    forest = trees_forest.of_heads(heads.values())

    with pytest.raises(MismatchedFeaturesError, match="trees of 8 features got rows of 7"):
        trees.predicted(np.zeros((3, 7), np.float32), heads, forest, kernel)


def test_a_ranker_scores_alike_with_and_without_the_kernel(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = GbdtConfig(num_rounds=5, max_depth=3, encoder=EncoderConfig(min_count=10))
    files = gbdt.fit(days, SPLIT, config, 7).save()
    asked = unseen().batch.given

    monkeypatch.setattr(trees, "in_use", lambda: kernel)
    ours = gbdt.load(files).score(asked)
    monkeypatch.setattr(trees, "in_use", lambda: None)
    xgboosts = gbdt.load(files).score(asked)

    conformance.same_scores(ours, xgboosts)


UNKNOWN = {
    "deeper": {"max_depth": trees_forest.MAX_DEPTH + 1, "min_child_weight": 0, "lambda": 0},
    "dart": {"booster": "dart", "rate_drop": 0.5},
    "of a mean": {"objective": "reg:squarederror"},
    "of classes": {"objective": "multi:softprob", "num_class": 2, "base_score": 0.5},
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_trees_of_other_kinds_are_left_to_xgboost(kind: str) -> None:
    head, row_NF = grown(4, **UNKNOWN[kind]), rows(9, 2)

    with pytest.raises(UnknownTreesError):
        trees_forest.of_heads([head])
    forest = trees.forest({"click": head})
    found = trees.predicted(row_NF, {"click": head}, forest)

    assert forest is None
    np.testing.assert_array_equal(found["click"], head.inplace_predict(row_NF))
