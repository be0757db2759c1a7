"""Runs a table's suite over a range of days in one pass, and says what held on each.

The figures come from Spark (``data_quality.profile``); Great Expectations judges them, one row a
day. A check that could not run is an error, never a failed check.
"""

import threading
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Final

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from data_quality.checks import (
    NUM_ROWS,
    NUM_USUAL_DAYS,
    SOME_ROWS,
    Broken,
    Check,
    Figure,
    Given,
    Suite,
)
from data_quality.config import QualityConfig
from data_quality.engine import great_expectations
from data_quality.expectations import suite
from data_quality.profile import Examples, examples, largest, profile, smallest
from data_quality.results import Result
from data_quality.usual import USUAL_ROWS, with_usual
from etl.days import Days
from etl.tables import PARTITION, Table

if TYPE_CHECKING:
    import great_expectations as gx

_judging: Final = threading.Lock()
"""Great Expectations knows one context of a process at a time."""


class CheckNotRunError(RuntimeError):
    """Great Expectations could not judge an expectation; that says nothing about the data."""


def validate(  # noqa: PLR0913
    table: Table,
    rows: DataFrame | None,
    *,
    days: Days,
    before: Mapping[date, int],
    related: Mapping[str, DataFrame],
    config: QualityConfig,
) -> list[Result]:
    """Check everything that a table promises, on each of ``days``.

    Args:
        table: Which table.
        rows: Its rows of ``days``; None where it is known that neither it nor a related table
            has any.
        days: The days to check; the cost hardly depends on their number.
        before: Number of rows of each day that was made in the week before ``days``, and of the
            day before that week; 0 for an empty one.
        related: By path, the rows of the same days of ``expectations.related_tables(table)``.
        config: What is usual, and how many examples to show.

    Returns:
        One result per day and expectation, by day, in the suite's order.

    Raises:
        UnknownTableError: If a related table was not handed in.
        CheckNotRunError: If an expectation could not be judged.
    """
    promised = suite(table, config=config)
    of_days = None if rows is None else rows.where(F.col(PARTITION).between(days.first, days.last))
    measured = profile(of_days, table=table, days=days, suite=promised, related=related)
    frame = with_usual(measured, table=table, before=before, config=config)
    unmet = unmet_days(frame, promised)
    shown: Examples = {}
    if of_days is not None:
        shown = examples(
            of_days,
            table=table,
            failed=unmet,
            related=related,
            max_examples=config.max_examples,
        )
    return [
        _result(table, check, day, frame=frame, unmet=unmet, shown=shown)
        for day in days
        for check in promised
    ]


def unmet_days(frame: pd.DataFrame, suite: Suite) -> dict[Check, list[date]]:
    """Let Great Expectations judge a profile: the days on which each check failed.

    Args:
        frame: One row a day, indexed by day, with a column for each check under its name; where
            it is null, nothing is promised.
        suite: What to judge.

    Raises:
        CheckNotRunError: If Great Expectations met an exception.
    """
    with _judging:
        batch = _batch(frame)
        # On which days is asked only of what failed: it takes GX twice as long as whether.
        judged = _judged(batch, suite, "BOOLEAN_ONLY")
        failed = tuple(check for check, result in judged if not result.success)
        return {
            check: [frame.index[place] for place in result.result["unexpected_index_list"]]
            for check, result in _judged(batch, failed, "COMPLETE")
        }


def expectation(check: Check) -> "gx.expectations.Expectation":
    """Say a check in Great Expectations' words, of the profile's column with its name."""
    return great_expectations().expectations.ExpectColumnValuesToBeBetween(
        column=check.name, min_value=check.low, max_value=check.high, severity=check.severity
    )


def _batch(frame: pd.DataFrame) -> "gx.core.batch.Batch":
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    quiet = DataContextConfig(
        store_backend_defaults=stores, analytics_enabled=False, progress_bars={"globally": False}
    )
    context = gx.get_context(mode="ephemeral", project_config=quiet)
    source = context.data_sources.add_pandas("profile")
    days = source.add_dataframe_asset("days").add_batch_definition_whole_dataframe("all")
    return days.get_batch({"dataframe": frame.reset_index(drop=True)})


def _judged(
    batch: "gx.core.batch.Batch", suite: Suite, result_format: str
) -> list[tuple[Check, "gx.core.ExpectationValidationResult"]]:
    if not suite:
        return []
    promised = great_expectations().ExpectationSuite(
        name="suite", expectations=[expectation(check) for check in suite]
    )
    judged = batch.validate(promised, result_format={"result_format": result_format})
    by_name = {r.expectation_config.kwargs["column"]: r for r in judged.results}
    found = [(check, by_name[check.name]) for check in suite]
    for check, result in found:
        _require_run(check, result)
    return found


def _require_run(check: Check, judged: "gx.core.ExpectationValidationResult") -> None:
    info = judged.exception_info or {}
    raised = [
        e for e in (info, *info.values()) if isinstance(e, dict) and e.get("raised_exception")
    ]
    if raised:
        raise CheckNotRunError(
            f"{check.name!r} could not be judged: {raised[0]['exception_message']}"
        )


def _result(  # noqa: PLR0913
    table: Table,
    check: Check,
    day: date,
    *,
    frame: pd.DataFrame,
    unmet: Mapping[Check, list[date]],
    shown: Examples,
) -> Result:
    figures = frame.loc[day]
    is_of_rows = not isinstance(check.measure, Figure | Given)
    return Result(
        arrival_date=day,
        table_path=table.path,
        expectation=check.name,
        severity=check.severity,
        is_met=day not in unmet.get(check, []),
        observed=_observed(check, figures),
        num_unexpected=int(figures[check.name]) if is_of_rows else 0,
        examples=tuple(shown.get((check.name, day), ())),
    )


def _observed(check: Check, figures: pd.Series) -> str:
    value = figures[check.name]
    if isinstance(check.measure, Given):
        return _given(check, figures)
    if isinstance(check.measure, Figure):
        if pd.isna(value):
            return "no value"
        return f"{value:.1%}" if check.measure.is_share else f"{value:.4g}"
    said = f"{int(value):,} broken, of {int(figures[NUM_ROWS]):,} rows"
    if isinstance(check.measure, Broken) and check.measure.spread_of is not None:
        low, high = figures[smallest(check)], figures[largest(check)]
        said += "; no value" if pd.isna(low) else f"; from {low} to {high}"
    return said


def _given(check: Check, figures: pd.Series) -> str:
    if check.name == NUM_USUAL_DAYS:
        return f"{int(figures[check.name])} of {check.low:g} days before"
    if check.name == SOME_ROWS:
        return f"{int(figures[check.name]):,} rows"
    usual = figures[USUAL_ROWS]
    said = "what is usual is not known yet" if pd.isna(usual) else f"usual are {usual:,.0f}"
    return f"{int(figures[NUM_ROWS]):,} rows; {said}"
