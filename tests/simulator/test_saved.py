from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from simulator import saved


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    day: int


@dataclass(frozen=True)
class Outer:
    number: int
    share: float
    is_open: bool
    values_NK: np.ndarray
    inner: Inner
    history: tuple[Inner, ...]
    arrays: tuple[np.ndarray, ...]
    columns: dict[str, np.ndarray]


def outer() -> Outer:
    return Outer(
        number=-1,
        share=0.25,
        is_open=True,
        values_NK=np.arange(6, dtype=np.float32).reshape(2, 3),
        inner=Inner(np.array([True, False]), 3),
        history=tuple(Inner(np.zeros(size, np.int16), size) for size in range(12)),
        arrays=(),
        columns={"pair": np.array([2**40]), "at": np.zeros(0)},
    )


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    saved.save(outer(), tmp_path / "state.npz")

    back = saved.load(Outer, tmp_path / "state.npz")

    assert (back.number, back.share, back.is_open, back.arrays) == (-1, 0.25, True, ())
    np.testing.assert_array_equal(back.values_NK, outer().values_NK, strict=True)
    np.testing.assert_array_equal(back.inner.values, [True, False], strict=True)
    assert [one.day for one in back.history] == list(range(12))
    assert [len(one.values) for one in back.history] == list(range(12))
    assert back.columns.keys() == {"pair", "at"}
    np.testing.assert_array_equal(back.columns["pair"], [2**40])


def test_the_same_state_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        saved.save(outer(), tmp_path / name)

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_state_of_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        saved.save({"thing": np.array([object()])}, tmp_path / "state.npz")
