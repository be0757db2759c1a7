from dataclasses import replace
from pathlib import Path

import pytest

from training import c_library
from training.c_library import CompileError, Kernel


@pytest.fixture
def compiler() -> str:
    found = c_library.compiler()
    if found is None:
        pytest.skip("no C compiler")
    return found


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path / "one.c", tmp_path / "one.h", "nothing is done")
    kernel.source.write_text('#include "one.h"\nint one(void) { return ONE; }')
    kernel.included.write_text("#define ONE 1")
    return kernel


def test_a_library_of_another_source_is_not_taken(
    tmp_path: Path, compiler: str, kernel: Kernel
) -> None:
    was = c_library.build(kernel, compiler, tmp_path)

    kernel.included.write_text("#define ONE 1L")

    assert was.exists()
    assert not c_library.path(kernel, tmp_path).exists()
    assert c_library.build(kernel, compiler, tmp_path).exists()
    assert not was.exists()


def test_libraries_of_other_kernels_stay(tmp_path: Path, compiler: str, kernel: Kernel) -> None:
    other = replace(kernel, source=tmp_path / "other.c")
    other.source.write_text("int other;")
    was = c_library.build(other, compiler, tmp_path)

    c_library.build(kernel, compiler, tmp_path)

    assert was.exists()


def test_what_the_compiler_says_is_told(tmp_path: Path, compiler: str, kernel: Kernel) -> None:
    kernel.source.write_text("int one(")

    with pytest.raises(CompileError, match=r"one\.c"):
        c_library.build(kernel, compiler, tmp_path)

    assert not list(tmp_path.glob("*.so"))
