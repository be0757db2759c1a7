import errno

import dagster as dg
import pytest
from pydantic import ValidationError

from etl.lake_files import MissingDayError
from orchestration.border import DISK_FULL, gist, is_disk_full, of_step, sentence
from orchestration.settings import Settings

JVM_TRACE = """\
An error occurred while calling o31.save.
: org.apache.spark.SparkException: Job aborted
\tat org.apache.spark.Some.where(Some.scala:1)
Caused by: java.io.IOException: stage failed
\tat org.apache.spark.Other.where(Other.scala:2)
Caused by: java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream.write(Native Method)
"""
WORKER_TRACE = """\
An exception was thrown from the Python worker:
Traceback (most recent call last):
  File "kernel.py", line 7, in kernel
    raise ValueError("price_cents is null")
ValueError: price_cents is null
"""


def test_an_error_of_ours_is_said_as_it_is() -> None:
    error = MissingDayError("silver/events of 2026-01-01 was never made. Make it first: …")

    assert sentence(error) == str(error)


def test_an_error_of_ours_is_found_behind_dagsters_wrapper() -> None:
    wrapper = dg.DagsterInvalidDefinitionError("the code location could not be loaded")
    wrapper.__cause__ = MissingDayError("make it first")

    assert sentence(wrapper) == "make it first"


def test_an_error_of_somebody_else_is_named_and_says_how_to_see_more() -> None:
    said = sentence(ZeroDivisionError("division by zero"))

    assert said.startswith("ZeroDivisionError: division by zero")
    assert "--debug" in said


def test_a_file_that_cannot_be_read_is_named() -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/data/log.csv")

    assert sentence(error) == "/data/log.csv: Permission denied"


def test_a_sentence_is_one_line_whatever_it_names() -> None:
    error = MissingDayError("the log has no column 'a\r\nb\x1b[31m\udcff', make it 💩")

    assert sentence(error) == "the log has no column 'a b\\x1b[31m\\udcff', make it 💩"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/home/lake/a"),
        RuntimeError(JVM_TRACE),
        ValueError("database or disk is full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_is_said_with_what_to_do_whoever_met_it(error: Exception) -> None:
    wrapper = RuntimeError("the step failed")
    wrapper.__cause__ = error

    assert sentence(error) == sentence(wrapper) == DISK_FULL
    assert not is_disk_full(RuntimeError("the step failed"))


def test_a_setting_that_makes_no_sense_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTMARKET_CANDIDATES", "many")

    with pytest.raises(ValidationError) as caught:
        Settings()

    assert sentence(caught.value).startswith("NIGHTMARKET_CANDIDATES='many': ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (JVM_TRACE, "java.io.IOException: No space left on device"),
        (WORKER_TRACE, "ValueError: price_cents is null"),
        ("  a sentence\n", "a sentence"),
    ],
    ids=["a JVM's trace", "a worker's trace", "no trace"],
)
def test_the_innermost_cause_of_a_trace_is_what_matters(text: str, expected: str) -> None:
    assert gist(text) == expected


def test_what_a_step_said_is_read_from_its_event() -> None:
    @dg.op
    def breaks() -> None:
        raise ZeroDivisionError("division by zero")

    @dg.op
    def says() -> None:
        raise dg.Failure(description="put the file back", allow_retries=False) from KeyError("x")

    @dg.op
    def wraps() -> None:
        raise MissingDayError("make it first") from OSError("no such file")

    @dg.job(executor_def=dg.in_process_executor)
    def both() -> None:
        breaks()
        says()
        wraps()

    result = both.execute_in_process(raise_on_error=False)

    said = {
        e.step_key: of_step(e.step_failure_data) for e in result.all_events if e.is_step_failure
    }
    assert said == {
        "breaks": "ZeroDivisionError: division by zero",
        "says": "put the file back",
        "wraps": "make it first",
    }
