"""``nightmarket ui``: the Dagster UI on the home, its history kept."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands._days import console
from orchestration.runs import prepare
from orchestration.settings import Settings


def command(
    port: Annotated[int, typer.Option(help="Where the browser finds it.")] = 3000,
    host: Annotated[str, typer.Option(help="Which address it listens on.")] = "127.0.0.1",
) -> None:
    """Serve until interrupted; its processes end with it."""
    home = Settings().at_home
    prepare(home)
    console().print(f"http://{host}:{port}  (home: {home.root}; end with Ctrl-C)")
    dagster = Path(sys.executable).with_name("dagster")
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    arguments = ["dev", "-w", str(workspace), "--host", host, "--port", str(port)]
    # A group of its own: ending only the parent would leave the daemon and the servers running.
    served = subprocess.Popen([dagster, *arguments], start_new_session=True)  # noqa: S603

    def end(*_: object) -> None:
        os.killpg(served.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    raise typer.Exit(max(served.wait(), 0))
