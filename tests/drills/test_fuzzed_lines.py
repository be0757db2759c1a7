"""No bytes break the reading of a log: lines = events + rejected + duplicates, in every file.

A million lines, spoiled by ``tests.drills.mutators`` (20,000 in ``make test``), go through Spark's
parse as a night's do: of our app's log in all its versions, of envelopes of a foreign log, and of
public logs through their adapters. Other proofs of it: ``tests/etl/silver/test_app_line.py`` and
``tests/etl/sources/test_adapter.py`` (any bytes to the line readers),
``tests/etl/test_real_logs.py`` (public logs as they are),
``tests/simulator/app_log/test_silver_reads.py`` (each kind of dirt).
"""

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from random import Random

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from etl.arrow import arrow_schema
from etl.days import one_day
from etl.silver.parse import parse_batch, schema
from etl.sources import app_log
from etl.sources.adapter import Adapter
from etl.sources.known import BY_NAME
from etl.sources.load import lines_of
from etl.tables import BRONZE_LINES
from etl.tables.silver import REJECT_REASONS
from simulator.config import ShopConfig
from simulator.simulate import make
from tests.drills.mutators import MUTATORS, mutated
from tests.etl.test_real_logs import balance, real
from tests.orchestration import tiny_shop

DAY = tiny_shop.FIRST_DAY
SHARES = {"app": 0.5, "envelopes": 0.2, "rees46": 0.15, "taobao": 0.15}
NUM_SMALL, NUM_WHOLE = 20_000, 1_000_000
LINES_OF_FILE = 25_000
EXAMPLES_SMALL, EXAMPLES_WHOLE = 60, 2_000


def envelopes(adapter: Adapter, lines: Iterable[bytes]) -> Iterator[bytes]:
    return map(msgspec.json.encode, adapter.envelopes(lines))


def of_app(root: Path) -> list[bytes]:
    """Lines of all versions, dirt included; of one evening, so that all of them arrive in time."""
    make(root, ShopConfig(users=120, items=60, days=1, seed=3, start=DAY), lambda _: None)
    files = sorted((root / "landing" / str(DAY)).glob("*/*"))
    return [line for file in files for line in lines_of(file)][:20_000]


def of_envelopes() -> list[bytes]:
    """Envelopes that name their event, as few logs do, so that few of them are the same one."""
    columns = (*tiny_shop.COLUMNS, "id")
    mapping = replace(tiny_shop.MAPPING, columns={name: name for name in columns})
    rows = [row for seed in range(10) for row in tiny_shop.rows_of(DAY, seed)]
    lines = [",".join((*row, f"{number:016x}")).encode() for number, row in enumerate(rows)]
    adapter = Adapter(mapping, "shop.csv")
    return list(envelopes(adapter, [",".join(columns).encode(), *lines]))


@pytest.fixture(scope="module")
def app_lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return of_app(tmp_path_factory.mktemp("app"))


def landed(landing: Path, source: str, lines: Iterable[bytes], day: date) -> int:
    """Write lines into files of some size, every second one packed; how many lines they are."""
    folder = landing / str(day) / source
    folder.mkdir(parents=True)
    given, num_lines, number = iter(lines), 0, 0
    while part := list(islice(given, LINES_OF_FILE)):
        content = b"\n".join(part) + b"\n"
        kept = gzip.compress(content, 1) if number % 2 else content
        (folder / f"23-{number:04}.jsonl{'.gz' if number % 2 else ''}").write_bytes(kept)
        num_lines += content.count(b"\n")
        number += 1
    return num_lines


def assert_accounted_for(
    spark: SparkSession, landing: Path, day: date, num_lines: int
) -> dict[str, int]:
    """Every line that was written is an event, a rejection or a duplicate; each kind is there."""
    found = balance(spark, landing, one_day(day))
    lines = found["lines"]
    assert lines["num_lines"] == num_lines
    assert found["reasons"].total() == lines["num_rejected_lines"]
    assert set(found["reasons"]) <= set(REJECT_REASONS)
    # Fuzz that is all noise, or none, proves nothing.
    assert lines["num_events"] > num_lines * 0.1
    assert lines["num_duplicate_lines"] > num_lines * 0.01
    assert lines["num_rejected_lines"] > num_lines * 0.2
    return dict(found["reasons"])


def num_of(source: str, *, is_whole: bool) -> int:
    return int(SHARES[source] * (NUM_WHOLE if is_whole else NUM_SMALL))


