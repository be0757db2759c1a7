"""Turns an error into the sentence that a user reads: what happened and what to do."""

import click
from dagster import DagsterError

_DEBUG = "Run again with --debug before the command to see where."


def sentence(error: BaseException) -> str:
    """Say an error in words.

    Errors of our own say what to do already; Spark's and Dagster's are looked through down to what
    raised them first.
    """
    root = _root(error)
    if isinstance(root, click.ClickException):
        return root.format_message()
    if isinstance(root, OSError) and root.strerror:
        return f"{root.filename or 'the system'}: {root.strerror}"
    said = str(root).strip() or type(root).__name__
    if _is_ours(root):
        return said
    return f"{type(root).__name__}: {said.splitlines()[0]} {_DEBUG}"


def _root(error: BaseException) -> BaseException:
    """The error that ours or a library's first raised, behind wrappers that only carry it."""
    while isinstance(error, DagsterError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _is_ours(error: BaseException) -> bool:
    package = type(error).__module__.split(".")[0]
    return package in {"etl", "data_quality", "training", "scoring", "experiments", "orchestration"}
