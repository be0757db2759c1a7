from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from training.encode import EncoderConfig, fit
from training.inputs import NUMERIC, WORDS, Inputs


def given(*words: str | None, dictionary: Sequence[str] | None = None) -> Inputs:
    """Rows that differ in the first word feature; the others are never known."""
    nothing = pa.array([None] * len(words), pa.string()).dictionary_encode()
    first = pa.array(words, pa.string()).dictionary_encode()
    if dictionary is not None:
        places = [None if word is None else dictionary.index(word) for word in words]
        first = pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), list(dictionary))
    numbers = np.full((len(words), len(NUMERIC)), 7, np.float32)
    words_of = {**dict.fromkeys(WORDS, nothing), WORDS[0]: first}
    return Inputs(numbers, words_of, np.arange(len(words)))


def codes(matrix_NF: np.ndarray) -> list[float | None]:
    return [None if np.isnan(code) else code for code in matrix_NF[:, len(NUMERIC)].tolist()]


def test_frequent_words_come_first_and_ties_go_by_the_word() -> None:
    batches = [given("b", "b", "c"), given("c", "a", "a"), given("d", "d", "d", None)]
    encoder = fit(batches, EncoderConfig(min_count=1, max_words=10), numeric=NUMERIC)
    assert encoder.vocabularies[WORDS[0]] == ("d", "a", "b", "c")


def test_rare_words_and_those_beyond_the_limit_get_no_number() -> None:
    rows = given(*"aaa", *"bb", *"cc", "d")
    assert fit([rows], EncoderConfig(min_count=2), numeric=NUMERIC).vocabularies[WORDS[0]] == (
        "a",
        "b",
        "c",
    )
    limited = fit([rows], EncoderConfig(min_count=2, max_words=2), numeric=NUMERIC)
    assert limited.vocabularies[WORDS[0]] == ("a", "b")


def test_a_word_that_holds_what_parts_words_in_files_gets_no_number() -> None:
    rows = given("a", "b\0c", "b\0c", "a")
    encoder = fit([rows], EncoderConfig(min_count=1), numeric=NUMERIC)
    assert encoder.vocabularies[WORDS[0]] == ("a",)


def test_rare_unknown_and_absent_words_are_missing_to_the_model() -> None:
    encoder = fit([given(*"aabbc")], EncoderConfig(min_count=2), numeric=NUMERIC)
    assert codes(encoder.matrix(given("b", "c", "new", None, "a"))) == [1, None, None, None, 0]


@pytest.mark.parametrize("dictionary", [["a", "b"], ["b", "a"], ["x", "b", "y", "a"]])
def test_a_words_number_does_not_depend_on_how_its_batch_wrote_it(dictionary: list[str]) -> None:
    encoder = fit([given(*"aab")], EncoderConfig(min_count=1), numeric=NUMERIC)
    rows = given("a", "b", None, "b", dictionary=dictionary)
    assert codes(encoder.matrix(rows)) == [0, 1, None, 1]


def test_the_matrix_has_the_numbers_as_they_are_and_a_name_and_type_a_column() -> None:
    encoder = fit([given("a")], EncoderConfig(min_count=1), numeric=NUMERIC)
    matrix_NF = encoder.matrix(given("a", "b"))
    assert matrix_NF.shape == (2, len(encoder.names)) == (2, len(encoder.types))
    assert (matrix_NF[:, : len(NUMERIC)] == 7).all()
    assert encoder.types == ["q"] * len(NUMERIC) + ["c"] * len(WORDS)


def test_numbers_that_may_not_be_read_are_no_columns() -> None:
    read = (NUMERIC[5], NUMERIC[2])
    encoder = fit([given("a")], EncoderConfig(min_count=1), numeric=read)
    rows = given("a", "a")
    numbers = np.arange(2 * len(NUMERIC), dtype=np.float32).reshape(2, -1)
    matrix_NF = encoder.matrix(replace(rows, numeric_NF=numbers))
    assert encoder.names == [*read, *WORDS]
    assert matrix_NF[:, :2].tolist() == numbers[:, [5, 2]].tolist()
