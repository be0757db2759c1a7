from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from training import array_file

ARRAYS = {
    "numbers": np.array([1.5, np.nan, -2.0], np.float32),
    "nothing": np.empty(0, np.int64),
    "words": pa.array(["a", "", "ß"]),
}


def test_arrays_of_any_length_come_back_as_they_were(tmp_path: Path) -> None:
    read = array_file.read(array_file.write(ARRAYS, tmp_path / "new"))

    assert list(read) == list(ARRAYS)
    np.testing.assert_array_equal(array_file.numbers(read["numbers"]), ARRAYS["numbers"])
    assert array_file.numbers(read["nothing"]).dtype == np.int64
    assert read["words"].to_pylist() == ["a", "", "ß"]


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    one, again = (array_file.write(ARRAYS, tmp_path) for _ in range(2))
    other = array_file.write({**ARRAYS, "nothing": np.zeros(1, np.int64)}, tmp_path)

    assert one == again
    assert other != one
    assert len(list(tmp_path.iterdir())) == 2


def test_numbers_are_views_of_the_file_and_cannot_be_written(tmp_path: Path) -> None:
    view = array_file.numbers(array_file.read(array_file.write(ARRAYS, tmp_path))["numbers"])
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 9
