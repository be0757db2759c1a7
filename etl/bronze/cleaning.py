"""Cleans landing of raw files whose lines have long been in the lake.

Belongs here: which files may go, and the mark by which a rerun of their day is told apart from one
whose files were lost. A file that no day was sealed with is nobody's to remove.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

from etl.bronze.files import CLEANED, LOOK_BACK_DAYS, SealedFile, landed, path_name
from etl.upkeep import Pile, remove_files


def piles(
    landing: Path,
    *,
    sealed: Iterable[SealedFile],
    read_days: set[date],
    newest: date,
    kept: tuple[int, str],
) -> Iterator[Pile]:
    """List the days of landing whose files may go.

    Args:
        landing: The home's landing folder.
        sealed: Rows of ``tables.BRONZE_FILES`` of all days.
        read_days: The days whose lines are in ``tables.BRONZE_LINES``, or were until it forgot.
        newest: The lake's newest whole night, from which days are counted.
        kept: How many days files are kept, and how whoever misses one is told.
    """
    num_days, said = kept
    # Younger folders are still looked through for files that came late.
    first_kept = newest - timedelta(days=max(num_days - 1, LOOK_BACK_DAYS))
    known = {
        (file.landing_date, file.source, path_name(file))
        for file in sealed
        if file.arrival_date in read_days
    }
    for folder in sorted(landing.glob("????-??-??")):
        day = date.fromisoformat(folder.name)
        files = landed(landing, day) if day < first_kept else []
        going = [path for path in files if (folder.name, path.parent.name, path.name) in known]
        if going:
            yield _pile(folder, day, going, said)


def _pile(folder: Path, day: date, going: list[Path], said: str) -> Pile:
    def go() -> None:
        _mark(folder / CLEANED, said)
        # Files that were never sealed stay, and the folder of their source with them.
        remove_files(going)

    num_bytes = sum(path.stat().st_size for path in going)
    return Pile("landing", f"in the lake, and older than {said}", (day,), len(going), num_bytes, go)


def _mark(path: Path, said: str) -> None:
    """Write the mark, on the disk before anything goes."""
    with path.open("w") as file:
        file.write(f"{said}\n")
        file.flush()
        os.fsync(file.fileno())
