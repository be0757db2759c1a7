"""Nights that are killed: what is left is made whole by running the night again, and by that alone.

What a SIGKILL leaves is what lies on the disk at that moment. A table's write has four such states
(``Left``); each is planted in all tables of a night at once, and the night is made again over it.
Beside that real nights are killed at random moments. Kills inside a publication have a file of
their own (``test_publication_kills``).
"""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from pyspark.sql import SparkSession

from etl.days import Days
from etl.home import Home
from orchestration.defs.nightly import TRAINED
from scoring import reader
from tests.orchestration import tiny_shop
from tests.orchestration.nights import (
    FEED,
    MADE_BY_ROWS_ONLY,
    NIGHTMARKET,
    ROWS_ONLY,
    Shop,
    differing,
    night,
)
from tests.orchestration.tiny_shop import day

BEFORE = Days(day(1), day(2))
KILLED = day(3)
NUM_KILLS = 8
USERS = [f"user-{n}" for n in range(tiny_shop.NUM_USERS)]

pytestmark = pytest.mark.usefixtures("drill")


class Left(StrEnum):
    """What a kill leaves of a table's day."""

    NOTHING = "nothing: it came before the write"
    HALF_FILES = "halves of files that no commit names"
    FILES = "whole files that no commit names"
    COMMIT = "a commit, but no marker: it came after the write"


@dataclass(frozen=True)
class Nights:
    """A home before a night and after it."""

    before: Path
    after: Path


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, spark: SparkSession
) -> Nights:
    folder = tmp_path_factory.mktemp("kills")
    before, after = folder / "before", folder / "after"
    tiny_shop.open_shop(Home(before), Days(BEFORE.first, KILLED))
    shop = Shop(Home(before), definitions, spark)
    assert shop.run(ROWS_ONLY, night(BEFORE.first)).success
    assert shop.run("nightly", night(BEFORE.last)).success
    shutil.copytree(before, after)
    assert Shop(Home(after), definitions, spark).run("nightly", night(KILLED)).success
    return Nights(before, after)


@pytest.mark.parametrize("left", Left)
def test_a_night_is_made_again_over_what_a_kill_left_of_every_table(
    left: Left, nights: Nights, tmp_path: Path, definitions: dg.Definitions, spark: SparkSession
) -> None:
    home = tmp_path / "home"
    num_torn = plant(left, nights, home)

    assert Shop(Home(home), definitions, spark).run("nightly", night(KILLED)).success

    assert num_torn > 20
    assert changed(home, nights.after) == []
    assert answers(home) == answers(nights.after)


