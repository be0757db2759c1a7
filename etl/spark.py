"""The one Spark session: Delta tables, UTC, and settings that suit one machine.

Delta's jars and the JVM class archive belong to the installation (``make setup`` puts them below
``sys.prefix``), not to a home. What can go wrong at the start is said in ``SparkStartError``.
"""

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyspark import SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from etl import python_workers

MIN_JAVA: Final = 17
INSTALLATION: Final = Path(sys.prefix) / "share" / "nightmarket"
JARS: Final = INSTALLATION / "jars"
CLASS_ARCHIVE: Final = INSTALLATION / "spark.jsa"
_LOGGING: Final = Path(__file__).with_name("log4j2.properties")

INSTALL_JAVA: Final = (
    "Install Java 17 or 21 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; Fedora: "
    "dnf install java-21-openjdk-headless; macOS: brew install openjdk@21), or set JAVA_HOME to it."
)

_SETTINGS: Final = {
    "spark.app.name": "nightmarket",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # The defaults are meant for clusters: 200, 50 and 10,000 tasks for a few files.
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    # Delta's log has named the files: a look at each of them needs no job.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # One row holds a user's arrays: 10,000 such rows in a batch would be hundreds of MB.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    # The JVM never compiles a method of more bytecode than that: wide aggregates run 3 to 5 times
    # faster without whole-stage code generation than interpreted (measured on the checks).
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # A night has more generated classes than the 100 that are kept: a surface's were written,
    # compiled and made fast anew for the next surface (a sixth of what tasks did, sampled).
    "spark.sql.codegen.cache.maxEntries": "3000",
    # Each query is written out for a UI that is off, the shorter the better.
    "spark.sql.ui.explainMode": "simple",
    # Arrow decodes a group of rows at a time, of examples a million rows in the usual 128 MB: half
    # the memory and a third less time, for files as large and sooner written (measured).
    "spark.hadoop.parquet.block.size": str(32 << 20),
    "spark.python.daemon.module": "etl.python_workers",
    # Where a column was made, asked of the JVM for every one: its traces name our line anyway.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
# A small night runs each plan once over a few rows: compiling it costs more than it saves.
_SHORT_LIVED: Final = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Each sort and each aggregate takes a page at once: 64 MB, cleared, for what are a few rows.
    "spark.buffer.pageSize": "2m",
}
# What a night compiles best is used for seconds: ten times the counts at which the JVM's second
# compiler begins cost long nights nothing and take a third off what short ones spend (measured:
# docs/performance.md).
_LATER: Final = {
    "Tier4InvocationThreshold": 50_000,
    "Tier4MinInvocationThreshold": 6_000,
    "Tier4CompileThreshold": 150_000,
    "Tier4BackEdgeThreshold": 400_000,
}
# One kernel thread a worker: pools of two collapse when a neighbour runs (measured).
_WORKER_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "ARROW_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_CLASSES: Final = {
    "functions": ("col", "lit"),
    "org.apache.spark.sql.functions": ("col", "lit", "expr", "struct", "when", "array"),
    "org.apache.spark.sql.classic.SparkSession": ("getActiveSession",),
    "PythonUtils": ("toSeq", "toList"),
}
"""What pyspark asks the JVM for whenever a column is named, by its class."""
_starting: Final = threading.Lock()


class SparkStartError(RuntimeError):
    """Spark cannot start on this machine; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SparkConfig:
    """Where Spark runs and how much of the machine it may take."""

    master: str = "local[*]"
    """Threads of this process, or the address of a cluster's master."""
    driver_memory: str = "4g"
    """The JVM's heap. What grows with users never comes here."""
    shuffle_partitions: int = 2
    """Tasks after a shuffle. No row depends on it."""
    is_short_lived: bool = False
    """Compile little (C1 only, plans interpreted): a third off a small night's cpu, but slower per
    row. For tests and small lakes."""
    worker_imports: tuple[str, ...] = ()
    """Modules that are imported once, before workers are forked, and not by each of them."""
    is_chatty: bool = False
    """Let Spark log warnings and errors of its own to stderr; otherwise only what is raised."""


def running() -> SparkSession | None:
    """Return this process's session as it is, its settings untouched; None before its start."""
    try:
        # The active one is of a thread; any thread may ask.
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


GONE: Final = (
    "Spark's JVM ended while it worked: killed, most often by the kernel for want of memory "
    "(dmesg says 'Out of memory'). Nothing was harmed: run it again with less beside it, with "
    "NIGHTMARKET_STEPS=1, or with more NIGHTMARKET_BUCKETS."
)
"""What to tell whoever finds only that a connection was refused."""


