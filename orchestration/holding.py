"""Keeps two processes from working on one home at the same time."""

import fcntl
import os
import threading
from pathlib import Path
from typing import IO, Final

from etl.home import Home

_FILE: Final = "working"
# The lock lasts as long as its file is open: until this process ends, however it ends.
_held: Final[dict[Path, IO[str]]] = {}
_taking: Final = threading.Lock()


class HomeBusyError(RuntimeError):
    """Another process is working on the home."""


def hold(home: Home, what: str) -> None:
    """Take the home for this process, until it ends; taking it again changes nothing.

    Args:
        home: The home.
        what: Who works on it, for whoever is refused meanwhile.

    Raises:
        HomeBusyError: If another process holds it; it is named.
    """
    with _taking:
        if home.root not in _held:
            _held[home.root] = _take(home, what)


def _take(home: Home, what: str) -> IO[str]:
    home.root.mkdir(parents=True, exist_ok=True)
    file = (home.root / _FILE).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        by = file.read().strip() or "another process"
        file.close()
        raise HomeBusyError(
            f"{by} is working on {home.root}. Wait until it is done; nothing was changed."
        ) from error
    file.truncate(0)
    file.write(f"{what}, process {os.getpid()},")
    file.flush()
    return file
