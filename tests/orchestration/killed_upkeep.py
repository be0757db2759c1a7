"""Kills upkeep before every one of its steps, and holds what it leaves against its promises.

Run as a process of its own by test_upkeep: ``killed_upkeep.py FOLDER``. Everything that may be
killed runs in a fork. Prints the number of steps; any broken promise is an exception.
"""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg

from etl.bronze.files import SealedFile, SealError, seal
from etl.days import one_day
from etl.home import Home
from etl.lake_files import ForgottenDayError, LakeFiles
from etl.tables import BRONZE_FILES
from scoring.reader import top
from tests.orchestration.old_home import (
    FEED,
    FIRST,
    LAST,
    PROPOSALS,
    WRITTEN,
    nth,
    open_home,
    tree,
    upkeep,
)
from tests.scoring.killed_publisher import forked, killed_at, was_killed

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}


def tidied(home: Home) -> None:
    """Do one upkeep."""
    with dg.DagsterInstance.ephemeral() as history:
        upkeep(home, history).tidy()


def change_of(home: Home) -> Callable[[str, tuple], bool]:
    """Tell whether an event changes the home's files."""

    def is_change(event: str, args: tuple) -> bool:
        changes = event in CHANGES or (event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR))
        return bool(changes) and str(home.root) in str(args[0])

    return is_change


def require_well(home: Home) -> None:
    """Readers read, kept days are whole, and other days are there or refused by name."""
    if not top(home.publications, "nobody", FEED)["items"]:
        raise AssertionError("readers see nothing")
    files = LakeFiles(home.lake, FIRST)
    for day in WRITTEN:
        require_read(files, day)
    known = [SealedFile(**row) for row in files.made(BRONZE_FILES).to_pylist()]
    try:
        seal(home.landing, sealed=known, sealed_days={nth(1)}, days=one_day(nth(1)))
    except SealError as error:
        if "upkeep cleaned" not in str(error):
            raise


def require_read(files: LakeFiles, day: date) -> None:
    """All of a day is there, or, of an old one, nothing is."""
    try:
        found = files.arrow(PROPOSALS, one_day(day)).column("user_id").to_pylist()
    except ForgottenDayError:
        if day == LAST:
            raise
        return
    if found != [f"of {day}"]:
        raise AssertionError(f"of {day} was read {found}")


def main(folder: Path) -> None:
    """Kill it before its first, second, … step, each time in a fresh copy of the home."""
    forked_home = folder / "home"
    was_killed(forked(lambda: open_home(forked_home) and None))
    whole = Home(folder / "whole")
    shutil.copytree(forked_home, whole.root)
    for _ in range(2):
        was_killed(forked(lambda: tidied(whole)))
    step, is_killed = 0, True
    while is_killed:
        step += 1
        home = Home(folder / f"killed-{step}")
        shutil.copytree(forked_home, home.root)
        work = killed_at(step, change_of(home), lambda home=home: tidied(home))
        is_killed = was_killed(forked(work))
        was_killed(forked(lambda home=home: require_mended(home, whole)))
        shutil.rmtree(home.root)
    sys.stdout.write(str(step - 1))


def require_mended(home: Home, whole: Home) -> None:
    """All is well after the kill, and after two upkeeps more it is as if nobody had been killed."""
    require_well(home)
    tidied(home)
    tidied(home)
    require_well(home)
    if tree(home) != tree(whole):
        raise AssertionError(f"left otherwise: {tree(home) ^ tree(whole)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
