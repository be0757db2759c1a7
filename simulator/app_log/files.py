"""The collector's files: one an hour of arrival, plain or gzip, whole or not there.

A day's folder is filled beside its place, file by file under a ``.part`` name.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from simulator.app_log.arrivals import HOUR_US
from simulator.app_log.hashing import key_of, uniform
from simulator.app_log.log_config import LogConfig

SOURCE: Final = "shop"
_LEVEL: Final = 1
_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class HourFile:
    """One file, and which of the day's lines it holds."""

    name: str
    start: int
    end: int


def hour_files(arrival_us: np.ndarray, config: LogConfig) -> list[HourFile]:
    """Name the files of one day's lines, given when they arrived, ascending."""
    if not len(arrival_us):
        return []
    first_hour = int(arrival_us[0]) // (_HOURS * HOUR_US) * _HOURS
    starts = np.searchsorted(arrival_us // HOUR_US, first_hour + np.arange(_HOURS + 1))
    return [
        HourFile(_name(first_hour + hour, config), int(start), int(end))
        for hour, (start, end) in enumerate(pairwise(starts))
        if end > start
    ]


def write(lines: pa.ChunkedArray, files: list[HourFile], folder: Path) -> int:
    """Write one day's files into ``folder/shop``.

    Args:
        lines: The day's lines with their newlines, in order of arrival.
        files: Which file holds which of them.
        folder: The day's.

    Returns:
        Bytes of all lines before compression.
    """
    place = folder / SOURCE
    place.mkdir(parents=True)
    num_bytes = 0
    for file in files:
        blocks = list(_blocks(lines.slice(file.start, file.end - file.start)))
        _write_file(place / file.name, blocks)
        num_bytes += sum(map(len, blocks))
    return num_bytes


def _name(hour: int, config: LogConfig) -> str:
    key = key_of(config.seed, "file", hour)
    is_packed = uniform(key, np.zeros(1))[0] < config.gzip_share
    return f"{hour % _HOURS:02}-{key:016x}.jsonl{'.gz' if is_packed else ''}"


def _blocks(lines: pa.ChunkedArray) -> Iterator[memoryview]:
    """The bytes of lines one behind another, as they lie in memory."""
    for chunk in lines.chunks:
        _, offsets, values = chunk.buffers()
        ends = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        yield memoryview(values)[ends[0] : ends[-1]]


def _write_file(path: Path, blocks: list[memoryview]) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
                packed.writelines(blocks)
        else:
            raw.writelines(blocks)
    part.rename(path)
