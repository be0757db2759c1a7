"""A real ``nightmarket ui`` and what a browser asks of it, over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from etl.days import Days
from etl.tables import Table

PATIENCE_SECONDS = 300
_LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries {
    name locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
_LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_BACKFILL = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(
    backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message } } }"""
_RUNS = """query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { ... on Runs {
    results { runId status tags { key value } } } } }"""
_OF_BACKFILL = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status } } }"""
_STATUS = """query ($runId: ID!) { runOrError(runId: $runId) { ... on Run {
    status assetMaterializations { partition assetKey { path } } } } }"""
_CHECKS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
    runId evaluation { success severity description metadataEntries {
    ... on MarkdownMetadataEntry { label mdStr } } } } } } } } } }"""


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    run_id: str
    status: str
    made: set[str]
    """Paths of the tables that it made."""
    days: set[str]
    """And their days."""


@dataclass(frozen=True)
class Ui:
    """A server that answers."""

    url: str

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def materialize(self, tables: Sequence[Table], day: date) -> Ended:
        """Launch a run of some tables' day, and wait for its end."""
        selector = {
            "repositoryLocationName": "nightmarket",
            "repositoryName": "__repository__",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": table.path.split("/")} for table in tables],
        }
        tags = [{"key": "dagster/partition", "value": str(day)}]
        params = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": tags},
        }
        launched = self.ask(_LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return self._told(launched["run"]["runId"])

    def _told(self, run_id: str) -> Ended:
        run = _until(lambda: self._ended(run_id))
        made = {"/".join(m["assetKey"]["path"]) for m in run["assetMaterializations"]}
        days = {m["partition"] for m in run["assetMaterializations"]}
        return Ended(run_id, run["status"], made, days)

    def backfill(self, tables: Sequence[Table], days: Days) -> list[Ended]:
        """Launch a backfill of some tables' days as the UI's dialog does, and wait for its end."""
        params = {
            "assetSelection": [{"path": table.path.split("/")} for table in tables],
            "partitionNames": [str(day) for day in days],
        }
        launched = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        backfill_id = launched["backfillId"]
        _until(lambda: self._is_over(backfill_id))
        tag = {"key": "dagster/backfill", "value": backfill_id}
        runs = self.ask(_RUNS, tags=[tag])["runsOrError"]["results"]
        return [self._told(run["runId"]) for run in runs]

    def _is_over(self, backfill_id: str) -> bool:
        found = self.ask(_OF_BACKFILL, id=backfill_id)["partitionBackfillOrError"]
        return found["status"] not in {"REQUESTED", "CANCELING", "FAILING"}

    def check_of(self, table: Table, name: str) -> Mapping[str, Any]:
        """What the newest run found of a table's check."""
        found = self.ask(_CHECKS, key={"path": table.path.split("/")})["assetNodeOrError"]
        [check] = [c for c in found["assetChecksOrError"]["checks"] if c["name"] == name]
        return check["executionForLatestMaterialization"]["evaluation"]

    def is_loaded(self) -> bool:
        try:
            entries = self.ask(_LOCATION)["workspaceOrError"]["locationEntries"]
        except (urllib.error.URLError, ConnectionError):
            return False
        loaded = [e["locationOrLoadError"] for e in entries if e["locationOrLoadError"]]
        assert all(one["__typename"] != "PythonError" for one in loaded), loaded
        return bool(loaded)

    def _ended(self, run_id: str) -> dict[str, Any] | None:
        run = self.ask(_STATUS, runId=run_id)["runOrError"]
        return run if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} else None


@contextmanager
def serve(home: Path) -> Iterator[Ui]:
    """Serve a home until the block ends; the processes end with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("nightmarket"), "ui", "--port", str(port)]
    environment = {**os.environ, "NIGHTMARKET_HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    log = (home / "ui.log").open("wb")
    served = subprocess.Popen(
        command, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        ui = Ui(f"http://127.0.0.1:{port}")
        _until(ui.is_loaded)
        family = psutil.Process(served.pid).children(recursive=True)
        yield ui
        # As Ctrl-C does.
        served.send_signal(signal.SIGINT)
        assert served.wait(timeout=PATIENCE_SECONDS) == 0
        assert [one for one in family if one.is_running() and one.status() != "zombie"] == []
    finally:
        if served.poll() is None:
            served.send_signal(signal.SIGTERM)
            served.wait(timeout=PATIENCE_SECONDS)
        log.close()


def _until(found: Any) -> Any:  # noqa: ANN401
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if said := found():
            return said
        time.sleep(1)
    raise TimeoutError(f"nothing within {PATIENCE_SECONDS} s")
