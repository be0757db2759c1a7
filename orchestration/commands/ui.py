"""``nightmarket ui``: the Dagster UI on the home, its history kept."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer

from orchestration.commands._days import console
from orchestration.runs import prepare
from orchestration.settings import Settings

_SUPERSEDED: Final = "ignore:Function `dev_command` is superseded"
_LOOK_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 30.0


def command(
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Where the browser finds it.")
    ] = 3000,
    host: Annotated[str, typer.Option(help="Which address it listens on.")] = "127.0.0.1",
) -> None:
    """Serve until interrupted; its processes end with it."""
    home = Settings().at_home
    prepare(home)
    console().print(f"Dagster starts on {home.root}; end it with Ctrl-C")
    dagster = Path(sys.executable).with_name("dagster")
    checkout = Path(__file__).parents[2]
    arguments = ["dev", "-w", str(checkout / "workspace.yaml"), "--host", host, "--port", str(port)]
    # At info the daemon says twice a minute that nothing has failed.
    arguments += ["--log-level", "warning"]
    asked: list[int] = []
    # Before the child is there: what a shell lets its background jobs ignore would be ignored by
    # the child too, and it would never end.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, _: asked.append(number))
    # A group of its own: ending only the parent would leave the daemon and the servers running.
    # And started beside its code: Dagster imports what lies where it was started before all else.
    served = subprocess.Popen(  # noqa: S603
        [dagster, *arguments], start_new_session=True, cwd=checkout, env=_environment()
    )
    _say_once_open(served, asked, host, port)
    heard = 0
    while served.poll() is None:
        if len(asked) > heard:
            _ask_to_end(served, at_once=heard > 0)
            heard = len(asked)
        time.sleep(_LOOK_SECONDS)
    _end_the_rest(served.pid)
    raise typer.Exit(max(served.returncode, 0))


def _ask_to_end(served: subprocess.Popen[bytes], *, at_once: bool) -> None:
    """Ask Dagster, which ends its daemon before the servers of code that a daemon's tick asks.

    Who asks again wants it over: all of its processes are asked then, and a tick may find no
    server and print so.
    """
    if at_once:
        os.killpg(served.pid, signal.SIGTERM)
    else:
        served.terminate()


def _end_the_rest(group: int) -> None:
    """Ask runs and servers of code that are left to end, wait, and end those that do not.

    Dagster itself waits for its web server and its daemon alone.
    """
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    until = time.monotonic() + _PATIENCE_SECONDS
    while _members(group) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    for left in _members(group):
        with suppress(psutil.NoSuchProcess):
            left.kill()


def _members(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            is_over = process.status() == psutil.STATUS_ZOMBIE
            if not is_over and os.getsid(process.pid) == group:
                found.append(process)
    return found


def _say_once_open(served: subprocess.Popen[bytes], asked: list[int], host: str, port: int) -> None:
    """Give the address when there is something to see under it, some seconds after the start.

    It is that of the tables: Dagster's first page shows no run that the command line made.
    """
    while served.poll() is None and not asked:
        # Of a name that cannot be resolved Dagster says so itself, and ends.
        with suppress(OSError), socket.create_connection((host, port)):
            shown = f"[{host}]" if ":" in host else host
            console().print(f"http://{shown}:{port}/asset-groups", markup=False)
            return
        time.sleep(_LOOK_SECONDS)


def _environment() -> dict[str, str]:
    """Let Dagster not begin by advising against the command that we start."""
    said = filter(None, (os.environ.get("PYTHONWARNINGS"), _SUPERSEDED))
    return {**os.environ, "PYTHONWARNINGS": ",".join(said)}