def is_gone() -> bool:
    """Tell whether the JVM that this process started has ended, so that no step can work."""
    context = SparkContext._active_spark_context
    process = getattr(getattr(context, "_gateway", None), "proc", None)
    return process is not None and process.poll() is not None


def session(config: SparkConfig, extra: Mapping[str, str] | None = None) -> SparkSession:
    """Return the running session, or start one.

    Args:
        config: Where it runs and with what memory; ignored by Spark where a session runs already.
        extra: Spark settings that replace the project's own.

    Raises:
        SparkStartError: If Java is missing or too old, or Delta's jars are not there.
    """
    _require_jars()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    if config.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name in _WORKER_THREADS:
        os.environ.setdefault(name, "1")
    with _starting:
        # Steps that run side by side may all be the first to ask.
        found = None if extra else running()
        return found or _started(config, extra or {})


def _started(config: SparkConfig, extra: Mapping[str, str]) -> SparkSession:
    builder = SparkSession.builder
    for name, value in {**_SETTINGS, **_of_machine(config), **extra}.items():
        builder.config(name, value)
    try:
        with nullcontext() if config.is_chatty else _quiet_start():
            started = builder.getOrCreate()
    except (PySparkRuntimeError, FileNotFoundError) as error:
        raise _explain() from error
    _know_by_name(started)
    if not config.is_chatty:
        # It repeats as JSON, a page long, what is raised anyway.
        PySparkLogger.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
        # A thread of pyspark's that prints its trace where the JVM was killed: steps say it.
        counts: Any = started.sparkContext._accumulatorServer
        counts.handle_error = _say_nothing
    return started


def _say_nothing(*_: object) -> None:
    """Let an error pass that is told elsewhere."""


def _know_by_name(session: SparkSession) -> None:
    """Look the busiest classes up once.

    Py4J asks the JVM anew whenever one is named, which then looks through all its jars for names
    that are none: three seconds of a small night.
    """
    jvm: Any = session.sparkContext._jvm
    for name, methods in _CLASSES.items():
        if name in vars(jvm):
            continue
        found = getattr(jvm, name)
        for method in methods:
            setattr(found, method, getattr(found, method))
        setattr(jvm, name, found)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep what the starting JVM prints to stderr away from the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _of_machine(config: SparkConfig) -> dict[str, str]:
    return {
        **(_SHORT_LIVED if config.is_short_lived else {}),
        "spark.master": config.master,
        "spark.driver.memory": config.driver_memory,
        f"spark.executorEnv.{python_workers.IMPORTS}": " ".join(config.worker_imports),
        "spark.sql.shuffle.partitions": str(config.shuffle_partitions),
        "spark.jars": ",".join(str(jar) for jar in sorted(JARS.glob("*.jar"))),
        "spark.driver.extraJavaOptions": _java_options(config),
    }


def _java_options(config: SparkConfig) -> str:
    options = ["-XX:+UseSerialGC", "-Xshare:auto"]
    if not config.is_chatty:
        options.append(f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}")
    if CLASS_ARCHIVE.exists():
        options.append(f"-XX:SharedArchiveFile={CLASS_ARCHIVE}")
    if config.is_short_lived:
        # With one compiler the JVM keeps 48 MB for code; a night fills that, and then spends up to
        # a quarter of its cpu on throwing out methods and compiling them again.
        # Half of its collections are full ones, made because the classes outgrow a first 20 MB.
        options += ["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"]
        options += ["-XX:MetaspaceSize=160m"]
    else:
        options += [f"-XX:{name}={count}" for name, count in _LATER.items()]
    return " ".join(options)


def _require_jars() -> None:
    if not list(JARS.glob("delta-spark*.jar")):
        raise SparkStartError(
            f"Delta's jars are not in {JARS}. Run `make setup` (or `python -m etl.jars`) once with "
            "a connection to Maven Central or a mirror of it."
        )


def java_version() -> int | None:
    """Ask the Java that Spark would start for its major version; None if there is none."""
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(version[1]) if version else None


def require_java() -> None:
    """Refuse where no Java, or one too old, would start.

    Raises:
        SparkStartError: It says how to install one.
    """
    found = java_version()
    if found is None:
        raise SparkStartError(f"No Java found. {INSTALL_JAVA}")
    if found < MIN_JAVA:
        raise SparkStartError(f"Java {found} is too old. {INSTALL_JAVA}")


def _explain() -> SparkStartError:
    """Say why Spark did not start, which Spark itself only calls ``JAVA_GATEWAY_EXITED``."""
    require_java()
    return SparkStartError(
        "Java is there, but Spark did not start; run with --debug to see its own words. "
        "`nightmarket doctor` looks at jars, memory and disk."
    )
