"""Loads Great Expectations, where it is first needed: that takes seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def great_expectations() -> ModuleType:
    """Import it, in any process."""
    with _has_main_file():
        import great_expectations
    return great_expectations


@contextmanager
def _has_main_file() -> Iterator[None]:
    """Let the main module have a file while pyspark's Connect is imported.

    Connect takes a process whose main module has neither spec nor file for a run of its doctests,
    and ends it. The processes in which Dagster's UI runs jobs are such.
    """
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None or hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "spawned"
    try:
        yield
    finally:
        del main.__file__
