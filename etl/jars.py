"""Fetches Delta's jars once and archives the classes that a session loads: ``python -m etl.jars``.

Both belong to the installation (``etl.spark.INSTALLATION``). Spark itself fetches the jars by their
coordinates, through whatever repository or mirror Ivy is set to; afterwards no network is needed.
"""

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from etl import spark
from etl.spark import CLASS_ARCHIVE, JARS, SparkConfig, SparkStartError

# What Delta asks for besides its own jars, pyspark ships already, and newer.
_SHIPPED_WITH_SPARK: Final = (
    "org.apache.hadoop:*,org.apache.parquet:*,org.apache.logging.log4j:*,"
    "com.fasterxml.jackson.core:*,com.fasterxml.jackson.datatype:*,com.github.luben:*,"
    "com.google.code.findbugs:*,commons-logging:*,commons-pool:*,io.airlift:*,io.unitycatalog:*,"
    "javax.annotation:*,org.locationtech.jts:*,org.roaringbitmap:*,org.slf4j:*,"
    "org.xerial.snappy:*"
)


def main() -> None:
    """Fetch what is missing; say what was done."""
    if not list(JARS.glob("delta-spark*.jar")):
        fetch(JARS)
        sys.stdout.write(f"Delta's jars: {len(list(JARS.glob('*.jar')))} files\n")
    if not CLASS_ARCHIVE.exists():
        archive_classes(CLASS_ARCHIVE)
        sys.stdout.write(f"Class archive: {CLASS_ARCHIVE.stat().st_size >> 20} MB\n")


def fetch(folder: Path) -> None:
    """Fetch Delta's jars into ``folder``.

    Raises:
        SparkStartError: If there is no Java, or the repository is not reached.
    """
    spark.require_java()
    with tempfile.TemporaryDirectory() as scratch:
        builder = SparkSession.builder.master("local[1]").config("spark.jars.ivy", scratch)
        coordinates = f"io.delta:delta-spark_4.2_2.13:{version('delta-spark')}"
        builder = builder.config("spark.jars.packages", coordinates)
        builder = builder.config("spark.jars.excludes", _SHIPPED_WITH_SPARK)
        builder = builder.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
        try:
            builder.getOrCreate().stop()
        except Exception as error:
            raise SparkStartError(
                f"{coordinates} was not fetched: no connection to Maven Central or a mirror of it."
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        for jar in sorted(Path(scratch, "jars").glob("*.jar")):
            shutil.copy(jar, folder / jar.name.removeprefix("io.delta_"))


def archive_classes(path: Path) -> None:
    """Let a JVM that wrote and read a small table leave its loaded classes in ``path``.

    A later JVM maps them instead of loading them one by one; another JVM ignores the file.
    """
    made = path.with_suffix(".part")
    code = f"from etl.jars import warm_up; warm_up({str(made)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # noqa: S603
    made.rename(path)


def warm_up(archive: str) -> None:
    """Write and read a small Delta table in a JVM that archives its classes when it ends."""
    options = f"-XX:+UseSerialGC -XX:ArchiveClassesAtExit={archive} -Xlog:disable"
    extra = {"spark.driver.extraJavaOptions": options}
    session = spark.session(SparkConfig(master="local[1]"), extra)
    with tempfile.TemporaryDirectory() as scratch:
        rows = session.range(100).selectExpr("id", "id % 7 as part", "array(id) as list")
        rows.write.format("delta").partitionBy("part").save(f"{scratch}/table")
        found = session.read.format("delta").load(f"{scratch}/table")
        found.groupBy("part").count().orderBy("part").collect()
    session.stop()


if __name__ == "__main__":
    try:
        main()
    except SparkStartError as error:
        sys.exit(str(error))
