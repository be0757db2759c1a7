"""Forty nights in a row: nothing grows but what is kept, and ranges leave the same rows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etl.days import Days
from etl.home import Home
from orchestration.defs.nightly import TRAINED
from tests.drills.soaked_home import FOLDERS
from tests.orchestration import tiny_shop
from tests.orchestration.nights import MADE_BY_ROWS_ONLY, rows_of
from tests.orchestration.tiny_shop import day

ROOT = Path(__file__).parents[2]
NIGHTMARKET = str(Path(sys.executable).with_name("nightmarket"))
NUM_NIGHTS = 40
COMPARED = Days(day(1), day(14))
WEEK = 7
"""Every seventh day tables hold all that is alive: weeks are compared, not days."""
MOST_GROWTH = 0.02
"""Of a week over the week before."""
KEPT_DAYS = 10

pytestmark = pytest.mark.usefixtures("drill")


@dataclass(frozen=True)
class Soaked:
    """A home after its nights."""

    at_14: Path
    """As it was after the days that are compared."""
    nights: list[dict[str, Any]]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log has landed, and nothing more."""
    home = tmp_path_factory.mktemp("landed") / "home"
    tiny_shop.open_shop(Home(home), Days(day(1), day(NUM_NIGHTS)))
    return home


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory, landed: Path) -> Soaked:
    home = tmp_path_factory.mktemp("soaked") / "home"
    shutil.copytree(landed, home)
    command = [sys.executable, "-m", "tests.drills.soaked_home", str(home), str(NUM_NIGHTS), "14"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    nights = [json.loads(line) for line in done.stdout.splitlines()]
    return Soaked(home.with_name("home-14"), nights)


def test_nothing_grows_over_forty_nights(
    soaked: Soaked, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {
        "wall_seconds": per_night(soaked, "wall_seconds"),
        "cpu_seconds": per_night(soaked, "cpu_seconds"),
        "python_mb": per_night(soaked, "python_mb"),
        "jvm_mb": per_night(soaked, "jvm_mb"),
    }
    for folder in FOLDERS:
        for unit in ("files", "bytes"):
            figures[f"{folder} {unit}"] = per_night(soaked, folder, unit)
    with capsys.disabled():
        sys.stdout.write(said(figures))

    grown = {name: growth(values) for name, values in figures.items() if "seconds" not in name}
    assert {name: grew for name, grew in grown.items() if grew > MOST_GROWTH} == {}


def per_night(soaked: Soaked, *path: str) -> np.ndarray:
    """One figure of all nights, in their order."""
    found = []
    for told in soaked.nights:
        value: Any = told
        for name in path:
            value = value[name]
        found.append(value)
    return np.array(found, float)


def growth(values: np.ndarray) -> float:
    """How much larger the last week's mean is than that of the week before it."""
    last, before = values[-WEEK:].mean(), values[-2 * WEEK : -WEEK].mean()
    return float(last / before - 1) if before else 0.0


def said(figures: dict[str, np.ndarray]) -> str:
    """A table of what the nights of each week had, and the slope of the last three."""
    lines = [f"\n{'':<20}{'week 1':>12}{'week 3':>12}{'week 5':>12}{'slope a night':>16}\n"]
    for name, values in figures.items():
        weeks = [values[start : start + WEEK].mean() for start in (0, 2 * WEEK, 4 * WEEK)]
        tail = values[-3 * WEEK :]
        slope = np.polyfit(np.arange(len(tail)), tail, 1)[0] / max(tail.mean(), 1e-9)
        lines.append(f"{name:<20}" + "".join(f"{w:>12,.0f}" for w in weeks) + f"{slope:>15.2%}\n")
    return "".join(lines)


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ([COMPARED], {"NIGHTMARKET_BUCKETS": "5"}),
        (
            [Days(day(1), day(3)), Days(day(4), day(14))],
            {"NIGHTMARKET_SPARK_MASTER": "local[1]", "NIGHTMARKET_BUCKETS": "3"},
        ),
    ],
    ids=["one range of 14 days", "3 and 11 days by one task"],
)
def test_fourteen_nights_and_ranges_leave_the_same_rows(
    soaked: Soaked, landed: Path, tmp_path: Path, ranges: list[Days], named: dict[str, str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    for days in ranges:
        command = [NIGHTMARKET, "backfill", "--from", str(days.first), "--to", str(days.last)]
        environment = os.environ | {"NIGHTMARKET_HOME": str(home)} | named
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    assert list(differing(soaked.at_14, home)) == []


def differing(one: Path, other: Path) -> Iterator[str]:
    """Which tables do not have the same rows on the days compared."""
    for table in (*MADE_BY_ROWS_ONLY, *TRAINED):
        of_one, of_other = (rows_of(Home(home), table, COMPARED) for home in (one, other))
        if not of_one.equals(of_other):
            yield table.path
