"""Publishes again and again, is killed at every step, and reads meanwhile.

Run as a process of its own by test_publication_kills: ``killed_publisher.py FOLDER KILLS``.
Everything that may be killed runs in a fork. Prints what was seen as JSON; any broken promise is an
exception.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from pyarrow import acero, dataset

from scoring.publish import log_rows, rollback
from scoring.published import read_current
from scoring.reader import top
from tests.scoring.published_rows import DAY, NOW, catalogue, offer, place, publish_feed, row

SURFACES = ("product_feed", "short_videos")
LOADED_ONCE = (pd, acero, dataset)
"""What pyarrow imports at first use: once here, and not in every fork."""


def publish_day(folder: Path, number: int) -> None:
    """Publish day <number>: every title and the day itself tell it."""
    day = DAY + timedelta(days=number)
    rows = [row(f"u{user}", [place(1), place(2), place(3)]) for user in range(20)]
    titles = {f"p{item}": str(number) for item in range(1, 10)}
    publish_feed(
        folder,
        surfaces={surface: offer(*rows, day=day) for surface in SURFACES},
        items=catalogue(**titles),
        now=NOW + timedelta(hours=number),
    )


def number_read(folder: Path, surface: str) -> int:
    """Read a slate and make sure that all of it is of one day."""
    answer = top(folder, "u7", surface)
    number = (date.fromisoformat(answer["day"]) - DAY).days
    told = [(item["item"], item["title"]) for item in answer["items"]]
    if told != [(f"p{item}", str(number)) for item in (1, 2, 3)]:
        raise AssertionError(f"a mixed slate was read: {answer}")
    return number


def served_id(folder: Path) -> str:
    """Which publication the pointer names."""
    return read_current(folder).publication_id


def forked(work: Callable[[], None]) -> int:
    """Start work in a process that can be killed; its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)


def was_killed(child: int) -> bool:
    """Wait for an end, which must be work done or the kill."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise AssertionError(f"the publisher failed with {status}")
    return status != 0


def killed_at(
    step: int, is_step: Callable[[str, tuple], bool], work: Callable[[], None]
) -> Callable[[], None]:
    """The same work, killed before the <step>th of what the interpreter audits as its steps."""
    left = [step]

    def count(event: str, args: tuple) -> None:
        if is_step(event, args):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        sys.addaudithook(count)
        work()

    return run


def touch_of(folder: Path) -> Callable[[str, tuple], bool]:
    """Tell whether an event touches the folder's files."""

    def is_touch(_event: str, args: tuple) -> bool:
        named = (os.fsdecode(a) for a in args if isinstance(a, str | bytes | Path))
        return any(str(folder) in name for name in named)

    return is_touch


def read_until(folder: Path, stop: Path) -> None:
    """Read again and again: never an error, never a step back."""
    seen, num_reads = 0, 0
    while not stop.exists():
        for surface in SURFACES:
            number = number_read(folder, surface)
            if number < seen:
                raise AssertionError(f"day {number} was read after day {seen}")
            seen, num_reads = number, num_reads + 1
        time.sleep(0.005)
    stop.write_text(str(num_reads))


def require_served(folder: Path, *numbers: int) -> None:
    """What is read, on every surface alike, is one of these days."""
    served = {number_read(folder, surface) for surface in SURFACES}
    if len(served) != 1 or not served <= set(numbers):
        raise AssertionError(f"{served} is served, and {numbers} were to be")


def require_logged(folder: Path, num_left: int) -> None:
    """No swap is lost from the log, no leftover lies in the folder."""
    logged = log_rows(folder, already_logged=[]).column("publication_id").to_pylist()
    there = sorted(path.name for path in folder.glob("[0-9]*"))
    if len(set(logged)) != len(logged) or logged[-len(there) :] != there or len(there) > num_left:
        raise AssertionError(f"logged {logged}, there {there}")
    if list(folder.glob(".part*")):
        raise AssertionError("a killed run's leftovers were not cleaned")


def kill_at_every_step(folder: Path, number: int) -> tuple[int, int]:
    """Kill publish n + 1 before its first, second, … step; each begins on the rests of the last.

    Every fifth time one is let through, and leaves the folder as if nobody had been killed.
    """
    step, is_killed = 0, True
    while is_killed:
        step += 1
        work = killed_at(step, touch_of(folder), lambda now=number: publish_day(folder, now + 1))
        is_killed = was_killed(forked(work))
        require_served(folder, number, number + 1)
        number = number_read(folder, SURFACES[0])
        if step % 5 == 0:
            was_killed(forked(lambda now=number: publish_day(folder, now + 1)))
            number += 1
            require_served(folder, number)
            require_logged(folder, num_left=7)
    return step - 1, number


def kill_at_any_time(folder: Path, number: int, num_kills: int, rng: random.Random) -> int:
    """Kill publishers after random times; nobody repairs anything between them."""
    began = time.monotonic()
    was_killed(forked(lambda: publish_day(folder, number + 1)))
    usual_s = time.monotonic() - began
    for kill in range(1, num_kills + 1):
        at = number + 1 + kill
        child = forked(lambda at=at: publish_day(folder, at))
        time.sleep(rng.random() * usual_s)
        os.kill(child, signal.SIGKILL)
        was_killed(child)
        require_served(folder, *range(number + 1, at + 1))
    last = number + num_kills + 2
    was_killed(forked(lambda: publish_day(folder, last)))
    require_served(folder, last)
    require_logged(folder, num_left=7)
    return last


def kill_rollbacks(folder: Path, number: int) -> int:
    """Kill a rollback at each step: readers see where it came from or where it goes."""
    was_killed(forked(lambda: publish_day(folder, number + 1)))
    newest_id = served_id(folder)
    step, is_killed = 0, True
    while is_killed:
        step += 1
        back = killed_at(
            step, touch_of(folder), lambda: rollback(folder, to=None, now=NOW) and None
        )
        is_killed = was_killed(forked(back))
        require_served(folder, number, number + 1)
        if served_id(folder) != newest_id:
            was_killed(forked(lambda: rollback(folder, to=newest_id, now=NOW) and None))
    return step - 1


def main(folder: Path, num_kills: int) -> None:
    """Do all of it with a reader beside."""
    stop = folder.parent / "stop"
    was_killed(forked(lambda: publish_day(folder, 1)))
    reader = forked(lambda: read_until(folder, stop))
    try:
        num_steps, number = kill_at_every_step(folder, 1)
        number = kill_at_any_time(folder, number, num_kills, random.Random(7))
    finally:
        stop.touch()
        was_killed(reader)
    num_back = kill_rollbacks(folder, number)
    seen = {"steps": num_steps, "rollback_steps": num_back, "reads": int(stop.read_text())}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
