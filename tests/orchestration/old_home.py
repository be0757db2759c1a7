"""A home of a hundred nights in which something of every part is kept no longer."""

import os
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from etl import tables
from etl.bronze.files import seal
from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration.settings import Settings
from orchestration.upkeep import Upkeep
from tests.orchestration.written_lake import made, write
from tests.scoring.published_rows import publish_feed
from training import registry
from training.registry import ModelName

FIRST = date(2026, 1, 1)
LAST = FIRST + timedelta(days=99)
NOW = datetime(2027, 6, 1, tzinfo=UTC)
FEED = "product_feed"
PROPOSALS = tables.PROPOSALS[FEED]
NEEDED = ModelName("gbdt", FEED, FIRST)
"""Serves since the first night."""
OLD_MODEL = ModelName("gbdt", FEED, FIRST + timedelta(days=7))
"""Fitted long ago, served by nobody."""


def nth(number: int) -> date:
    """The n-th day of the lake, from 1."""
    return FIRST + timedelta(days=number - 1)


WRITTEN = (nth(1), nth(2), nth(86), nth(87), LAST)
"""Days that have proposals; the last two are among the 14 that are kept."""


def open_home(root: Path) -> Home:
    """Make it: few of its days are there, so that it is copied quickly."""
    home = Home(root)
    home.begin(FIRST)
    files = LakeFiles(home.lake, FIRST)
    for table in tables.SLATES.values():
        made(files, table, LAST, LAST)
    made(files, tables.BRONZE_LINES, FIRST, FIRST)
    made(files, tables.SILVER_EVENTS, FIRST, FIRST)
    for day in WRITTEN:
        write(files, PROPOSALS, day, {"user_id": f"of {day}"})
    _land(home, files)
    _fit(home, files)
    for number in range(3):
        publish_feed(home.publications, now=NOW + timedelta(hours=number))
    report = home.reports / "failures" / "2026-01-01-abc.md"
    report.parent.mkdir(parents=True)
    report.write_text("it failed\n")
    os.utime(report, (0, 0))
    return home


def _land(home: Home, files: LakeFiles) -> None:
    for day in (nth(1), nth(90)):
        folder = home.landing / str(day) / "app"
        folder.mkdir(parents=True)
        (folder / "07-a.jsonl").write_bytes(b"a line\n")
    for file in seal(home.landing, sealed=[], sealed_days=set(), days=Days(FIRST, LAST)):
        write(files, tables.BRONZE_FILES, file.arrival_date, asdict(file))


def _fit(home: Home, files: LakeFiles) -> None:
    for name in (NEEDED, OLD_MODEL, ModelName("gbdt", FEED, LAST)):
        registry.save(home.models, name, {"click.ubj": b"trees"}, {})
    served = {"surface": FEED, "ranker": "gbdt", "model_date": NEEDED.night}
    write(files, tables.RANKERS_CHAMPIONS, LAST, served)


def settings(home: Home) -> Settings:
    """Everything is kept for as few days as may be."""
    return Settings(
        home=home.root,
        keep_landing_days=41,
        keep_model_days=10,
        keep_publications=2,
        keep_removed_hours=0,
    )


def upkeep(home: Home, history: dg.DagsterInstance) -> Upkeep:
    """Upkeep of the home, long after its last night."""
    return Upkeep(settings(home), history, NOW)


def tree(home: Home) -> set[str]:
    """What lies there, but for names that are drawn and commits that are counted."""
    found = (path for path in home.root.rglob("*") if path.is_file())
    named = (str(path.relative_to(home.root)) for path in found)
    return {name for name in named if "_delta_log" not in name and not name.startswith("dagster/")}
