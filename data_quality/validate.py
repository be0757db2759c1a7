"""Runs a table's suite over a range of days in one pass, and says what held on each.

The figures come from Spark (``data_quality.profile``); Great Expectations judges them: one
expectation for all checks that have the same bounds, one value a check and day. An expectation
costs it some 10 ms whatever it looks at, and a night has 1,800 checks of a few bounds each. A check
that could not run is an error, never a failed check.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
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
    Severity,
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
        CheckNotRunError: If a figure is missing, or Great Expectations met an exception.
    """
    promised = alike(suite)
    values = {one.name: one.values(frame) for one in promised}
    if not values or frame.empty:
        return {}
    with _judging:
        batch = _batch(pd.DataFrame({name: pd.Series(found) for name, found in values.items()}))
        # Where is asked only of what failed: it takes GX twice as long as whether.
        failed = [
            one for one, found in _judged(batch, promised, "BOOLEAN_ONLY") if not found.success
        ]
        unmet: dict[Check, list[date]] = {}
        for one, found in _judged(batch, failed, "COMPLETE"):
            for place in found.result["unexpected_index_list"]:
                check, day = divmod(place, len(frame))
                unmet.setdefault(one.checks[check], []).append(frame.index[day])
    return unmet


@dataclass(frozen=True, slots=True)
class AlikeBounds:
    """Checks of one severity whose figures must lie between the same bounds."""

    severity: Severity
    low: float | None
    high: float | None
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """Name the column of their figures."""
        return f"from {self.low} to {self.high}, {self.severity}"

    def values(self, frame: pd.DataFrame) -> np.ndarray:
        """Lay their figures out, check by check, each day by day: float64, NaN promises nothing.

        Raises:
            CheckNotRunError: If one was not measured, or is no number.
        """
        return np.concatenate([_figures(frame, check) for check in self.checks])

    def expectation(self) -> "gx.expectations.Expectation":
        """Say them in Great Expectations' words."""
        return great_expectations().expectations.ExpectColumnValuesToBeBetween(
            column=self.name, min_value=self.low, max_value=self.high, severity=self.severity
        )


def alike(suite: Suite) -> list[AlikeBounds]:
    """Put the checks together that Great Expectations can judge by one expectation."""

    def bounds(check: Check) -> tuple[Severity, float, float]:
        low = -np.inf if check.low is None else check.low
        return check.severity, low, np.inf if check.high is None else check.high

    together = [tuple(checks) for _, checks in groupby(sorted(suite, key=bounds), bounds)]
    return [AlikeBounds(one[0].severity, one[0].low, one[0].high, one) for one in together]


def _figures(frame: pd.DataFrame, check: Check) -> np.ndarray:
    try:
        return frame[check.name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckNotRunError(
            f"{check.name!r} could not be judged: its figure was not measured or is no number"
        ) from error


def _batch(frame: pd.DataFrame) -> "gx.core.batch.Batch":
    return _profiles().get_batch({"dataframe": frame})


@lru_cache(maxsize=1)
def _profiles() -> Any:  # noqa: ANN401
    """Tell Great Expectations once a process where frames come from."""
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
    return source.add_dataframe_asset("days").add_batch_definition_whole_dataframe("all")


def _judged(
    batch: "gx.core.batch.Batch", promised: list[AlikeBounds], result_format: str
) -> list[tuple[AlikeBounds, "gx.core.ExpectationValidationResult"]]:
    if not promised:
        return []
    expectations = [one.expectation() for one in promised]
    suite = great_expectations().ExpectationSuite(name="suite", expectations=expectations)
    judged = batch.validate(suite, result_format={"result_format": result_format})
    by_name = {r.expectation_config.kwargs["column"]: r for r in judged.results}
    found = [(one, by_name[one.name]) for one in promised]
    for one, result in found:
        _require_run(one, result)
    return found


def _require_run(one: AlikeBounds, judged: "gx.core.ExpectationValidationResult") -> None:
    info = judged.exception_info or {}
    raised = [
        e for e in (info, *info.values()) if isinstance(e, dict) and e.get("raised_exception")
    ]
    if raised:
        raise CheckNotRunError(
            f"what must lie {one.name} could not be judged: {raised[0]['exception_message']}"
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
