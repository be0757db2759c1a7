"""What a run says on the way."""

import io
import logging
from types import SimpleNamespace

import dagster as dg
from rich.console import Console

from orchestration.runs import _Progress


def said_of(*, passed: bool) -> str:
    """What is printed when a check of slates was evaluated."""
    check = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["slates", "product_feed"]),
        check_name="any",
        passed=passed,
        metadata={},
        severity=dg.AssetCheckSeverity.ERROR,
        description="p_click differs",
    )
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    event = SimpleNamespace(event_type=kind, asset_check_evaluation_data=check)
    record = logging.LogRecord("any", logging.INFO, "", 0, "", (), None)
    record.dagster_meta = {"dagster_event": event}
    printed = io.StringIO()
    _Progress(Console(file=printed)).emit(record)
    return printed.getvalue()


def test_a_check_that_was_not_met_is_said() -> None:
    assert said_of(passed=False).strip() == "slates/product_feed: p_click differs"


def test_what_was_met_is_not_said() -> None:
    assert said_of(passed=True) == ""
