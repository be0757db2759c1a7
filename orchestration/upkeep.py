"""Lets go of what a home keeps no longer: by each part's own rule, in the order that kills allow.

Days are counted from the newest whole night, the last on which every surface has slates, so that
an old log and a paused shop lose nothing by the clock. Files that nothing reads, and Dagster's
runs, belong to no day: their age is the clock's. Whoever calls holds the home
(``orchestration.holding``).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from etl import tables, upkeep
from etl.bronze import cleaning
from etl.bronze.files import SealedFile
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.upkeep import Pile, UpkeepConfig
from orchestration import run_history
from orchestration.needed_models import needed
from orchestration.settings import Settings
from scoring import publication_folder
from training import registry
from training.registry import ModelName


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What one upkeep works on."""

    settings: Settings
    history: dg.DagsterInstance
    """The home's run history."""
    now: datetime
    """With its time zone."""

    @property
    def home(self) -> Home:
        """The home."""
        return self.settings.at_home

    @property
    def files(self) -> LakeFiles:
        """Its lake."""
        return LakeFiles(self.home.lake, self.home.first_day())

    def piles(self) -> Iterator[Pile]:
        """List what is to be let go of, part by part."""
        newest = newest_night(self.files)
        config = UpkeepConfig(removed_hours=self.settings.keep_removed_hours)
        for table in tables.ALL:
            yield from upkeep.piles(self.files, table, newest=newest, config=config)
        if newest is not None:
            yield from self._landing(newest)
            yield from self._models(newest)
        yield from self._publications()
        yield from self._runs()

    def tidy(self) -> list[Pile]:
        """Let go of all of it, and write down when that was.

        Returns:
            What it was.
        """
        done = []
        # Listed part by part: what went before may be what a later part asks about.
        for pile in self.piles():
            pile.go()
            done.append(pile)
        newest = newest_night(self.files)
        _remember(self.home.tidied, newest, self.now)
        return done

    def _landing(self, newest: date) -> Iterator[Pile]:
        num_days, table = self.settings.keep_landing_days, tables.BRONZE_LINES
        if not num_days:
            return
        rows = self.files.made(tables.BRONZE_FILES).to_pylist()
        yield from cleaning.piles(
            self.home.landing,
            sealed=[SealedFile(**row) for row in rows],
            read_days=self.files.made_days(table) | self.files.forgotten_days(table),
            newest=newest,
            kept=(num_days, f"{num_days} days (NIGHTMARKET_KEEP_LANDING_DAYS)"),
        )

    def _models(self, newest: date) -> Iterator[Pile]:
        models, num_days = self.home.models, self.settings.keep_model_days
        if left := registry.leftovers(models):
            yield _folders("models", "left by a killed run", left)
        if not num_days:
            return
        known = registry.kept(models)
        kept = needed(self.home, self.files, known, newest - timedelta(days=num_days - 1))
        for name in known:
            if name not in kept:
                yield _model(models, name, f"{name.ranker}: no night of {num_days} days needs it")

    def _publications(self) -> Iterator[Pile]:
        folder, num_kept = self.home.publications, self.settings.keep_publications
        retired = publication_folder.retirable(folder, num_kept=num_kept)
        gone = [*(folder / name for name in retired), *publication_folder.leftovers(folder)]
        if not gone:
            return

        def go() -> None:
            with publication_folder.only_writer(folder):
                publication_folder.retire(folder, num_kept=num_kept)

        files = [file for path in gone for file in _files_in(path)]
        yield Pile("publications", f"{num_kept} newer ones are kept", (), *_counted(files), go)

    def _runs(self) -> Iterator[Pile]:
        num_days = self.settings.keep_run_days
        if not num_days:
            return
        yield from run_history.piles(self.history, now=self.now, num_days=num_days)
        before = (self.now - timedelta(days=num_days)).timestamp()
        failures = sorted((self.home.reports / "failures").glob("*.md"))
        old = [path for path in failures if path.stat().st_mtime < before]
        if old:
            yield _folders("reports", f"of runs older than {num_days} days", old)


def is_due(settings: Settings) -> bool:
    """Tell whether so many nights were made since the last upkeep that another is due.

    Raises:
        HomeError: If nothing was ever loaded.
    """
    home, every = settings.at_home, settings.tidy_every_days
    first_day = home.first_day()
    newest = newest_night(LakeFiles(home.lake, first_day))
    if not every or newest is None:
        return False
    return (newest - (_last_night(home.tidied) or first_day)).days >= every


def newest_night(files: LakeFiles) -> date | None:
    """Find the newest day on which every surface's slates were made; None where there is none."""
    made = [max(files.made_days(table), default=None) for table in tables.SLATES.values()]
    found = [day for day in made if day is not None]
    return min(found) if len(found) == len(made) else None


def _model(models: Path, name: ModelName, why: str) -> Pile:
    files = _files_in(name.folder(models))

    def go() -> None:
        registry.remove(models, name)

    return Pile("models", why, (name.night,), *_counted(files), go)


def _folders(what: str, why: str, paths: Sequence[Path]) -> Pile:
    files = [file for path in paths for file in _files_in(path)]

    def go() -> None:
        for file in files:
            file.unlink(missing_ok=True)
        for path in paths:
            if path.is_dir():
                path.rmdir()

    return Pile(what, why, (), *_counted(files), go)


def _files_in(path: Path) -> list[Path]:
    return [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]


def _counted(files: Sequence[Path]) -> tuple[int, int]:
    return len(files), sum(file.stat().st_size for file in files)


def _remember(path: Path, newest: date | None, now: datetime) -> None:
    said = {"newest_night": newest and str(newest), "at": now.astimezone(UTC).isoformat()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(said) + "\n")
    part.replace(path)


def _last_night(path: Path) -> date | None:
    said = json.loads(path.read_text())["newest_night"] if path.exists() else None
    return date.fromisoformat(said) if said else None
