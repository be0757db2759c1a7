"""Cleans Dagster's history of old runs: their events, pictures and logs.

That a day was made stays known: where a run was the last to make a table's day, the history is told
so once more, without a run. Else the UI would call days missing whose rows are in the lake.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
from dagster import AssetRecordsFilter, RunsFilter
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from etl.upkeep import Pile

_WITHOUT_LOGS: Final = ("", "index")
"""Events without a run, and what all runs share."""


def piles(history: dg.DagsterInstance, *, now: datetime, num_days: int) -> Iterator[Pile]:
    """List the runs that began more than ``num_days`` ago, and what killed cleanings left.

    Whoever holds the home knows that none of them runs, whatever a killed one's status says.
    """
    for run in history.get_runs(RunsFilter(created_before=now - timedelta(days=num_days))):
        yield _pile(history, run.run_id, f"a run older than {num_days} days")
    for run_id in _without_run(history):
        yield _pile(history, run_id, "events of a run that is gone")


def _without_run(history: dg.DagsterInstance) -> list[str]:
    storage = history.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    found = sorted(set(storage.get_all_run_ids()) - set(_WITHOUT_LOGS))
    return [run_id for run_id in found if not history.has_run(run_id)]


def _pile(history: dg.DagsterInstance, run_id: str, why: str) -> Pile:
    files = [path for path in _files_of(history, run_id) if path.is_file()]

    def go() -> None:
        _remember_made(history, run_id)
        history.compute_log_manager.delete_logs(prefix=[run_id])
        history.delete_run(run_id)
        for path in _files_of(history, run_id):
            path.unlink(missing_ok=True)

    num_bytes = sum(path.stat().st_size for path in files)
    return Pile("dagster", why, (), len(files), num_bytes, go)


def _files_of(history: dg.DagsterInstance, run_id: str) -> list[Path]:
    """The files that a run's events lie in; ``delete_run`` empties them and leaves them there."""
    storage = history.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    path = Path(storage.path_for_shard(run_id))
    return [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]


def _remember_made(history: dg.DagsterInstance, run_id: str) -> None:
    made = history.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    for entry in made:
        event = entry.asset_materialization
        if event is not None and event.partition and _is_last(history, event, run_id):
            said = {"run": f"{run_id}, cleaned since"}
            history.report_runless_asset_event(
                dg.AssetMaterialization(event.asset_key, partition=event.partition, metadata=said)
            )


def _is_last(history: dg.DagsterInstance, made: dg.AssetMaterialization, run_id: str) -> bool:
    """Tell whether no later run has made the same day of the table."""
    of_day = AssetRecordsFilter(asset_key=made.asset_key, asset_partitions=[str(made.partition)])
    found = history.fetch_materializations(of_day, limit=1).records
    return bool(found) and found[0].run_id == run_id
