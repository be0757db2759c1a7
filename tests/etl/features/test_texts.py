import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from etl.features.texts import words_of


def said(*texts: str | None) -> list[list[str]]:
    text, words = words_of(pa.chunked_array([pa.array(texts, pa.string())]))
    pairs = list(zip(text.tolist(), words.to_pylist(), strict=True))
    return [[word for at, word in pairs if at == n] for n in range(len(texts))]


def test_a_word_is_a_run_of_letters_and_digits_in_lower_case() -> None:
    assert said("Red-SHOES, size 42!", "  ", None) == [["red", "shoes", "size", "42"], [], []]


def test_what_looks_alike_is_alike() -> None:
    # Composed and decomposed, full width and plain.
    assert said("É", "E\u0301") == [["é"], ["é"]]
    assert said("ＡＢ", "ab") == [["ab"], ["ab"]]


def test_words_of_any_script_are_words() -> None:
    assert said("Кроссовки 靴", "हिन्दी") == [["кроссовки", "靴"], ["हिन्दी"]]


@given(st.lists(st.none() | st.text(max_size=30), max_size=5))
def test_a_text_has_the_words_that_it_has_alone(texts: list[str | None]) -> None:
    assert said(*texts) == [said(text)[0] for text in texts]
    assert all(word == word.lower() and " " not in word for own in said(*texts) for word in own)
