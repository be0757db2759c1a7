"""What can be wrong with an installation or a home, and how to mend it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil

from etl import spark
from etl.home import Home, HomeError
from orchestration.settings import Settings

_MIN_DISK_GB: Final = 5
_SPARE_MEMORY_GB: Final = 2
_GB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    said: str
    """What was found; where it is not well, what to do."""


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a night needs."""
    yield _java()
    yield _jars()
    yield _memory(settings)
    yield _disk(settings.at_home)
    yield _home(settings.at_home)
    yield _publication(settings.at_home)


def _java() -> Finding:
    found = spark.java_version()
    if found is None:
        return Finding("Java", False, f"none found. {spark.INSTALL_JAVA}")
    if found < spark.MIN_JAVA:
        return Finding("Java", False, f"{found} is too old. {spark.INSTALL_JAVA}")
    return Finding("Java", True, str(found))


def _jars() -> Finding:
    jars = list(spark.JARS.glob("*.jar"))
    if not jars:
        said = "not fetched. Run `make setup` with a connection to Maven Central or a mirror of it."
        return Finding("Delta's jars", False, said)
    archive = "" if spark.CLASS_ARCHIVE.exists() else "; no class archive: sessions start slower"
    return Finding("Delta's jars", True, f"{len(jars)} in {spark.JARS}{archive}")


def _memory(settings: Settings) -> Finding:
    free = psutil.virtual_memory().available / _GB
    heap = gigabytes(settings.spark_memory)
    if free < heap + _SPARE_MEMORY_GB:
        said = (
            f"{free:.1f} GB are free; Spark's heap of {settings.spark_memory} and its workers need "
            f"{heap + _SPARE_MEMORY_GB:.0f}. End something, or set NIGHTMARKET_SPARK_MEMORY=2g."
        )
        return Finding("memory", False, said)
    return Finding("memory", True, f"{free:.1f} GB free, heap {settings.spark_memory}")


def gigabytes(said: str) -> float:
    """Read a size as Java is told it: a number and k, m or g."""
    return float(said[:-1]) / 1024 ** "gmk".index(said[-1].lower())


def _disk(home: Home) -> Finding:
    there = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(there).free / _GB
    if free < _MIN_DISK_GB:
        said = (
            f"{free:.1f} GB are free in {there}; at least {_MIN_DISK_GB} are needed. Free some, or "
            "set NIGHTMARKET_HOME to another disk."
        )
        return Finding("disk", False, said)
    return Finding("disk", True, f"{free:.0f} GB free in {there}")


def _home(home: Home) -> Finding:
    try:
        first = home.first_day()
    except HomeError as error:
        return Finding("home", not home.root.exists(), str(error))
    landed = sum(1 for _ in home.landing.glob("????-??-??"))
    return Finding("home", True, f"{home.root}: first day {first}, {landed} days landed")


def _publication(home: Home) -> Finding:
    is_there = (home.publications / "current").exists()
    said = "readers have one" if is_there else "none yet: nightmarket night --day D"
    return Finding("publication", True, said)
