import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import settings
from pyspark.sql import SparkSession

from etl import spark as etl_spark
from etl.lake import Lake
from etl.spark import SparkConfig

FIRST_DAY = date(2026, 1, 1)
WITH_NIGHTS = {Path(__file__).parent / name for name in ("orchestration", "drills")}
LONGEST = {"test_many_nights"}
"""Of the long proofs."""

# Before anything of orchestration is imported: partitions read the home's first day at import. The
# calendar begins on a stand-in day, since there is no lake.
os.environ["NIGHTMARKET_HOME"] = str(Path(tempfile.gettempdir()) / "nightmarket-no-such-home")

# A busy machine makes no example wrong.
settings.register_profile("nightmarket", deadline=None)
settings.load_profile("nightmarket")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``make drill`` ask for the long proofs."""
    parser.addoption("--drill", action="store_true", help="the long proofs, in their whole size")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep files in one process each, and all that ask Spark in two: one session a process.

    Long proofs are dealt out by file, the longest first: each process that gets one has a session.
    """
    is_drill = bool(config.getoption("--drill"))
    if is_drill:
        items.sort(key=lambda item: item.path.stem not in LONGEST)
    of_spark = {item.path for item in items if "spark" in getattr(item, "fixturenames", ())}
    for item in items:
        makes_nights = not WITH_NIGHTS.isdisjoint(item.path.parents)
        of_session = "spark of nights" if makes_nights else "spark of tables"
        is_by_file = item.path not in of_spark or is_drill
        group = str(item.path) if is_by_file else of_session
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One session a run, of two threads, compiled for a short life."""
    session = etl_spark.session(
        SparkConfig(master="local[2]", driver_memory="2g", is_short_lived=True)
    )
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """An empty lake whose first day is 2026-01-01."""
    return Lake(spark, tmp_path / "lake", FIRST_DAY)


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """The whole code location, loaded once a run."""
    from orchestration.definitions import defs

    return defs()
