"""The folder of publications: one writer at a time, the pointer, its history, what is removed.

Every step leaves the folder whole: what is being made or removed has a name that begins with
``.part``, and a publication is complete before it has its own. What a publication holds is
``scoring.publish``.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from scoring.published import (
    CURRENT,
    MANIFEST,
    SWAPS,
    Manifest,
    Swap,
    read_current,
    read_manifest,
)

PUBLISHED: Final = "publish"
ROLLED_BACK: Final = "rollback"
_LOCK: Final = ".lock"
_PART: Final = ".part"


class AlreadyPublishingError(RuntimeError):
    """Another process moves the pointer right now."""


@contextmanager
def only_writer(publications: Path) -> Iterator[None]:
    """Be the one writer, in a folder without the leftovers of killed ones.

    The lock is the kernel's, so that it ends with its process, however that ends.

    Raises:
        AlreadyPublishingError: If there is another.
    """
    publications.mkdir(parents=True, exist_ok=True)
    with (publications / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyPublishingError(
                f"another process is publishing to {publications}; wait until it ends, then run "
                "the command again"
            ) from error
        _mend(publications)
        _clean(publications)
        yield


@contextmanager
def building(publications: Path) -> Iterator[Path]:
    """Give a folder to build a publication in; nothing is left of one that fails."""
    folder = publications / _PART
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ids(publications: Path) -> list[str]:
    """List the whole publications, oldest first."""
    return sorted(found.parent.name for found in publications.glob(f"[0-9]*/{MANIFEST}"))


def current(publications: Path) -> Swap | None:
    """Read the pointer, if there is one."""
    return read_current(publications) if (publications / CURRENT).exists() else None


def put(folder: Path, publications: Path, publication_id: str) -> None:
    """Give a complete folder its name, for good."""
    fsync(folder)
    folder.rename(publications / publication_id)
    fsync(publications)


def move_pointer(publications: Path, swap: Swap) -> None:
    """Let readers see a publication. The pointer holds its own log line until that is written."""
    part = publications / f"{_PART}-{CURRENT}"
    part.write_bytes(msgspec.json.encode(swap) + b"\n")
    fsync(part)
    part.rename(publications / CURRENT)
    fsync(publications)
    _append(publications, [swap])


def swaps(publications: Path) -> list[Swap]:
    """List every move of the pointer, oldest first, also one that a kill kept from the log."""
    logged = [msgspec.json.decode(line, type=Swap) for line in _whole_lines(publications)]
    last = current(publications)
    return logged if last is None or last in logged[-1:] else [*logged, last]


def replaced_by(publications: Path, publication_id: str) -> str:
    """Say what a publication replaced when it was made; empty for the first."""
    made = (swap for swap in reversed(swaps(publications)) if swap.action == PUBLISHED)
    return next((swap.previous_id for swap in made if swap.publication_id == publication_id), "")


def retire(publications: Path, *, num_kept: int) -> None:
    """Remove the oldest publications, but never the one served nor the one before it.

    A reader that has a removed file open keeps reading it.
    """
    for publication_id in retirable(publications, num_kept=num_kept):
        _remove(publications, publication_id)


def retirable(publications: Path, *, num_kept: int) -> list[str]:
    """List the publications that ``retire`` would remove, oldest first."""
    last, every = current(publications), ids(publications)
    kept = set(every[-num_kept:])
    if last is not None:
        kept |= {last.publication_id, replaced_by(publications, last.publication_id)}
    return [publication_id for publication_id in every if publication_id not in kept]


def leftovers(publications: Path) -> list[Path]:
    """List what a killed writer left half made or half removed; the next writer removes it."""
    return sorted(publications.glob(f"{_PART}*"))


def fsync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swap_of(manifest: Manifest) -> Swap:
    """Say how the pointer moved when a publication was made."""
    return Swap(
        publication_id=manifest.publication_id,
        action=PUBLISHED,
        slate_date=manifest.slate_date,
        published_at=manifest.made_at,
        previous_id=manifest.previous_id,
        surfaces=manifest.surfaces,
    )


def _mend(publications: Path) -> None:
    """Write what a kill kept from the history: its last line, or, from manifests, all of it."""
    path = publications / SWAPS
    if path.exists():
        os.truncate(path, sum(map(len, _whole_lines(publications))))
    elif current(publications) is not None:
        manifests = (read_manifest(publications, found) for found in ids(publications))
        _append(publications, list(map(swap_of, manifests)))
    logged = _whole_lines(publications)
    _append(publications, swaps(publications)[len(logged) :])


def _clean(publications: Path) -> None:
    """Remove what was never served or half removed."""
    served = {swap.publication_id for swap in swaps(publications)}
    for publication_id in ids(publications):
        if publication_id not in served:
            _remove(publications, publication_id)
    for left in leftovers(publications):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _remove(publications: Path, publication_id: str) -> None:
    part = publications / f"{_PART}-{publication_id}"
    (publications / publication_id).rename(part)
    shutil.rmtree(part)


def _whole_lines(publications: Path) -> list[bytes]:
    """The history's lines without the torn end that a kill may leave."""
    path = publications / SWAPS
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith(b"\n")]


def _append(publications: Path, new: list[Swap]) -> None:
    if not new:
        return
    path = publications / SWAPS
    with path.open("ab") as file:
        file.write(b"".join(msgspec.json.encode(swap) + b"\n" for swap in new))
        file.flush()
        os.fsync(file.fileno())
    fsync(publications)