def plant(left: Left, nights: Nights, home: Path) -> int:
    """Make a home as kills in the middle of its last night leave it; say how many tables differ."""
    shutil.copytree(nights.before if left is Left.NOTHING else nights.after, home)
    shutil.rmtree(home / "publications")
    shutil.copytree(nights.before / "publications", home / "publications")
    for marker in (home / "lake" / "_days").rglob(str(KILLED)):
        marker.unlink()
    written = written_between(nights)
    for place in written:
        of_log = "_delta_log" in place.parts
        if of_log and left in {Left.FILES, Left.HALF_FILES}:
            (home / place).unlink()
        elif not of_log and left is Left.HALF_FILES:
            os.truncate(home / place, (home / place).stat().st_size // 2)
    return len({place.parts[1:3] for place in written})


def written_between(nights: Nights) -> list[Path]:
    """The files of tables that the night wrote, from the home on."""
    there = (path for path in (nights.after / "lake").rglob("*") if path.is_file())
    places = [path.relative_to(nights.after) for path in there]
    return [p for p in places if "_days" not in p.parts and not (nights.before / p).exists()]


def test_nights_killed_at_any_moment_leave_what_an_undisturbed_one_leaves(
    nights: Nights, tmp_path: Path
) -> None:
    home, drawn = tmp_path / "home", random.Random(7)
    shutil.copytree(nights.before, home)
    old, new = answers(home), answers(nights.after)
    usual_seconds = _undisturbed(nights, tmp_path / "undisturbed")

    with reading(home, allowed=(old, new)) as read:
        for kill in range(NUM_KILLS):
            with started(home) as killed:
                if kill == 0:
                    _require_refused(home, by=killed)
                time.sleep(drawn.random() * usual_seconds)
                # The out-of-memory killer takes one process, a machine that fails takes all.
                whole_group = kill % 2 == 0
                (os.killpg if whole_group else os.kill)(killed.pid, signal.SIGKILL)
        with started(home) as last:
            assert last.wait() == 0, told(home)
    assert changed(home, nights.after) == []
    assert answers(home) == new
    assert read.num_reads > 100
    assert read.broken == []
    _wait_for(lambda: _working_on(home) == [])


def test_a_night_whose_jvm_is_killed_says_so_and_can_be_run_again(
    nights: Nights, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(nights.before, home)

    with started(home) as hurt:
        os.kill(_jvm_of(hurt, home), signal.SIGKILL)
        hurt.wait()
    # Before its last sentence Py4J logs the trace of a refused connection, to the root logger.
    said = told(home).rpartition("nightmarket: ")[2]
    with started(home) as again:
        again.wait()

    assert hurt.returncode == 1
    assert "Spark's JVM ended while it worked" in said
    assert "Traceback" not in said
    assert again.returncode == 0, told(home)
    assert changed(home, nights.after) == []


@contextmanager
def started(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real night in a session of its own, which ends with what is done with it."""
    command = [NIGHTMARKET, "night", "--day", str(KILLED)]
    environment = os.environ | {"NIGHTMARKET_HOME": str(home)}
    _said(home).unlink(missing_ok=True)
    with _said(home).open("wb") as said:
        begun = subprocess.Popen(command, env=environment, stderr=said, start_new_session=True)
    try:
        yield begun
    finally:
        # A JVM whose Python was killed ends by itself: the next night begins beside it.
        if begun.poll() is None and not was_killed(begun):
            os.killpg(begun.pid, signal.SIGKILL)
            begun.wait()


def was_killed(begun: "subprocess.Popen[bytes]") -> bool:
    """Whether a process ended, or is about to, by a SIGKILL that it was sent."""
    with suppress(subprocess.TimeoutExpired):
        return begun.wait(5) == -signal.SIGKILL
    return False


def told(home: Path) -> str:
    """What the home's last night said, its lines joined."""
    return " ".join(_said(home).read_text().split())


def _said(home: Path) -> Path:
    return home.with_name(f"{home.name}.stderr")


def _undisturbed(nights: Nights, home: Path) -> float:
    """How many seconds a night takes that nobody kills."""
    shutil.copytree(nights.before, home)
    began = time.monotonic()
    with started(home) as whole:
        assert whole.wait() == 0, told(home)
    assert changed(home, nights.after) == []
    return time.monotonic() - began


def _require_refused(home: Path, by: "subprocess.Popen[bytes]") -> None:
    """A second night at the same time is refused, and told by whom."""
    working = home / "working"
    _wait_for(lambda: working.exists() and str(by.pid) in working.read_text())
    with started(home) as second:
        assert second.wait() == 1
    assert f"nightmarket night, process {by.pid}, is working on" in told(home)


def _jvm_of(begun: "subprocess.Popen[bytes]", home: Path) -> int:
    """The JVM of a night, once bronze was made, so that it has work to do."""
    marker = home / "lake" / "_days" / "bronze" / "lines" / str(KILLED)
    _wait_for(marker.exists)
    found: list[int] = []
    _wait_for(lambda: bool(found.extend(_children(begun.pid, "java")) or found))
    return found[0]


def _working_on(home: Path) -> list[str]:
    """The processes that were started for a home and are there still."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("NIGHTMARKET_HOME") == str(home):
                found.append(process.name())
    return found


def _children(pid: int, name: str) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children() if child.name() == name]


def _wait_for(holds: Callable[[], bool], seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.05)


def changed(home: Path, other: Path) -> list[str]:
    """Which tables do not have the same rows on all days."""
    days, made = Days(BEFORE.first, KILLED), (*MADE_BY_ROWS_ONLY, *TRAINED)
    return differing(Home(home), Home(other), days, made)


def answers(home: Path) -> list[dict[str, Any]]:
    """What every user reads, and what a stranger does."""
    return [answer(home, user) for user in [*USERS, "stranger"]]


def answer(home: Path, user: str) -> dict[str, Any]:
    return reader.top(home / "publications", user, FEED)


@dataclass
class Reads:
    """What a reader saw."""

    num_reads: int = 0
    broken: list[str] = field(default_factory=list)


@contextmanager
def reading(home: Path, *, allowed: tuple[list[dict[str, Any]], ...]) -> Iterator[Reads]:
    """Read on and on beside what happens: each answer is whole, and none goes back in time."""
    seen, is_over = Reads(), threading.Event()

    def read_on() -> None:
        newest = 0
        while not is_over.is_set():
            for place, user in enumerate([*USERS, "stranger"]):
                try:
                    told = answer(home, user)
                    # The newest day first: what both days answer alike is of the newer.
                    of_day = max(n for n, all_ in enumerate(allowed) if all_[place] == told)
                except Exception as error:  # Whatever a reader meets is a broken promise.
                    seen.broken.append(f"{user}: {error!r}")
                    continue
                if of_day < newest:
                    seen.broken.append(f"{user} was taken back to day {of_day}")
                newest = max(newest, of_day)
                seen.num_reads += 1
            time.sleep(0.02)

    thread = threading.Thread(target=read_on)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()
