"""The workspace every asset asks for, and one process a run, so that one Spark serves it all."""

import dagster as dg

from orchestration.settings import Settings
from orchestration.side_by_side import executor_of
from orchestration.workspace import Workspace


@dg.definitions
def resources() -> dg.Definitions:
    """Bind the home that the environment names."""
    settings = Settings()
    return dg.Definitions(
        resources={"workspace": Workspace(home_path=str(settings.at_home.root))},
        executor=executor_of(settings.steps),
    )
