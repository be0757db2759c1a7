"""Definitions are loaded once a run, for a home that holds no lake: the calendar's stand-in day."""

import os
import tempfile
from pathlib import Path

import dagster as dg
import pytest

# Before anything of orchestration is imported: partitions read the home's first day at import.
os.environ["NIGHTMARKET_HOME"] = str(Path(tempfile.gettempdir()) / "nightmarket-no-such-home")


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """The whole code location."""
    from orchestration.definitions import defs

    return defs()
