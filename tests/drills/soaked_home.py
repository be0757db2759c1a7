"""Runs nights in a row in one process, upkeep behind them: ``soaked_home.py HOME NIGHTS``.

What each took and what lies there then is a JSON line on stdout. After the nights named behind
(``… HOME 40 14``) the home is copied beside itself (``HOME-14``), before upkeep forgets any day.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

FOLDERS = ("landing", "lake", "models", "publications", "dagster", "reports")


def main(home: Path, num_nights: int, kept_after: set[int]) -> None:
    """Run the nights of a home whose log has landed."""
    os.environ["NIGHTMARKET_HOME"] = str(home)
    # Only now: the calendar of Dagster's partitions is read from the home when it is imported.
    from etl.home import Home
    from orchestration import planning
    from orchestration.commands.tidy import tidy_if_due
    from orchestration.runs import run
    from orchestration.settings import Settings
    from tests.orchestration.tiny_shop import day

    with Path(os.devnull).open("w") as nowhere:
        quiet = Console(file=nowhere)
        for number in range(1, num_nights + 1):
            began, used = time.monotonic(), cpu_seconds()
            run(planning.night(day(number)), Home(home), quiet)
            tidy_if_due(Settings(), quiet)
            told = {
                "night": number,
                "wall_seconds": round(time.monotonic() - began, 1),
                "cpu_seconds": round(cpu_seconds() - used, 1),
                "python_mb": memory_mb(java=False),
                "jvm_mb": memory_mb(java=True),
                **{folder: stored(home / folder) for folder in FOLDERS},
            }
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            if number in kept_after:
                shutil.copytree(home, home.with_name(f"{home.name}-{number}"))
    # What Delta's Rust side does at an interpreter's end has ended it badly before.
    os._exit(0)


def cpu_seconds() -> float:
    """Of this process and of all its children."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def memory_mb(*, java: bool) -> int:
    """What this process, or its JVM, has resident."""
    own = psutil.Process()
    found = [p for p in own.children() if p.name() == "java"] if java else [own]
    return sum(process.memory_info().rss for process in found) >> 20


def stored(folder: Path) -> dict[str, Any]:
    """Count a folder's files and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"files": len(sizes), "bytes": sum(sizes)}


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]), set(map(int, sys.argv[3:])))