def test_spoiled_lines_of_the_apps_log_are_accounted_for(
    spark: SparkSession, tmp_path: Path, app_lines: list[bytes], *, is_whole: bool
) -> None:
    number = num_of("app", is_whole=is_whole)
    spoiled = mutated(app_lines, number, Random(11))

    num_lines = landed(tmp_path, app_log.SOURCE, spoiled, DAY)

    reasons = assert_accounted_for(spark, tmp_path, DAY, num_lines)
    assert num_lines >= number
    assert len(reasons) >= 13


def test_spoiled_envelopes_are_accounted_for(
    spark: SparkSession, tmp_path: Path, *, is_whole: bool
) -> None:
    number = num_of("envelopes", is_whole=is_whole)
    spoiled = mutated(of_envelopes(), number, Random(12))

    num_lines = landed(tmp_path, "foreign", spoiled, DAY)

    reasons = assert_accounted_for(spark, tmp_path, DAY, num_lines)
    assert num_lines >= number
    assert len(reasons) >= 10


@pytest.mark.parametrize(
    ("source", "file", "day"),
    [
        ("rees46", "rees46/2019-Oct.csv", date(2019, 10, 1)),
        ("taobao", "taobao_userbehavior/UserBehavior.csv", date(2017, 12, 3)),
    ],
)
def test_spoiled_lines_of_a_public_log_are_accounted_for(
    spark: SparkSession, tmp_path: Path, source: str, file: str, day: date, *, is_whole: bool
) -> None:
    header, *lines = lines_of(real(file))
    mapping = BY_NAME[source]
    if mapping.header is not None:
        lines = [header, *lines]
    number = num_of(source, is_whole=is_whole)
    spoiled = b"\n".join(mutated(lines, number, Random(13))).split(b"\n")
    with_header = spoiled if mapping.header is not None else [header, *spoiled]

    said = envelopes(Adapter(mapping, file), with_header)
    num_lines = landed(tmp_path, source, said, day)

    assert_accounted_for(spark, tmp_path, day, num_lines)
    assert num_lines == len(spoiled) >= number


def rows_of(source: str, lines: Sequence[bytes]) -> pa.Table:
    """What parse makes of lines, without Spark."""
    size, arrow = len(lines), arrow_schema(schema())
    columns = {
        "arrival_date": [DAY] * size,
        "source": [source] * size,
        "file_name": ["23-a.jsonl"] * size,
        "line_number": range(1, size + 1),
        "arrival_at": [datetime(DAY.year, DAY.month, DAY.day, 23, tzinfo=UTC)] * size,
        "line": list(lines),
        "is_cut_off": [False] * size,
    }
    batch = pa.record_batch(columns, schema=arrow_schema(BRONZE_LINES.schema))
    return pa.Table.from_batches(parse_batch(batch, arrow), arrow)


def spoiled_by(draw_from: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A real line, spoiled by what hypothesis chooses, so that it says the smallest that fails."""

    def spoil(line: bytes, steps: list[tuple[Callable, int]]) -> bytes:
        for mutator, seed in steps:
            line = mutator(Random(seed), line, draw_from[seed % len(draw_from)])
        return line

    steps = st.lists(st.tuples(st.sampled_from(MUTATORS), st.integers(0, 2**16)), max_size=4)
    return st.builds(spoil, st.sampled_from(draw_from), steps)


@pytest.mark.parametrize("source", [app_log.SOURCE, "foreign"])
def test_each_line_of_a_batch_gets_one_verdict_whatever_stands_beside_it(
    app_lines: list[bytes], source: str, *, is_whole: bool
) -> None:
    seeds = app_lines[:500] if source == app_log.SOURCE else of_envelopes()

    @given(st.lists(spoiled_by(seeds) | st.binary(max_size=50), min_size=1, max_size=8))
    @settings(max_examples=EXAMPLES_WHOLE if is_whole else EXAMPLES_SMALL)
    def holds(lines: list[bytes]) -> None:
        found = rows_of(source, lines)

        assert sorted(found["line_number"].to_pylist()) == list(range(1, len(lines) + 1))
        for row in found.select(["event_id", "event_type", "event_at", "reason"]).to_pylist():
            said = [row[name] is not None for name in ("event_id", "event_type", "event_at")]
            assert said == [row["reason"] is None] * 3
        alone = [rows_of(source, [line])["reason"][0].as_py() for line in lines]
        together = found.sort_by("line_number")["reason"].to_pylist()
        assert alone == together

    holds()
