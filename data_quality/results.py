"""What a check found on one day: as a value, as a row of data_quality/results, and for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame, SparkSession

from data_quality.checks import Severity
from etl.tables import DATA_QUALITY_RESULTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One expectation's result on one day of one table."""

    arrival_date: date
    table_path: str
    expectation: str
    severity: Severity
    is_met: bool
    observed: str
    """What was found, in words."""
    num_unexpected: int
    """Rows that broke it; 0 where no single row is to blame."""
    examples: tuple[str, ...]

    @property
    def is_blocking(self) -> bool:
        """Whether nothing may be built on that day of that table."""
        return not self.is_met and self.severity == "critical"


def as_rows(
    results: Iterable[Result], *, spark: SparkSession, run_id: str, checked_at: datetime
) -> DataFrame:
    """Turn results into rows of ``tables.DATA_QUALITY_RESULTS``.

    Args:
        results: Of ``validate`` and ``drift``.
        spark: The session.
        run_id: The run that checked.
        checked_at: When it did, with its time zone.
    """
    rows = [
        (
            r.arrival_date,
            r.table_path,
            r.expectation,
            r.severity,
            r.is_met,
            r.observed,
            r.num_unexpected,
            list(r.examples),
            run_id,
            checked_at,
        )
        for r in results
    ]
    return spark.createDataFrame(rows, DATA_QUALITY_RESULTS.schema)


def summary(results: Sequence[Result]) -> str:
    """Tell people in Markdown what was not met, the blocking first; one line where all was."""
    unmet = sorted((r for r in results if not r.is_met), key=_by_weight)
    num_blocking = sum(r.is_blocking for r in unmet)
    if not unmet:
        return f"All {len(results)} expectations met."
    said = (
        f"{len(results) - len(unmet)} of {len(results)} expectations met. "
        f"Not met: {num_blocking} critical, {len(unmet) - num_blocking} warning."
    )
    header = (
        "| severity | table | day | expectation | found | examples |\n|---|---|---|---|---|---|"
    )
    return "\n".join((said, "", header, *(_line(r) for r in unmet)))


def _by_weight(result: Result) -> tuple[bool, str, date, str]:
    return not result.is_blocking, result.table_path, result.arrival_date, result.expectation


def _line(result: Result) -> str:
    shown = "<br>".join(f"`{in_cell(example)}`" for example in result.examples)
    cells = (
        result.severity,
        result.table_path,
        str(result.arrival_date),
        in_cell(result.expectation),
        in_cell(result.observed),
        shown,
    )
    return f"| {' | '.join(cells)} |"


def in_cell(text: str) -> str:
    """Replace what would end a cell or a code span of a Markdown table."""
    return text.replace("|", "¦").replace("`", "'").replace("\n", " ")
