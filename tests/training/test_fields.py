import numpy as np
import pyarrow as pa
import pytest

from training import fields
from training.codes import CodesConfig
from training.encode import EncoderConfig
from training.fields import Fields, FieldsConfig
from training.inputs import Inputs, Layout

LAYOUT = Layout(("price", "age"), ("colour",))
CONFIG = FieldsConfig(num_bins=4, words=EncoderConfig(min_count=2), items=CodesConfig(min_count=2))


def inputs(price: list[float], colour: list[str | None], item: list[int]) -> Inputs:
    numbers = np.stack([price, np.full(len(price), np.nan)], axis=1).astype(np.float32)
    words = {"colour": pa.array(colour, pa.string()).dictionary_encode()}
    return Inputs(numbers, words, np.array(item, np.int64), LAYOUT)


LEARNED = inputs(
    [1, 2, 3, 4, 5, 6, 7, 8],
    ["red", "red", "blue", "blue", "blue", "rare", None, "red"],
    [7, 7, 7, 9, 9, 1, 2, 3],
)


@pytest.fixture
def fitted() -> Fields:
    return fields.fit([LEARNED], CONFIG, numeric=LAYOUT.numeric)


def own(fitted: Fields, given: Inputs) -> np.ndarray:
    """Values as numbered within their own field."""
    return fitted.values(given) - (np.cumsum(fitted.size_F) - fitted.size_F)


def test_a_number_is_the_quantile_it_lies_in(fitted: Fields) -> None:
    found = own(fitted, inputs([0, 1, 2, 3, 6, 7, 99], [None] * 7, [0] * 7))[:, 0]

    assert found.tolist() == sorted(found.tolist())
    assert found[0] == found[1] == 1
    assert found[-1] == found[-2] == fitted.size_F[0] - 1
    counts = np.bincount(own(fitted, LEARNED)[:, 0])
    assert counts.tolist() == [0, 2, 2, 2, 2]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_no_number_is_too_strange_for_a_value(fitted: Fields, strange: float) -> None:
    found = fitted.values(inputs([strange], [None], [0]))

    assert ((found >= 0) & (found < fitted.num_values)).all()


def test_what_is_missing_rare_or_new_is_value_zero(fitted: Fields) -> None:
    found = own(fitted, inputs([np.nan] * 4, ["red", "rare", "new", None], [7, 1, 77, 9]))

    assert found[:, 0].tolist() == [0, 0, 0, 0]
    assert found[:, 1].tolist() == [0, 0, 0, 0]
    assert (found[:, 2] > 0).tolist() == [True, False, False, False]
    assert (found[:, 3] > 0).tolist() == [True, False, False, True]


def test_values_of_different_fields_never_meet(fitted: Fields) -> None:
    value_NF = fitted.values(LEARNED)

    by_field = [set(value_NF[:, f].tolist()) for f in range(value_NF.shape[1])]
    assert sum(map(len, by_field)) == len(set.union(*by_field))
    assert fitted.names == ("price", "age", "colour", "item")


def test_slopes_go_along_quantiles_of_mean_0_and_variance_1(fitted: Fields) -> None:
    along_N = fitted.quantile_V[fitted.values(LEARNED)[:, 0]]

    assert along_N.mean() == pytest.approx(0, abs=1e-6)
    assert along_N.var() == pytest.approx(1, abs=0.1)
    assert not fitted.quantile_V[fitted.values(LEARNED)[:, 1:]].any()


def test_written_rules_are_read_as_they_were(fitted: Fields) -> None:
    again = fields.of_arrays(fitted.arrays())

    np.testing.assert_array_equal(again.values(LEARNED), fitted.values(LEARNED))
    assert again.names == fitted.names
    assert again.layout == fitted.layout


def test_rules_without_words_or_numbers_are_read_as_they_were() -> None:
    empty = Layout((), ("colour",))
    words = {"colour": pa.array([None, None], pa.string()).dictionary_encode()}
    given = Inputs(np.empty((2, 0), np.float32), words, np.array([1, 2]), empty)
    made = fields.fit([given], CONFIG, numeric=())

    again = fields.of_arrays(made.arrays())

    np.testing.assert_array_equal(again.values(given), [[0, 1], [0, 1]])
