"""Keeps the lake's tables from growing for ever: a rule, and what it lets go of at a time.

The rule (decision 30):

- A table forgets the days that its ``retention_days`` leaves behind, counted from the lake's newest
  whole night and never from the clock. Touched-only tables forget up to a full partition. A
  forgotten day stays known as made: nothing is missing, and reading it is refused by name.
- Files that no version reads, those of reruns, forgotten days and killed writes, stay for
  ``removed_hours``, for whoever has begun to read them. So do entries of Delta's log, once a
  checkpoint that is as old stands for them: neither Spark nor delta-rs swept them when asked.
- A settled day that lies in many small files is written together, each day for itself.

Together with ``etl.lake`` and ``etl.lake_files`` the only place that knows Delta. Nothing here
needs Spark; tables keep their protocol, so that all readers go on reading them. Every step can be
killed: what is left undone is found again by the next upkeep.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, WriterProperties

from etl.days import last_full
from etl.lake_files import LakeFiles
from etl.tables.schema import PARTITION, Table

_MARKED: Final = CommitProperties(custom_metadata={"userMetadata": "upkeep"})
_ENTRY: Final = re.compile(r"^\.?(\d{20})\.")
_CHECKPOINT: Final = re.compile(r"^(\d{20})\.checkpoint\.parquet$")
_AS_SPARK: Final = WriterProperties(compression="SNAPPY")


@dataclass(frozen=True, kw_only=True, slots=True)
class UpkeepConfig:
    """When a table's files are let go or written together."""

    removed_hours: int = 24
    """Hours that a file stays which its table's newest version does not read any more."""
    settled_days: int = 7
    """Days after which a day's files are written together; younger ones are still made again."""
    max_files: int = 8
    """Files of one day that are left as they are, however small."""
    small_bytes: int = 16 << 20
    """A day is written together where its files are smaller than this, on average."""
    whole_bytes: int = 128 << 20
    """How large files become that are written together."""


@dataclass(frozen=True, slots=True)
class Pile:
    """Files that upkeep lets go of together, and how."""

    what: str
    """Whose they are: a table's path, or another part of the home."""
    why: str
    days: tuple[date, ...]
    """Which days it is about; none where files belong to no day."""
    num_files: int
    num_bytes: int
    go: Callable[[], None]
    """Lets go of them; killed, it leaves what the next upkeep finds."""


@dataclass(frozen=True, slots=True)
class _File:
    day: date
    num_bytes: int


def piles(
    files: LakeFiles, table: Table, *, newest: date | None, config: UpkeepConfig
) -> Iterator[Pile]:
    """List what the rule lets go of in one table now.

    Args:
        files: The lake.
        table: Which table.
        newest: The lake's newest whole night, from which days are counted; None if there is none.
        config: When files are let go.
    """
    if files.exists(table):
        yield from _unread(files, table, config)
        yield from _log_entries(files.root / table.path / "_delta_log", table, config)
    if newest is None:
        return
    first_kept = first_kept_day(table, newest, files.first_day)
    if first_kept is not None:
        yield from _forgotten(files, table, first_kept)
    if files.exists(table):
        settled = newest - timedelta(days=config.settled_days)
        yield from _scattered(files, table, (first_kept or date.min, settled), config)


def first_kept_day(table: Table, newest: date, lake_first_day: date) -> date | None:
    """Find the oldest day that a table keeps; None where it keeps all."""
    if table.retention_days is None:
        return None
    first = newest - timedelta(days=table.retention_days - 1)
    # What a day touched rests on the full partition before it.
    return last_full(first, lake_first_day) if table.is_touched_only else first


def _unread(files: LakeFiles, table: Table, config: UpkeepConfig) -> Iterator[Pile]:
    root = files.root / table.path
    # The log names what it removed, until it is swept, whether it lies there still or not.
    named = (root / path for path in _unread_paths(_opened(files, table), config))
    listed = [path for path in named if path.exists()]
    gone = {path for path in listed if path.suffix != ".crc"}
    # Checksums of files that are still read are no orphans, though Delta's log does not name them.
    lost = {path for path in listed if path.suffix == ".crc" and not _data_of(path).exists()}
    found = gone | lost | {crc for path in gone if (crc := _checksum_of(path)).exists()}
    if found:
        yield _files_pile(table.path, "read by no version any more", sorted(found))


