"""Compiles the C kernels into the installation: ``python -m training.c_library``.

``make setup`` runs it. A library's name says of which source and flags it was made, so that one of
another source is never loaded. Where there is no C compiler, others do the same more slowly.
"""

import ctypes
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from etl.spark import INSTALLATION

_FLAGS: Final = ("-O3", "-std=gnu11", "-shared", "-fPIC")
"""A kernel holds a loop for each kind of processor and chooses at run time."""


class CompileError(RuntimeError):
    """There is a C compiler, and it refuses the source."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel's source."""

    source: Path
    included: Path
    """The loops that it includes for each kind of processor."""
    otherwise: str
    """What happens without it."""

    @property
    def name(self) -> str:
        """What the library and the functions in it are called."""
        return self.source.stem


def _kernel(package: str, name: str, included: str, otherwise: str) -> Kernel:
    folder = Path(__file__).parent / package
    return Kernel(folder / f"{name}.c", folder / included, otherwise)


TOP_K: Final = _kernel("retrieval", "top_k", "top_k_tile.h", "numba lists candidates")
TREES: Final = _kernel("rankers", "trees", "trees_panel.h", "xgboost itself scores by trees")


def path(kernel: Kernel, folder: Path = INSTALLATION) -> Path:
    """Name the library of this source and these flags."""
    parts = (kernel.source.read_bytes(), kernel.included.read_bytes(), " ".join(_FLAGS).encode())
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return folder / f"{kernel.name}-{digest[:16]}.so"


def compiler() -> str | None:
    """Find the C compiler, where there is one."""
    return shutil.which("cc")


def build(kernel: Kernel, compiler: str, folder: Path = INSTALLATION) -> Path:
    """Compile a library, in place of those of other sources of the kernel.

    Raises:
        CompileError: If the compiler does not take the source.
    """
    made = path(kernel, folder)
    part = made.with_suffix(".part")
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, *_FLAGS, "-o", str(part), str(kernel.source), "-lm"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode:
        raise CompileError(f"{' '.join(command)} failed:\n{ran.stderr}")
    for other in folder.glob(f"{kernel.name}-*.so"):
        other.unlink()
    return part.rename(made)


def kinds(loaded: ctypes.CDLL, kernel: Kernel) -> Iterator[tuple[int, str]]:
    """Number and name the kinds of instructions that run on this processor, the fastest first."""
    kind = loaded[f"{kernel.name}_kind"]
    kind.restype = ctypes.c_char_p
    for number in count():
        name = kind(number)
        if name is None:
            return
        if name:
            yield number, name.decode()


def main() -> None:
    """Compile what is missing; say what was done."""
    for kernel in (TOP_K, TREES):
        if not path(kernel).exists():
            sys.stdout.write(f"{_made(kernel)}\n")


def _made(kernel: Kernel) -> str:
    found = compiler()
    if found is None:
        return f"No C compiler (cc): {kernel.otherwise}, several times slower"
    try:
        return f"Kernel {kernel.name}: {build(kernel, found).stat().st_size >> 10} KB"
    except CompileError as error:
        # Everything works without it.
        return f"{error}\n{kernel.otherwise} instead, several times slower"


if __name__ == "__main__":
    main()
