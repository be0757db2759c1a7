"""Makes bronze/files: the sealed input of each day.

The first run of a day writes down which files it reads. Reruns read exactly these, and refuse a
day whose files changed. A file that is found after its own day was sealed goes to the next day
that is not, so nothing that arrived is left out and nothing written is revised. A day of which
nothing was built, because its lines could not be read, may be mended: its changed files are sealed
anew.
"""

import hashlib
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from etl.days import Days

LOOK_BACK_DAYS: Final = 40
"""Folders of this many days before are looked through for files that came late."""
CLEANED: Final = ".cleaned"
"""In a day's folder: how long raw files are kept, written before the first of them goes."""
_HOUR: Final = re.compile(r"^(?:.*T)?([01]\d|2[0-3])(?=[-_.:])")
_DEFAULT_HOUR: Final = 23
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

SOURCE_NAME: Final = "at most 64 letters, digits, '-' and '_', the first a letter or a digit"


class SealError(RuntimeError):
    """A sealed file is missing, cleaned or changed; the message names it and says what to do."""


class SourceNameError(ValueError):
    """A folder in landing does not have a source's name."""


@dataclass(frozen=True, slots=True, order=True)
class SealedFile:
    """One row of ``tables.BRONZE_FILES``."""

    arrival_date: date
    source: str
    file_name: str
    arrival_at: datetime
    landing_date: str
    num_bytes: int
    sha256: str


def seal(
    landing: Path,
    *,
    sealed: Iterable[SealedFile],
    sealed_days: set[date],
    days: Days,
    open_days: Set[date] = frozenset(),
) -> list[SealedFile]:
    """Say which files each of ``days`` consists of.

    Args:
        landing: The home's landing folder.
        sealed: The files sealed by earlier runs, of any day.
        sealed_days: The days that earlier runs sealed, empty ones included.
        days: The days to seal, or to check where they are sealed.
        open_days: Sealed days of which nothing was built: where their files changed, they are
            sealed anew.

    Returns:
        Rows of ``tables.BRONZE_FILES`` of ``days``, sorted.

    Raises:
        SealError: If a file of a sealed day is missing, cleaned or changed.
        SourceNameError: If a folder in landing is not a source's.
    """
    mended = _mended(landing, sealed, open_days & set(days))
    known = [file for file in sealed if file.arrival_date not in mended]
    of_sealed_days = [file for file in known if file.arrival_date in days]
    for file in of_sealed_days:
        _require_unchanged(landing, file)
    taken = {(file.landing_date, file.source, path_name(file)) for file in known}
    found = []
    for day in (day for day in days if day not in sealed_days - mended):
        for folder_day in Days(day - timedelta(days=LOOK_BACK_DAYS), day):
            new = _new_files(landing, folder_day, day, taken)
            taken |= {(file.landing_date, file.source, path_name(file)) for file in new}
            found += new
    return sorted(of_sealed_days + found)


def is_source_name(name: str) -> bool:
    """Tell whether a folder of landing may bear a name: it becomes part of paths."""
    return _SOURCE.fullmatch(name) is not None


def late_files(files: Iterable[SealedFile]) -> list[SealedFile]:
    """List the files that were found after their own day had been sealed."""
    return [file for file in files if file.landing_date != str(file.arrival_date)]


def missing_hours(files: Iterable[SealedFile], day: date, *, num_days: int) -> dict[str, list[int]]:
    """Find the hours of a day of which nothing landed though it did on each day before.

    Args:
        files: The files of the day and of the days before it, those found late among them.
        day: Which day.
        num_days: Days before that must have had the hour; with fewer nothing is expected.

    Returns:
        By source, the hours.
    """
    landed_on: dict[tuple[str, int], set[str]] = {}
    for file in files:
        landed_on.setdefault((file.source, file.arrival_at.hour), set()).add(file.landing_date)
    week = {str(day - timedelta(days=number)) for number in range(1, num_days + 1)}
    found: dict[str, list[int]] = {}
    for (source, hour), days in sorted(landed_on.items()):
        if week <= days and str(day) not in days:
            found.setdefault(source, []).append(hour)
    return found


def path_of(landing: Path, file: SealedFile) -> Path:
    """Say where a sealed file lies."""
    return landing / file.landing_date / file.source / path_name(file)


def path_name(file: SealedFile) -> str:
    """The file's name in its folder; a late file's name in the table has its landing day before."""
    return file.file_name.removeprefix(f"{file.landing_date}/")


def landed(landing: Path, day: date) -> list[Path]:
    """List the files in a day's folder; hidden ones and ``*.part`` are not there yet."""
    return [
        path
        for path in sorted((landing / str(day)).glob("*/*"))
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".part")
    ]


def _new_files(
    landing: Path, folder_day: date, day: date, taken: set[tuple[str, str, str]]
) -> list[SealedFile]:
    found = []
    for path in landed(landing, folder_day):
        source = _source_of(path)
        if (str(folder_day), source, path.name) not in taken:
            found.append(_sealed(path, source, folder_day, day))
    return found


def _source_of(path: Path) -> str:
    name = path.parent.name
    if not is_source_name(name):
        raise SourceNameError(
            f"{path.parent} is not a source's folder: a source is named by {SOURCE_NAME}. Rename "
            "the folder."
        )
    return name


def _sealed(path: Path, source: str, folder_day: date, day: date) -> SealedFile:
    name = path.name if folder_day == day else f"{folder_day}/{path.name}"
    return SealedFile(
        arrival_date=day,
        source=source,
        file_name=name,
        arrival_at=_arrival_at(path.name, folder_day),
        landing_date=str(folder_day),
        num_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )


def _arrival_at(name: str, day: date) -> datetime:
    found = _HOUR.match(name)
    hour = int(found[1]) if found else _DEFAULT_HOUR
    return datetime.combine(day, time(hour), UTC)


def sha256_of(path: Path) -> str:
    """Hash a file's bytes as they lie there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mended(landing: Path, sealed: Iterable[SealedFile], open_days: Set[date]) -> Set[date]:
    """Find the days of which nothing was built, and whose files are not those sealed any more."""
    return {
        file.arrival_date
        for file in sealed
        if file.arrival_date in open_days and _change_of(landing, file)
    }


def _require_unchanged(landing: Path, file: SealedFile) -> None:
    change = _change_of(landing, file)
    if change:
        said = f"{file.arrival_date} was sealed with {file.source}/{file.file_name}"
        raise SealError(f"{said}, which {change}")


def _change_of(landing: Path, file: SealedFile) -> str | None:
    """Say what became of a sealed file, and what to do; None where it lies there as it was."""
    path = path_of(landing, file)
    if not path.exists():
        return _why_gone(landing / file.landing_date, file)
    if path.stat().st_size != file.num_bytes or sha256_of(path) != file.sha256:
        return (
            f"has changed since. Put the sealed bytes back (sha256 {file.sha256}); new lines "
            "belong into a new file, which the next night reads."
        )
    return None


def _why_gone(folder: Path, file: SealedFile) -> str:
    if (folder / CLEANED).exists():
        return (
            f"upkeep cleaned from landing/{file.landing_date}: raw files are kept "
            f"{(folder / CLEANED).read_text().strip()}. What was made of that day is in the lake "
            f"still. To make it again, put the file's bytes back (sha256 {file.sha256})."
        )
    return (
        f"is missing from landing/{file.landing_date}. Put it back: what was written of that day "
        "rests on it."
    )
