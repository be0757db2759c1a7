import numpy as np
import pyarrow as pa

from etl.tables import EXAMPLES
from training.inputs import NUMERIC, WORDS, Inputs, from_table, numbers


def some_inputs() -> Inputs:
    """Three rows; the first number is unknown in the second row, the first word in the third."""
    numeric_NF = np.arange(3 * len(NUMERIC), dtype=np.float32).reshape(3, -1)
    numeric_NF[1, 0] = np.nan
    words = {name: pa.array(["a", "b", "a"]).dictionary_encode() for name in WORDS}
    words[WORDS[0]] = pa.array(["a", "b", None]).dictionary_encode()
    return Inputs(numeric_NF, words, np.array([7, 8, 9]))


def table_of(given: Inputs) -> pa.Table:
    """Examples of what is given."""
    return pa.table({"item_no": given.item_N, **given.columns()})


def test_features_come_back_from_a_table_as_they_were() -> None:
    given = some_inputs()
    back = from_table(table_of(given), np.arange(3))
    np.testing.assert_array_equal(back.numeric_NF, given.numeric_NF)
    assert [back.words[n].to_pylist() for n in WORDS] == [given.words[n].to_pylist() for n in WORDS]


def test_rows_stand_in_the_order_asked_for() -> None:
    given, order = some_inputs(), np.array([2, 0, 1])
    back, wanted = from_table(table_of(given), order), given.taken(order)
    np.testing.assert_array_equal(back.numeric_NF, wanted.numeric_NF)
    assert [back.words[n].to_pylist() for n in WORDS] == [
        wanted.words[n].to_pylist() for n in WORDS
    ]
    assert back.item_N.tolist() == [9, 7, 8]


def test_numbers_that_were_taken_out_in_parts_come_to_their_rows() -> None:
    given, order = some_inputs(), np.array([2, 0, 1])
    rows = table_of(given)
    parts = [numbers(rows.slice(0, 2)), numbers(rows.slice(2))]
    back = from_table(rows.drop_columns(NUMERIC), order, parts)
    np.testing.assert_array_equal(back.numeric_NF, given.taken(order).numeric_NF)
    assert parts == []


def test_what_is_not_known_is_null_in_a_table() -> None:
    columns = some_inputs().columns()
    assert columns[NUMERIC[0]].to_pylist() == [0.0, None, 2.0 * len(NUMERIC)]
    assert columns[WORDS[0]].to_pylist() == ["a", "b", None]


def test_a_ranker_reads_every_feature_column_of_examples_and_no_other() -> None:
    names = EXAMPLES["product_feed"].column_names
    features = names[names.index("sampling_weight") + 1 :]
    assert [*WORDS, *NUMERIC] == [*features, "position"]
    assert "position" in names


def test_a_day_without_examples_gives_no_rows() -> None:
    assert len(from_table(table_of(some_inputs()).slice(0, 0), np.arange(0))) == 0
