"""Where everything lies at run time, and the lake's first day, which its calendar counts from."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

LAKE_VERSION: Final = 5
_FILE: Final = "nightmarket.toml"


class HomeError(RuntimeError):
    """A home is missing, or of another version; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """One installation's data: the folder that ``NIGHTMARKET_HOME`` names."""

    root: Path

    @property
    def landing(self) -> Path:
        """Raw files as they came: ``<arrival day>/<source>/<file>``."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """Delta tables, a folder each."""
        return self.root / "lake"

    @property
    def models(self) -> Path:
        """Model files: ``<name>/<day>/``."""
        return self.root / "models"

    @property
    def decisions(self) -> Path:
        """What people decided, a line each: who serves a surface (``orchestration.decisions``)."""
        return self.root / "decisions" / "champions.jsonl"

    @property
    def publications(self) -> Path:
        """What readers see: ``current`` and a folder per publication."""
        return self.root / "publications"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: run history and dagster.yaml."""
        return self.root / "dagster"

    @property
    def reports(self) -> Path:
        """Pictures and readable reports."""
        return self.root / "reports"

    @property
    def tidied(self) -> Path:
        """When upkeep was last done, and up to which night (``orchestration.upkeep``)."""
        return self.root / "tidied.json"

    def num_landed_bytes(self) -> int:
        """Add up the raw files as they lie in landing."""
        return sum(path.stat().st_size for path in self.landing.glob("*/*/*") if path.is_file())

    def first_day(self) -> date:
        """Read the lake's first day.

        Raises:
            HomeError: If nothing was ever loaded here, or by another version.
        """
        if not (self.root / _FILE).exists():
            raise HomeError(
                f"{self.root} holds no lake yet. Load a log first: nightmarket load SOURCE FILE"
            )
        said = tomllib.loads((self.root / _FILE).read_text())
        if said.get("lake_version") != LAKE_VERSION:
            raise HomeError(
                f"{self.root} was written by lake version {said.get('lake_version')}, this is "
                f"version {LAKE_VERSION}. Use that release, or load the logs into a new home "
                "(NIGHTMARKET_HOME)."
            )
        return date.fromisoformat(said["first_day"])

    def begin(self, first_day: date) -> None:
        """Write the first day, once; a later call changes nothing."""
        path = self.root / _FILE
        if path.exists():
            return
        self.root.mkdir(parents=True, exist_ok=True)
        path.write_text(f'lake_version = {LAKE_VERSION}\nfirst_day = "{first_day}"\n')
