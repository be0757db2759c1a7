"""The same night on a standalone cluster of two workers, its home on a folder that all share."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyspark
import pytest

from etl.days import Days
from etl.home import Home
from orchestration.planning import EVERYTHING
from tests.orchestration import tiny_shop
from tests.orchestration.nights import backfill, differing
from tests.orchestration.tiny_shop import day

SPARK = Path(pyspark.__file__).parent
MEMORY = {"NIGHTMARKET_SPARK_MEMORY": "2g"}
NUM_WORKERS = 2
PATIENCE_SECONDS = 120
DAYS = Days(day(1), day(2))
ROWS = tuple(table for table in EVERYTHING if table.layer != "publications")

pytestmark = pytest.mark.usefixtures("drill")


def test_a_cluster_of_two_workers_leaves_the_same_rows(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    tiny_shop.open_shop(Home(here), DAYS)
    shutil.copytree(here, there)

    backfill(Home(here), DAYS, MEMORY | {"NIGHTMARKET_SPARK_MASTER": "local[2]"})
    with cluster(tmp_path / "cluster") as master:
        backfill(Home(there), DAYS, MEMORY | {"NIGHTMARKET_SPARK_MASTER": master})

    assert differing(Home(here), Home(there), DAYS, ROWS) == []
    told = (tmp_path / "cluster" / "master.log").read_text()
    assert len(set(re.findall(r"Registering worker \S+", told))) == NUM_WORKERS
    assert "Registered app nightmarket" in told


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a master and its workers, processes of their own; the master's address."""
    folder.mkdir()
    port, ui = _free_port(), _free_port()
    address = f"spark://127.0.0.1:{port}"
    of_master = ("master.Master", "--port", str(port), "--webui-port", str(ui))
    of_worker = ("worker.Worker", "--cores", "1", "--memory", "3g", "--webui-port", "0", address)
    running = [_started("master", of_master, folder)]
    try:
        _wait_for(ui, "status", "ALIVE")
        running += [_started(f"worker-{n}", of_worker, folder) for n in range(NUM_WORKERS)]
        _wait_for(ui, "aliveworkers", NUM_WORKERS)
        yield address
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _started(name: str, command: tuple[str, ...], folder: Path) -> "subprocess.Popen[bytes]":
    main, *arguments = command
    named = {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1"}
    # Its port is always the same, and nobody asks for it.
    named["SPARK_MASTER_OPTS"] = "-Dspark.master.rest.enabled=false"
    work = ["--work-dir", str(folder / name)] if name.startswith("worker") else []
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [
                str(SPARK / "bin" / "spark-class"),
                f"org.apache.spark.deploy.{main}",
                "--host",
                "127.0.0.1",
                *work,
                *arguments,
            ],
            env=os.environ | named,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _wait_for(port: int, name: str, value: object) -> None:
    """Wait until the master says something of itself."""
    until, told = time.monotonic() + PATIENCE_SECONDS, dict[str, object]()
    while told.get(name) != value:
        assert time.monotonic() < until, told
        time.sleep(0.2)
        address = f"http://127.0.0.1:{port}/json/"
        # A master that has just begun answers with the page for people.
        not_yet = (OSError, json.JSONDecodeError)
        with suppress(*not_yet), urllib.request.urlopen(address, timeout=10) as page:
            told = json.load(page)
