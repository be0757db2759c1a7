"""Where the publications lie, for commands that must start fast: no settings library is loaded."""

import os
from pathlib import Path


def publications() -> Path:
    """The home's ``publications`` folder."""
    return Path(os.environ.get("NIGHTMARKET_HOME", ".nightmarket")).absolute() / "publications"
