import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from training import spill
from training.spill import spilled

NUMBERS = np.arange(60_000, dtype=np.float32).reshape(-1, 3)
WORDS = pa.array(["red", None, "blue"] * 40_000).dictionary_encode()


@dataclass(frozen=True)
class Value:
    numbers: np.ndarray
    words: Mapping[str, pa.DictionaryArray]
    name: str
    inner: "Value | None" = None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def is_mapped(array: np.ndarray) -> bool:
    return isinstance(array.base, np.memmap)


@pytest.mark.usefixtures("folder")
def test_a_value_is_the_same_on_disk() -> None:
    whole = Value(NUMBERS, {"colour": WORDS}, "a", Value(NUMBERS[:, 1], {}, "b"))

    found = spilled(whole)

    assert is_mapped(found.numbers)
    assert np.array_equal(found.numbers, NUMBERS)
    assert found.words["colour"].equals(WORDS)
    assert found.inner is not None
    assert np.array_equal(found.inner.numbers, NUMBERS[:, 1])
    assert (found.name, found.inner.name) == ("a", "b")


@pytest.mark.usefixtures("folder")
def test_columns_that_begin_within_others_keep_their_rows() -> None:
    part = WORDS[70_000:110_001]
    assert spilled(part).equals(part)
    assert spilled(WORDS.drop_null()).equals(WORDS.drop_null())


@pytest.mark.usefixtures("folder")
def test_who_writes_into_an_array_writes_into_his_own() -> None:
    found = spilled(NUMBERS)
    found[0] = -1
    assert NUMBERS[0].tolist() == [0, 1, 2]


def test_small_values_stay_and_files_have_no_name(folder: Path) -> None:
    few = np.arange(8)
    assert spilled(few) is few
    assert is_mapped(spilled(NUMBERS))
    assert list(folder.iterdir()) == []


def test_what_others_need_of_a_disk_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "_LEFT_FREE", shutil.disk_usage(folder).total)
    with pytest.raises(OSError, match=r"GB would be left") as caught:
        spilled(NUMBERS)
    assert caught.value.filename == str(folder)
