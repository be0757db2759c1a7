"""The one code location: everything defined under ``orchestration/defs``."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Load every asset, check, resource, job, schedule and sensor."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
