"""``python -m benchmarks.json_to_delta LANDING``: raw lines into a typed table, each event once.

From the sealed files of landing through Spark to ``silver/events`` in Delta, beside DuckDB that
reads the same lines from one plain file and writes Parquet; DuckDB rejects silently, counts what is
sent again twice and keeps no line's place. Cpu-seconds of all processes, in turns, after one round
that does not count: the JVM's start and first compilations are no part of what a line costs.
"""

from dataclasses import astuple
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import duckdb
import typer
from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from rich.console import Console

from benchmarks import figures
from benchmarks.figures import Row
from benchmarks.parse import COLUMNS, landed, sealed, write_plain
from etl import spark, tables
from etl.bronze import lines as bronze_lines
from etl.bronze.files import SealedFile
from etl.days import Days
from etl.lake import Lake
from etl.silver import events
from etl.silver.parse import PLACE, number, parse
from etl.spark import SparkConfig
from orchestration.cost import metered

_GOAL: Final = 2.0


def main(
    landing: Annotated[Path, typer.Argument(help="A simulated home's landing folder.")],
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")] = 3,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Measure both, print them, and write them where asked to."""
    console = Console()
    session = spark.session(SparkConfig())
    files = sealed(landing)
    with TemporaryDirectory(prefix="nightmarket-") as folder:
        plain = Path(folder) / "lines.jsonl"
        num_lines = write_plain(landed(landing), plain)
        spent: dict[str, list[float]] = {"ours": [], "DuckDB": []}
        for turn in range(rounds + 1):
            of_turn = Path(folder) / str(turn)
            with metered() as ours:
                _to_delta(session, landing, files, of_turn)
            with metered() as theirs:
                _to_parquet(plain, of_turn.with_suffix(".parquet"))
            if turn:
                spent["ours"].append(ours.cpu_seconds)
                spent["DuckDB"].append(theirs.cpu_seconds)
    row = Row(
        step=f"{num_lines:,} raw lines into typed columns",
        against="DuckDB, JSON to Parquet",
        unit="cpu-seconds",
        reference=median(spent["DuckDB"]),
        ours=median(spent["ours"]),
        limit=_GOAL,
    )
    console.print(figures.table([row], title="medians of cpu-seconds of all processes"))
    if json_ is not None:
        json_.write_text(figures.as_json([row]))


def _to_delta(session: SparkSession, landing: Path, files: list[SealedFile], root: Path) -> None:
    days = Days(files[0].arrival_date, files[-1].arrival_date)
    named = session.createDataFrame([astuple(f) for f in files], tables.BRONZE_FILES.schema)
    parsed = parse(bronze_lines.build(named, landing=str(landing)))
    numbered = number(parsed, parsed.select(*PLACE).where(F.lit(False)))
    # Kept as a night keeps it, for the three tables that share it (orchestration.defs.silver).
    numbered.persist(StorageLevel.DISK_ONLY)
    Lake(session, root, days.first).write(tables.SILVER_EVENTS, events.build(numbered), days)
    numbered.unpersist()


def _to_parquet(plain: Path, out: Path) -> None:
    with duckdb.connect() as connection:
        lines = connection.read_json(
            str(plain), format="newline_delimited", columns=COLUMNS, ignore_errors=True
        )
        lines.write_parquet(str(out))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
