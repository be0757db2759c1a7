"""Turns an error into the sentence that a user reads: what happened and what to do."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster import DagsterError
from pydantic import ValidationError

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData

_OURS = {
    "etl",
    "data_quality",
    "training",
    "scoring",
    "experiments",
    "orchestration",
    "simulator",
}
DISK_FULL = (
    "the disk of the home, or of temporary files, is full (No space left on device). Nothing was "
    "harmed, and readers see what they saw. Free some space (nightmarket doctor says how much is "
    "left), then run it again."
)
"""What to tell whoever finds only that a write was refused."""
_FULL = re.compile("No space left on device|Disk quota exceeded|database or disk is full")
_OURS_SAID = re.compile(rf"(?:{'|'.join(sorted(_OURS))})\.[\w.]+: ")
"""How Dagster begins what an error of ours said."""
_DEBUG = "Run again with --debug before the command to see where."


def sentence(error: BaseException) -> str:
    """Say an error in words, on one line that any terminal can show.

    Errors of our own say what to do already; Spark's and Dagster's are looked through down to what
    raised them first.
    """
    said = " ".join(_said(_root(error)).split())
    # What an error names, a log's columns or an id, may be any bytes.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said)


def _said(root: BaseException) -> str:
    if is_disk_full(root):
        return DISK_FULL
    if isinstance(root, OSError) and root.strerror:
        return f"{root.filename or 'the system'}: {root.strerror}"
    if isinstance(root, ValidationError):
        return "; ".join(map(_setting, root.errors()))
    said = gist(str(root)) or type(root).__name__
    return said if _is_ours(root) else f"{type(root).__name__}: {said} {_DEBUG}"


def of_step(failure: "StepFailureData") -> str:
    """Say what a failed step said: our own words where it was an error of ours."""
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None and not _OURS_SAID.match(error.message):
        error = error.cause
    if error is None:
        return "nothing; its process may have been ended"
    ours = _OURS_SAID.match(error.message)
    if ours:
        return error.message[ours.end() :].strip()
    return DISK_FULL if _FULL.search(error.message) else gist(error.message)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error is about a disk without space, whoever says so; ours say it already."""
    found: BaseException | None = error
    while found is not None:
        if _FULL.search(str(found)) and not _is_ours(found):
            return True
        found = found.__cause__
    return False


def gist(text: str) -> str:
    """Find what matters in an error's text: the innermost cause of a trace, else all of it.

    A JVM's trace names causes by "Caused by:"; a Python worker's ends with what was raised.
    """
    causes = [line for line in text.splitlines() if line.startswith("Caused by:")]
    if causes:
        return causes[-1].removeprefix("Caused by:").strip()
    if "Traceback (most recent call last)" in text:
        said = [line for line in text.splitlines() if line and not line.startswith(" ")]
        return said[-1].strip()
    return text.strip()


def _setting(error: Mapping[str, Any]) -> str:
    name = "_".join(str(part) for part in error["loc"]).upper()
    return f"NIGHTMARKET_{name}={error['input']!r}: {error['msg'].lower()}"


def _root(error: BaseException) -> BaseException:
    """The error that ours or a library's first raised, behind wrappers that only carry it."""
    while isinstance(error, DagsterError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _is_ours(error: BaseException) -> bool:
    package = type(error).__module__.split(".")[0]
    return package in _OURS
