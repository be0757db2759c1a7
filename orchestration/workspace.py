"""What every asset works with: settings, the home, the lake and its Spark session.

The session starts when it is first asked for, so that what needs none stays quick.
"""

from datetime import date
from pathlib import Path

import dagster as dg

from etl import spark
from etl.home import Home
from etl.lake import Lake
from etl.lake_files import LakeFiles
from orchestration.settings import Settings


class Workspace(dg.ConfigurableResource):
    """One home and the engine that works on it."""

    home_path: str
    """The home's folder."""

    @property
    def settings(self) -> Settings:
        """The settings of this process, with this home."""
        return Settings(home=Path(self.home_path))

    @property
    def home(self) -> Home:
        """The home."""
        return self.settings.at_home

    @property
    def first_day(self) -> date:
        """The lake's first day."""
        return self.home.first_day()

    @property
    def files(self) -> LakeFiles:
        """The lake without Spark."""
        return LakeFiles(self.home.lake, self.first_day)

    def lake(self, run_id: str = "", num_days: int = 1) -> Lake:
        """The lake; starts Spark, for a run that makes so many days, if it is not running."""
        # Settings are for the start alone: to say them again would undo what a session was told
        # since, and looks through all of landing.
        started = spark.running() or spark.session(self.settings.spark(num_days))
        return Lake(started, self.home.lake, self.first_day, run_id)
