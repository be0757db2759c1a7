"""Measures how fast lines of the app's log become typed columns: ``python -m benchmarks.parse``.

One core, silver's ``parse_batch`` over the lines of a landing folder, beside DuckDB that reads
the same lines from a plain file into a table. Best of some rounds, in cpu seconds. Neither the
reading of the files into memory nor Spark is counted for ours.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.bronze.files import SealedFile, seal
from etl.bronze.lines import read_file
from etl.days import Days
from etl.silver.parse import parse_batch, schema
from etl.sources.app_log import SOURCE

BATCH_LINES: Final = 10_000
"""As Spark hands them to a kernel."""
ROUNDS: Final = 5
_REFERENCE: Final = "type VARCHAR, id VARCHAR, host VARCHAR, started_at BIGINT"
_ITEM: Final = (
    f"STRUCT({_REFERENCE}, weekday VARCHAR, hour INTEGER, title VARCHAR, text VARCHAR, "
    "category VARCHAR, brand VARCHAR, seller VARCHAR, stock BIGINT, duration_ms BIGINT, "
    "products VARCHAR[], price_cents BIGINT, price VARCHAR)"
)
COLUMNS: Final = {
    **dict.fromkeys(("v", "position", "first_position", "quantity", "pos"), "INTEGER"),
    **dict.fromkeys(("at", "ts", "price_cents", "watch_ms"), "BIGINT"),
    **dict.fromkeys(
        ("id", "type", "event", "user", "uid", "session", "sid", "surface", "request", "req"),
        "VARCHAR",
    ),
    **dict.fromkeys(
        ("query", "comment", "host", "price", "item_type", "item_id", "country"), "VARCHAR"
    ),
    "time": "TIMESTAMPTZ",
    "app": "STRUCT(country VARCHAR, platform VARCHAR, language VARCHAR)",
    "device": "STRUCT(country VARCHAR, os VARCHAR, lang VARCHAR)",
    "item": _ITEM,
    "shown": f"STRUCT({_REFERENCE}, p DOUBLE)[]",
    "propensities": "DOUBLE[]",
}
"""The fields of all versions, as DuckDB is told them; lines that do not fit it leaves out."""


def sealed(landing: Path) -> list[SealedFile]:
    """List the shop's files of all days, as bronze seals them."""
    folders = sorted(landing.glob(f"????-??-??/{SOURCE}"))
    days = Days(*(date.fromisoformat(folders[end].parent.name) for end in (0, -1)))
    found = seal(landing, sealed=[], sealed_days=set(), days=days)
    return [file for file in found if file.source == SOURCE]


def landed(landing: Path) -> list[pa.RecordBatch]:
    """Read the shop's lines as bronze does, in batches as large as Spark's."""
    files = sealed(landing)
    whole = pa.Table.from_batches([batch for f in files for batch in read_file(landing, f)])
    return whole.combine_chunks().to_batches(max_chunksize=BATCH_LINES)


def write_plain(batches: Sequence[pa.RecordBatch], plain: Path) -> int:
    """Write all lines into one file, as DuckDB reads them; how many they are."""
    with plain.open("wb") as file:
        for batch in batches:
            file.writelines(line + b"\n" for line in batch.column("line").to_pylist())
    return sum(batch.num_rows for batch in batches)


def ours(batches: Sequence[pa.RecordBatch]) -> None:
    """Judge every line."""
    columns = arrow_schema(schema())
    for batch in batches:
        for _ in parse_batch(batch, columns):
            pass


def of_duckdb(path: Path) -> int:
    """Read a file of lines into a table; say how many rows it has."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        lines = connection.read_json(
            str(path), format="newline_delimited", columns=COLUMNS, ignore_errors=True
        )
        lines.create("lines")
        return int(connection.table("lines").count("*").fetchall()[0][0])


def cpu_seconds(*works: Callable[[], object]) -> list[float]:
    """Time each in turn for some rounds; the least of each is told."""
    rounds = [[_timed(work) for work in works] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(landing: Path) -> dict[str, float]:
    """Measure both, and say so per line and per megabyte."""
    batches = landed(landing)
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "lines.jsonl"
        num_lines = write_plain(batches, plain)
        num_bytes = plain.stat().st_size
        silver, duckdb_ = cpu_seconds(lambda: ours(batches), lambda: of_duckdb(plain))
        num_kept = of_duckdb(plain)
    return {
        "num_lines": num_lines,
        "bytes_per_line": num_bytes / num_lines,
        "silver_lines_per_second": num_lines / silver,
        "duckdb_lines_per_second": num_lines / duckdb_,
        "silver_megabytes_per_second": num_bytes / 1e6 / silver,
        "duckdb_share_of_lines_read": num_kept / num_lines,
        "silver_to_duckdb": silver / duckdb_,
    }


def main() -> None:
    """Measure a landing folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landing", type=Path, help="e.g. .nightmarket/landing of a simulated shop")
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    asked = parser.parse_args()
    found = measured(asked.landing)
    for name, value in found.items():
        print(f"{name:28} {value:,.2f}")  # noqa: T201
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
