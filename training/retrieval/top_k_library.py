"""Compiles ``top_k.c`` into the installation: ``python -m training.retrieval.top_k_library``.

``make setup`` runs it. The library's name says of which source and flags it was made, so that one
of another source is never loaded. Where there is no C compiler, lists come from ``top_k_numba.py``.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from etl.spark import INSTALLATION

_FOLDER: Final = Path(__file__).parent
_SOURCE: Final = _FOLDER / "top_k.c"
_INCLUDED: Final = _FOLDER / "top_k_tile.h"
_FLAGS: Final = ("-O3", "-std=gnu11", "-shared", "-fPIC")
"""The kernel holds a loop for each kind of processor and chooses at run time."""


class CompileError(RuntimeError):
    """There is a C compiler, and it refuses the source."""


def path(folder: Path = INSTALLATION) -> Path:
    """Name the library of this source and these flags."""
    parts = (_SOURCE.read_bytes(), _INCLUDED.read_bytes(), " ".join(_FLAGS).encode())
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return folder / f"top_k-{digest[:16]}.so"


def compiler() -> str | None:
    """Find the C compiler, where there is one."""
    return shutil.which("cc")


def build(compiler: str, folder: Path = INSTALLATION) -> Path:
    """Compile the library, in place of those of other sources.

    Raises:
        CompileError: If the compiler does not take the source.
    """
    made = path(folder)
    part = made.with_suffix(".part")
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, *_FLAGS, "-o", str(part), str(_SOURCE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode:
        raise CompileError(f"{' '.join(command)} failed:\n{ran.stderr}")
    for other in folder.glob("top_k-*.so"):
        other.unlink()
    return part.rename(made)


def main() -> None:
    """Compile what is missing; say what was done."""
    found = compiler()
    if path().exists():
        return
    if found is None:
        sys.stdout.write("No C compiler (cc): numba lists candidates, several times slower\n")
        return
    sys.stdout.write(f"Top-K kernel: {build(found).stat().st_size >> 10} KB\n")


if __name__ == "__main__":
    try:
        main()
    except CompileError as error:
        # Everything works without it.
        sys.stderr.write(f"{error}\nnumba lists candidates instead, several times slower\n")
