"""Makes bronze/lines: every line of the sealed files, word for word.

A file is read by one task in constant memory and split at newline only; bytes that are not UTF-8
are kept as they are. A compressed file that ends too early keeps what it gave, and one last line
says that it was cut off.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.arrow import arrow_schema
from etl.bronze.files import SealedFile, path_of
from etl.tables import BRONZE_LINES

_BATCH_LINES: Final = 20_000
_BATCH_BYTES: Final = 8 << 20
_BLOCK: Final = 1 << 20
_SCHEMA: Final = arrow_schema(BRONZE_LINES.schema)


def build(files: DataFrame, *, landing: str) -> DataFrame:
    """Read the lines of sealed files.

    Args:
        files: Rows of ``tables.BRONZE_FILES``.
        landing: The home's landing folder, as every worker reaches it.

    Returns:
        Rows of ``tables.BRONZE_LINES``.
    """

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield from read_file(Path(landing), SealedFile(**row))

    one_each = files.repartitionByRange(F.col("arrival_date"), F.col("source"), F.col("file_name"))
    return one_each.mapInArrow(read, BRONZE_LINES.schema)


def read_file(landing: Path, file: SealedFile) -> Iterator[pa.RecordBatch]:
    """Read one file's lines in batches of bounded size."""
    with path_of(landing, file).open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if is_gzip else raw)
        number = 1
        for lines, is_cut_off in _batches(_pieces(stream)):
            yield _record_batch(file, number, lines, is_cut_off=is_cut_off)
            number += len(lines)


def _pieces(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Blocks of a stream; None at the end of one that was cut off."""
    while True:
        try:
            block = stream.read1(_BLOCK) if hasattr(stream, "read1") else stream.read(_BLOCK)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            yield None
            return
        if not block:
            return
        yield block


def _batches(pieces: Iterator[bytes | None]) -> Iterator[tuple[list[bytes], bool]]:
    """Gather lines; the second value says whether the last of them was cut off."""
    lines: list[bytes] = []
    rest: list[bytes] = []
    num_bytes = 0
    for piece in pieces:
        if piece is None:
            yield [*lines, b"".join(rest)], True
            return
        *whole, tail = piece.split(b"\n")
        if whole:
            lines.append(b"".join([*rest, whole[0]]))
            lines.extend(whole[1:])
            rest = []
        rest.append(tail)
        num_bytes += len(piece)
        if len(lines) >= _BATCH_LINES or num_bytes >= _BATCH_BYTES:
            yield lines, False
            lines, num_bytes = [], 0
    last = b"".join(rest)
    if lines or last:
        yield [*lines, last] if last else lines, False


def _record_batch(
    file: SealedFile, number: int, lines: list[bytes], *, is_cut_off: bool
) -> pa.RecordBatch:
    size = len(lines)
    cut = [False] * size
    if is_cut_off:
        cut[-1] = True
    columns = [
        pa.repeat(pa.scalar(file.arrival_date, pa.date32()), size),
        pa.repeat(pa.scalar(file.source), size),
        pa.repeat(pa.scalar(file.file_name), size),
        pa.array(range(number, number + size), pa.int64()),
        pa.repeat(pa.scalar(file.arrival_at, pa.timestamp("us", tz="UTC")), size),
        pa.array(lines, pa.binary()),
        pa.array(cut),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
