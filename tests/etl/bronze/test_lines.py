import gzip
import zlib
from dataclasses import astuple
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from etl.arrow import arrow_schema
from etl.bronze import lines
from etl.bronze.files import SealedFile, seal
from etl.bronze.lines import read_file
from etl.days import Days, one_day
from etl.tables import BRONZE_FILES, BRONZE_LINES

DAY = date(2026, 1, 5)
_SCHEMA = arrow_schema(BRONZE_LINES.schema)


def sealed(landing: Path, content: bytes, name: str = "07-a") -> SealedFile:
    path = landing / str(DAY) / "app" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (file,) = seal(landing, sealed=[], sealed_days=set(), days=one_day(DAY))
    return file


def rows(landing: Path, content: bytes) -> list[tuple[int, bytes, bool]]:
    batches = list(read_file(landing, sealed(landing, content)))
    read = pa.Table.from_batches(batches, schema=_SCHEMA)
    columns = ("line_number", "line", "is_cut_off")
    return list(zip(*(read[name].to_pylist() for name in columns), strict=True))


def numbered(*found: bytes) -> list[tuple[int, bytes, bool]]:
    return [(number, line, False) for number, line in enumerate(found, start=1)]


def test_lines_are_split_at_newline_only(tmp_path: Path) -> None:
    content = b"a\rb\r\n\x0b\x0c\x1c\x85\n\xe2\x80\xa8\xe2\x80\xa9\nlast"

    got = rows(tmp_path, content)

    assert got == numbered(b"a\rb\r", b"\x0b\x0c\x1c\x85", b"\xe2\x80\xa8\xe2\x80\xa9", b"last")


def test_bytes_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    assert rows(tmp_path, b"\xff\xfe\x00\n\xc3\n") == numbered(b"\xff\xfe\x00", b"\xc3")


def test_an_empty_line_is_a_line_and_an_empty_file_has_none(tmp_path: Path) -> None:
    assert rows(tmp_path, b"\n\nx\n\n") == numbered(b"", b"", b"x", b"")
    assert rows(tmp_path, b"") == []


@given(st.lists(st.binary(max_size=8).map(lambda line: line.replace(b"\n", b"\r")), max_size=9))
@settings(max_examples=50, deadline=None)
def test_packed_or_not_a_file_gives_its_lines(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes]
) -> None:
    joined = b"\n".join(content)
    plain, packed = (tmp_path_factory.mktemp("landing") for _ in range(2))

    expected = numbered(*(content if not content or content[-1] else content[:-1]))

    if not joined.startswith(b"\x1f\x8b"):
        assert rows(plain, joined) == expected
    assert rows(packed, gzip.compress(joined)) == expected


def test_many_small_and_one_large_line_are_numbered_through(tmp_path: Path) -> None:
    content = [b"%d" % n for n in range(45_000)]
    content.insert(30_000, b"x" * (9 << 20))

    got = rows(tmp_path, gzip.compress(b"\n".join(content) + b"\n", 1))

    assert got == numbered(*content)


def test_a_cut_gzip_keeps_what_it_gave_and_says_so_once(tmp_path: Path) -> None:
    content = b"".join(b"line %d\n" % n for n in range(20_000))
    packed = gzip.compress(content)[:-4_000]
    whole = zlib.decompressobj(31).decompress(packed)

    got = rows(tmp_path, packed)

    *before, rest = whole.split(b"\n")
    assert got == [*numbered(*before), (len(before) + 1, rest, True)]
    assert 0 < len(before) < 20_000


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"a\n")[:5], gzip.compress(b"a\n") + b"junk"],
    ids=["cut off in its head", "junk behind it"],
)
def test_a_damaged_gzip_ends_in_one_row_that_says_so(tmp_path: Path, content: bytes) -> None:
    got = rows(tmp_path, content)

    assert [is_cut_off for _, _, is_cut_off in got].count(True) == 1
    assert got[-1][2]


def test_every_sealed_file_gives_its_rows_in_the_tables_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    for day, name in (("2026-01-05", "07-a"), ("2026-01-06", "08-b"), ("2026-01-06", "09.part")):
        path = tmp_path / day / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() + b"\n\xff\n")
    days = Days(DAY, date(2026, 1, 6))
    files = seal(tmp_path, sealed=[], sealed_days=set(), days=days)
    frame = spark.createDataFrame([astuple(file) for file in files], BRONZE_FILES.schema)

    got = lines.build(frame, landing=str(tmp_path))

    assert got.columns == BRONZE_LINES.column_names
    said = got.withColumn("arrival_at", F.col("arrival_at").cast("string"))
    found = sorted(tuple(row) for row in said.collect())
    early = (DAY, "app", "07-a")
    late = (date(2026, 1, 6), "app", "08-b")
    assert found == [
        (*early, 1, "2026-01-05 07:00:00", b"07-a", False),
        (*early, 2, "2026-01-05 07:00:00", b"\xff", False),
        (*late, 1, "2026-01-06 08:00:00", b"08-b", False),
        (*late, 2, "2026-01-06 08:00:00", b"\xff", False),
    ]
