"""A disk of a few megabytes, for what happens when there is no more."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOMY = 256 << 20


class NoSmallDiskError(RuntimeError):
    """Nobody here may mount a disk."""


class Disk:
    """A file system in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def resize(self, num_bytes: int = ROOMY) -> None:
        """Give it another size."""
        _called("mount", "-o", f"remount,size={num_bytes}", self.root)

    def fill_up(self, *, but: int) -> None:
        """Leave hardly any space: ``but`` bytes."""
        self.resize(shutil.disk_usage(self.root).used + but)


@contextmanager
def mounted(root: Path) -> Iterator[Disk]:
    """Mount a roomy disk on a folder, which keeps what lies in it.

    Raises:
        NoSmallDiskError: If that is not allowed.
    """
    kept = root.with_name(f"{root.name}.kept")
    root.mkdir(parents=True, exist_ok=True)
    if os.geteuid() or not shutil.which("mount"):
        raise NoSmallDiskError("only a superuser can mount a small disk")
    shutil.copytree(root, kept)
    try:
        _called("mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "nightmarket-drill", root)
    except subprocess.CalledProcessError as error:
        raise NoSmallDiskError(f"no right to mount a small disk: {error.stderr}") from error
    try:
        shutil.copytree(kept, root, dirs_exist_ok=True)
        yield Disk(root)
        _copied_back(root, kept)
    finally:
        _called("umount", "--lazy", root)
    shutil.rmtree(root)
    kept.rename(root)


def _copied_back(root: Path, kept: Path) -> None:
    shutil.rmtree(kept)
    shutil.copytree(root, kept)


def _called(program: str, *arguments: str | Path) -> None:
    command = [str(shutil.which(program)), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, text=True)
