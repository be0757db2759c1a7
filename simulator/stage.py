"""A place beside the shop's own where a simulation is prepared; it moves as a whole or not at all.

Everything is written under ``.simulating``; a marker says when it is complete. What was complete is
moved by the next call too, should this one be killed on the way; what was not is thrown away.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = ".simulating"
_READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class Stage:
    """The preparations for one shop's root."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.root / _FOLDER

    @property
    def landing(self) -> Path:
        """A folder a day, to be moved whole."""
        return self.folder / "landing"

    @property
    def truth(self) -> Path:
        """Files that replace those of the same names."""
        return self.folder / "truth"

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Prepare inside, move at the end; an error or ctrl-C inside leaves nothing."""
        self.finish()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.landing.mkdir(parents=True)
        self.truth.mkdir()
        try:
            yield
            (self.folder / _READY).touch()
            self.finish()
        finally:
            if not self._is_complete():
                shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self) -> None:
        """Move what a call prepared that was killed while it moved."""
        if self._is_complete():
            self._move()

    def _is_complete(self) -> bool:
        return (self.folder / _READY).exists()

    def _move(self) -> None:
        days = self.root / "landing"
        days.mkdir(exist_ok=True)
        for day in sorted(self.landing.iterdir()):
            day.rename(days / day.name)
        for file in sorted(path for path in self.truth.rglob("*") if path.is_file()):
            place = self.root / "truth" / file.relative_to(self.truth)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        shutil.rmtree(self.folder)
