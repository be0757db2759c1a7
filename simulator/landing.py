"""Lands simulated days: their files, and the truth of every line, in a stage.

``truth/`` holds, beside what the world itself writes there:

- ``dirt.json``: kind → arrival day → lines that arrived;
- ``events.parquet``: every line that arrived, its kind of dirt and its place;
- ``outcomes.parquet``: what each surviving outcome that arrived followed;
- ``shown/``, ``done/``: surviving impressions and outcomes of each event day, for the next days;
- ``flying.parquet``: lines sent that arrive on later days.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from etl.arrow import days_of_epoch
from simulator.app_log.files import hour_files, write
from simulator.app_log.log import SENT, arrived, sent
from simulator.app_log.log_config import LogConfig
from simulator.app_log.plan import planned
from simulator.app_log.spelled import Spelled
from simulator.day import Day
from simulator.stage import Stage
from simulator.truth.attribution import attributed
from simulator.truth.of_log import arrived_events, dirt_counts, done_of, outcome_rows, shown_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """What one day brought."""

    date: date
    num_bytes: int
    """Before compression."""
    events: pa.Table
    """Rows of ``of_log.arrived_events``."""
    flying: pa.Table
    """Rows of ``log.SENT``: what arrives later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collector:
    """How a shop's log is written, and where to."""

    words: Spelled
    config: LogConfig
    stage: Stage


def nothing_flying() -> pa.Table:
    """Lines in flight before the first day."""
    return SENT.empty_table()


def land(day: Day, flying: pa.Table, to: Collector) -> Landed:
    """Write the files of a day's arrivals.

    Args:
        day: The day.
        flying: Rows of ``log.SENT``: lines of earlier days that have not arrived.
        to: Who writes them.
    """
    plan = planned(day, names=to.words.names, config=to.config)
    new = sent(day, plan, words=to.words, config=to.config)
    here, still_flying = arrived(flying, new, days_of_epoch(day.date))
    files = hour_files(here["arrival_us"].to_numpy(), to.config)
    return Landed(
        date=day.date,
        num_bytes=write(here["line"], files, to.stage.landing / str(day.date)),
        events=arrived_events(here, files, day.date),
        flying=still_flying,
    )


def remember(day: Day, to: Collector) -> None:
    """Keep what survives of a day's impressions and outcomes, whenever it arrives."""
    plan = planned(day, names=to.words.names, config=to.config)
    _write(shown_of(day, plan), to.stage.truth / "shown" / f"{day.date}.parquet")
    _write(done_of(day, plan, to.config), to.stage.truth / "done" / f"{day.date}.parquet")


def conclude(stage: Stage, landed: list[Landed]) -> dict[str, dict[str, int]]:
    """Write the truth that spans days: what landed now behind what was there.

    Returns:
        dirt.json.
    """
    before = stage.root / "truth" / "events.parquet"
    old = [pq.read_table(before)] if before.exists() else []
    events = pa.concat_tables([*old, *(one.events for one in landed)])
    days = events["arrival_date"].unique().to_pylist()
    dirt = dirt_counts(events, sorted({*days, *(one.date for one in landed)}))
    _write(events, stage.truth / "events.parquet")
    _write(landed[-1].flying, stage.truth / "flying.parquet")
    _write(_outcomes(stage, landed[-1].date), stage.truth / "outcomes.parquet")
    (stage.truth / "dirt.json").write_text(json.dumps(dirt, indent=1) + "\n")
    return dirt


def flying_of(root: Path) -> pa.Table:
    """Read the lines in flight where a shop was left."""
    return pq.read_table(root / "truth" / "flying.parquet", schema=SENT)


def _outcomes(stage: Stage, last: date) -> pa.Table:
    done, shown = (pa.concat_tables(_days_of(stage, name)) for name in ("done", "shown"))
    return outcome_rows(attributed(done, shown, last_day=days_of_epoch(last)))


def _days_of(stage: Stage, name: str) -> Iterator[pa.Table]:
    for truth in (stage.root / "truth", stage.truth):
        for path in sorted((truth / name).glob("*.parquet")):
            yield pq.read_table(path)


def _write(rows: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, compression="zstd", compression_level=1)