def _unread_paths(opened: deltalake.DeltaTable, config: UpkeepConfig) -> list[str]:
    """Ask what VACUUM would delete; doing it here leaves checksums, and the log as it is."""
    return opened.vacuum(
        retention_hours=config.removed_hours,
        dry_run=True,
        enforce_retention_duration=False,
        full=True,
    )


def _log_entries(log: Path, table: Table, config: UpkeepConfig) -> Iterator[Pile]:
    """Entries before the newest checkpoint that every reader has had time to read from."""
    before = time.time() - config.removed_hours * 3600
    old = [path for path in log.iterdir() if path.is_file() and path.stat().st_mtime <= before]
    stand_for = [int(found[1]) for path in old if (found := _CHECKPOINT.match(path.name))]
    if not stand_for:
        return
    known = ((path, _ENTRY.match(path.name)) for path in old)
    gone = [path for path, found in known if found and int(found[1]) < max(stand_for)]
    if gone:
        # The oldest first: a kill leaves a log without gaps.
        oldest_first = sorted(gone, key=lambda path: path.name.lstrip("."))
        yield _files_pile(table.path, "entries of its log, which a checkpoint holds", oldest_first)


def _forgotten(files: LakeFiles, table: Table, first_kept: date) -> Iterator[Pile]:
    """Days to forget, and days that a killed upkeep has forgotten without letting go of rows."""
    due = {day for day in files.made_days(table) if day < first_kept}
    lying = [file for file in _files_of(files, table) if file.day < first_kept]
    left = files.forgotten_days(table) & {file.day for file in lying}
    days = sorted(due | left)
    if not days:
        return
    going = [file for file in lying if file.day in due | left]

    def go() -> None:
        # The marker first: rows that are gone must not read as a day without rows.
        for day in sorted(due):
            files.forget(table, day)
        if going:
            said = ", ".join(f"date '{day}'" for day in sorted({file.day for file in going}))
            _opened(files, table).delete(f"{PARTITION} IN ({said})", commit_properties=_MARKED)

    yield Pile(
        table.path,
        f"older than the {table.retention_days} days it keeps",
        tuple(days),
        len(going),
        sum(file.num_bytes for file in going),
        go,
    )


def _scattered(
    files: LakeFiles, table: Table, within: tuple[date, date], config: UpkeepConfig
) -> Iterator[Pile]:
    first, last = within
    by_day: dict[date, list[_File]] = {}
    for file in _files_of(files, table):
        if first <= file.day <= last:
            by_day.setdefault(file.day, []).append(file)
    many = {day: found for day, found in by_day.items() if _is_scattered(found, config)}
    if not many:
        return
    days = tuple(sorted(many))

    def go() -> None:
        _opened(files, table).optimize.compact(
            partition_filters=[(PARTITION, "in", [str(day) for day in days])],
            target_size=config.whole_bytes,
            writer_properties=_AS_SPARK,
            commit_properties=_MARKED,
        )

    every = [file for found in many.values() for file in found]
    num_bytes = sum(file.num_bytes for file in every)
    yield Pile(table.path, "many small files, written together", days, len(every), num_bytes, go)


def _is_scattered(found: list[_File], config: UpkeepConfig) -> bool:
    mean_bytes = sum(file.num_bytes for file in found) / len(found)
    return len(found) > config.max_files and mean_bytes < config.small_bytes


def _files_of(files: LakeFiles, table: Table) -> list[_File]:
    """The files that the table's newest version reads."""
    if not files.exists(table):
        return []
    added = pa.table(_opened(files, table).get_add_actions(flatten=True))
    columns = (added[name].to_pylist() for name in (f"partition.{PARTITION}", "size_bytes"))
    return [_File(day, size) for day, size in zip(*columns, strict=True)]


def _files_pile(what: str, why: str, paths: list[Path]) -> Pile:
    num_bytes = sum(path.stat().st_size for path in paths)
    return Pile(what, why, (), len(paths), num_bytes, lambda: remove_files(paths))


def remove_files(paths: list[Path]) -> None:
    """Remove files, and the folders that nothing lies in then."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        # Others' files may lie there.
        with suppress(OSError):
            folder.rmdir()


def _checksum_of(path: Path) -> Path:
    """Where Hadoop writes down a file's checksum."""
    return path.with_name(f".{path.name}.crc")


def _data_of(checksum: Path) -> Path:
    return checksum.with_name(checksum.name.removeprefix(".").removesuffix(".crc"))


def _opened(files: LakeFiles, table: Table) -> deltalake.DeltaTable:
    return deltalake.DeltaTable(str(files.root / table.path))
