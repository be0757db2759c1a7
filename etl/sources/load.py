"""Loads a foreign log: each of its lines becomes one line of landing, under the day it is of.

A historical log says when things happened and not when they were sent: a line arrives on the UTC
day of its event; one that cannot be dated takes the day of the line before it. A day that lies far
from all others is a broken clock, not a day: its lines arrive on the nearest day of the log's own
and are rejected there as absurd.
"""

import gzip
import hashlib
import os
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import msgspec

from etl.sources.adapter import Adapter
from etl.sources.envelope import Envelope

ARRIVAL_HOUR: Final = 23
"""Hour of the day in which a historical line counts as arrived."""
_MAX_OPEN: Final = 64
_FAR_DAYS: Final = 60
_STRAY_SHARE: Final = 0.01
_EPOCH: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(9999, 12, 31)


class LoadError(ValueError):
    """A file cannot be loaded; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did."""

    num_lines: int
    num_problems: int
    """Lines that will be rejected because the adapter could not read them."""
    days: tuple[date, ...]
    """Arrival days that got lines, in order."""
    new_files: tuple[Path, ...]
    known_files: tuple[Path, ...]
    """Files that were there already, byte for byte."""


def lines_of(path: Path) -> Iterator[bytes]:
    """Read a plain or gzip file line by line, split at newline only.

    Raises:
        LoadError: If a compressed file is cut off or damaged.
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) if is_gzip else raw as stream:
                for line in stream:
                    yield line.removesuffix(b"\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LoadError(
                f"{path.name} is cut off or damaged ({error}); fetch it again. Nothing was loaded."
            ) from error


def load(adapter: Adapter, lines: Iterable[bytes], *, source: str, landing: Path) -> Loaded:
    """Put a foreign log's lines into landing.

    Args:
        adapter: Reads the log.
        lines: Its lines without newlines.
        source: Folder under each arrival day.
        landing: The home's landing folder.

    Raises:
        LoadError: If no line could be dated, or a share of the days makes no sense.
    """
    landing.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=landing, prefix=".loading-") as folder:
        spool = _Spool(Path(folder))
        num_problems = 0
        for day, envelope in dated(adapter.envelopes(lines)):
            spool.add(day, envelope)
            num_problems += envelope.problem is not None
        spool.close()
        if not spool.num_lines:
            raise LoadError(f"{adapter.file_name} has no line that could be dated: nothing loaded")
        return _moved(spool, source, landing, num_problems)


def _moved(spool: "_Spool", source: str, landing: Path, num_problems: int) -> Loaded:
    days = arrival_days(spool.num_lines)
    new: list[Path] = []
    known: list[Path] = []
    for arrival, parts in days.items():
        place, is_new = _landed(spool, parts, landing / str(arrival) / source)
        (new if is_new else known).append(place)
    total = sum(spool.num_lines.values())
    return Loaded(total, num_problems, tuple(sorted(days)), tuple(new), tuple(known))


def dated(envelopes: Iterable[Envelope]) -> Iterator[tuple[date, Envelope]]:
    """Give each line the UTC day of its event, else that of the line before it.

    Lines before the first that can be dated take its day; if none can, none is given.
    """
    waiting: list[Envelope] = []
    day: date | None = None
    for envelope in envelopes:
        day = _day_of(envelope) or day
        if day is None:
            waiting.append(envelope)
            continue
        for early in waiting:
            yield day, early
        waiting.clear()
        yield day, envelope


def _day_of(envelope: Envelope) -> date | None:
    if envelope.time_us is None:
        return None
    number = envelope.time_us // 86_400_000_000
    return _EPOCH + timedelta(days=number) if 0 <= number <= (_LAST_DAY - _EPOCH).days else None


class _Spool:
    """Lines by day in files of their own, few of them open at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_lines: Counter[date] = Counter()
        self._open: OrderedDict[date, BinaryIO] = OrderedDict()
        self._encode = msgspec.json.Encoder().encode

    def add(self, day: date, envelope: Envelope) -> None:
        if day in self._open:
            self._open.move_to_end(day)
        else:
            if len(self._open) == _MAX_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[day] = self.path(day).open("ab")
        self._open[day].write(self._encode(envelope) + b"\n")
        self.num_lines[day] += 1

    def path(self, day: date) -> Path:
        return self.folder / str(day)

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open.clear()


def arrival_days(num_lines: Counter[date]) -> dict[date, list[date]]:
    """Say which event days arrive on which day: stray ones on the nearest of the main run.

    Args:
        num_lines: Lines of each event day; at least one.

    Raises:
        LoadError: If more than a stray share lies far from the main run.
    """
    runs: list[list[date]] = []
    for day in sorted(num_lines):
        if runs and (day - runs[-1][-1]).days <= _FAR_DAYS:
            runs[-1].append(day)
        else:
            runs.append([day])
    main = max(runs, key=lambda run: (sum(num_lines[day] for day in run), run[-1]))
    found = {day: [day] for day in main}
    stray = [day for run in runs if run is not main for day in run]
    if sum(num_lines[day] for day in stray) > _STRAY_SHARE * sum(num_lines.values()):
        raise LoadError(
            f"the days of this log are more than {_FAR_DAYS} days apart: {runs[0][0]} … "
            f"{runs[-1][-1]} with nothing between. Check time and time_unit of the mapping "
            "(nightmarket inspect-log FILE), or load its parts into homes of their own."
        )
    for day in stray:
        found[min(main, key=lambda near: abs((near - day).days))].append(day)
    return found


def _landed(spool: _Spool, parts: list[date], folder: Path) -> tuple[Path, bool]:
    """Write one arrival day's file, named by the foreign lines it carries."""
    name = f"{ARRIVAL_HOUR:02}-{_content_hash(spool, parts)}.jsonl.gz"
    place = folder / name
    if place.exists():
        return place, False
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    with part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        for day in parts:
            with spool.path(day).open("rb") as lines:
                packed.writelines(lines)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.rename(place)
    return place, True


def _content_hash(spool: _Spool, parts: list[date]) -> str:
    digest = hashlib.sha256()
    decode = msgspec.json.Decoder(Envelope).decode
    for day in parts:
        with spool.path(day).open("rb") as lines:
            for line in lines:
                digest.update(decode(line).original() + b"\n")
    return digest.hexdigest()[:16]
