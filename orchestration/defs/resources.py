"""The workspace every asset asks for, and one process a run, so that one Spark serves it all."""

import dagster as dg

from orchestration.settings import Settings
from orchestration.workspace import Workspace


@dg.definitions
def resources() -> dg.Definitions:
    """Bind the home that the environment names."""
    home = str(Settings().at_home.root)
    return dg.Definitions(
        resources={"workspace": Workspace(home_path=home)}, executor=dg.in_process_executor
    )
