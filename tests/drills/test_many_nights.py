"""Forty nights in a row: the last week takes and adds what the week before did, and ranges leave
the same rows.
"""

import json
import os
import shutil
import subprocess
import sys
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
from tests.orchestration.nights import MADE_BY_ROWS_ONLY, backfill, differing
from tests.orchestration.tiny_shop import day

ROOT = Path(__file__).parents[2]
NUM_NIGHTS = 40
TAKEN = ("wall_seconds", "cpu_seconds", "python_mb", "jvm_mb")
COMPARED = Days(day(1), day(14))
WEEK = 7
"""Every seventh day tables hold all that is alive: weeks are compared, not days."""
MOST_GROWTH = 0.03
"""Of a week over the week before."""
TOLD = {"models bytes added"}
"""Not judged: a week fits one ranker, as large as the trees that its examples ask for."""

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
    # What a table does not read any more goes after hours of the clock; these nights are minutes.
    environment = os.environ | {"NIGHTMARKET_KEEP_REMOVED_HOURS": "0"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    nights = [json.loads(line) for line in done.stdout.splitlines()]
    return Soaked(home.with_name("home-14"), nights)


def test_the_last_week_is_like_the_week_before(
    soaked: Soaked, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = {name: per_night(soaked, name) for name in TAKEN}
    added = {
        f"{folder} {unit} added": np.diff(per_night(soaked, folder, unit), prepend=0)
        for folder in FOLDERS
        for unit in ("files", "bytes")
    }
    with capsys.disabled():
        # A worker of pytest-xdist has no stdout that anybody sees.
        sys.stderr.write(said(taken | added))

    # Time is told and not judged: what else runs on the machine would show.
    judged = added | {name: taken[name] for name in ("python_mb", "jvm_mb")}
    grew = {name: growth(values) for name, values in judged.items() if name not in TOLD}
    assert {name: by for name, by in grew.items() if by > MOST_GROWTH} == {}


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
    """How much more the last week has than the week before it, as a share of that."""
    last, before = values[-WEEK:].sum(), values[-2 * WEEK : -WEEK].sum()
    return float((last - before) / max(abs(before), 1))


def said(figures: dict[str, np.ndarray]) -> str:
    """A table of what a night of each week had on average."""
    starts = range(0, NUM_NIGHTS - WEEK + 1, WEEK)
    lines = [f"\n{'a night':<24}" + "".join(f"{f'week {n + 1}':>12}" for n in range(len(starts)))]
    for name, values in figures.items():
        weeks = [values[start : start + WEEK].mean() for start in starts]
        lines.append(f"{name:<24}" + "".join(f"{week:>12,.0f}" for week in weeks))
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ([COMPARED], {"NIGHTMARKET_BUCKETS": "5", "NIGHTMARKET_PARTITIONS": "3"}),
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
        backfill(Home(home), days, named)

    made = (*MADE_BY_ROWS_ONLY, *TRAINED)
    assert differing(Home(soaked.at_14), Home(home), COMPARED, made) == []
