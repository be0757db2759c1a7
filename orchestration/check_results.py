"""Collects what checks found on its way into data_quality/results.

A commit for every check would cost more than the checks of a small night. Each check leaves its
results in a file below ``lake/_checks``; the last asset of a run writes them all in one commit. A
check that blocks writes at once, because nothing may come after it. Files of a killed run are
written by the next.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.results import Result
from etl.arrow import arrow_schema
from etl.days import Days
from etl.lake import Lake
from etl.tables import DATA_QUALITY_RESULTS, PARTITION, Table

_writing: Final = threading.Lock()


def leave(lake: Lake, table: Table, days: Days, found: Sequence[Result]) -> None:
    """Leave the results of one table's check."""
    checked_at = datetime.now(UTC).isoformat()
    rows = [asdict(result) | {"run_id": lake.run_id, "checked_at": checked_at} for result in found]
    path = _folder(lake) / f"{table.path.replace('/', '-')}-{days.first}-{days.last}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows, default=str))
    part.rename(path)


def write(lake: Lake) -> int:
    """Write everything that was left into data_quality/results; each result replaces its older.

    Returns:
        Results written.
    """
    with _writing:
        return _written(lake)


def _written(lake: Lake) -> int:
    paths = sorted(_folder(lake).glob("*.json"))
    new = [_typed(row) for path in paths for row in json.loads(path.read_text())]
    for first, last in _stretches({row[PARTITION] for row in new}):
        _write(lake, Days(first, last), [row for row in new if first <= row[PARTITION] <= last])
    for path in paths:
        path.unlink()
    return len(new)


def _write(lake: Lake, days: Days, new: Sequence[dict[str, Any]]) -> None:
    table = DATA_QUALITY_RESULTS
    schema = arrow_schema(table.schema)
    fresh = pa.Table.from_pylist(list(new), schema=schema)
    made = lake.made_days(table) & set(days)
    known = [lake.files.arrow(table, Days(day, day)) for day in sorted(made)]
    kept = [_without(rows, fresh) for rows in known]
    rows = pa.concat_tables([*kept, fresh])
    lake.write(table, lake.spark.createDataFrame(rows, table.schema), days)


def _without(rows: pa.Table, fresh: pa.Table) -> pa.Table:
    """Leave out results of the tables that were checked again on that day."""
    day = rows.column(PARTITION)[0] if rows.num_rows else None
    again = fresh.filter(pc.equal(fresh.column(PARTITION), day)).column("table_path").unique()
    return rows.filter(pc.invert(pc.is_in(rows.column("table_path"), value_set=again)))


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    day, at = date.fromisoformat(row[PARTITION]), datetime.fromisoformat(row["checked_at"])
    return row | {PARTITION: day, "checked_at": at}


def _stretches(days: set[date]) -> list[tuple[date, date]]:
    """Split days into runs without a gap."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and (day - found[-1][1]).days == 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _folder(lake: Lake) -> Path:
    return lake.root / "_checks"
