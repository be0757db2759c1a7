"""Starts Spark's Python workers with what all of them need already imported.

Spark runs ``python -m etl.python_workers pyspark.worker`` once a session and lets it fork a worker
for each task at hand. Spark's own daemon forks first and leaves each worker to import Arrow by
itself, and it reads pyspark from a zip, which Python compiles anew every time.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final

IMPORTS: Final = "NIGHTMARKET_WORKER_IMPORTS"
"""Names what else is imported, parted by blanks; what is not installed is left out."""
_SHARED: Final = ("numpy", "pyarrow", "pyarrow.compute", "pandas", "pyspark.sql.pandas.serializers")


def modules() -> list[str]:
    """List what is imported before workers are forked."""
    more = os.environ.get(IMPORTS, "").split()
    return [*_SHARED, *(name for name in more if find_spec(name.split(".")[0]))]


def main() -> None:
    """Import what is shared, then wait for Spark to ask for workers."""
    sys.path = [place for place in sys.path if not place.endswith(("pyspark.zip", "-src.zip"))]
    for name in modules():
        import_module(name)
    import_module("pyspark.daemon").manager()


if __name__ == "__main__":
    main()
