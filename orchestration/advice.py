"""What a person does after a failure: the same words in the UI's checks and in the reports.

How a run came to fail stands in ``failure_report``; what a check found, in its results.
"""

from collections import Counter
from typing import Any, Final

import pyarrow.compute as pc

from data_quality.results import in_cell
from etl import tables
from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from scoring.published import NoPublicationError, read_current

_SHOWN_REASONS: Final = 5

AFTER_A_BLOCK: Final = (
    "Look at the results and their examples. Lines that could not be read, each with its reason, "
    "are rows of `silver/rejected_lines`; every result is in `data_quality/results`.",
    "Mend what sends such data, or the mapping that reads it.",
)
AFTER_A_STEP: Final = (
    "Do what the step says; if it says nothing of use, run `nightmarket doctor`.",
)
_UNREADABLE_LINES: Final = (
    "Why lines were refused stands in silver/rejected_lines. Nothing rests on the day yet: mend, "
    "replace or remove its files in landing, and its rerun reads what lies there."
)


def after_a_block(days: Days, home: Home) -> str:
    """Say in Markdown what to do about a check that blocked."""
    return "\n".join(f"- {said}" for said in (*AFTER_A_BLOCK, again(days), served(home)))


def of_blocked(table_path: str) -> str:
    """Say what to do about a table whose check blocked, where more is known than that."""
    return _UNREADABLE_LINES if table_path == tables.SILVER_LINE_COUNTS.path else ""


def again(days: Days | None, *, is_upkeep: bool = False) -> str:
    """Say how the days are made again, or the upkeep, which is of no day."""
    command = "nightmarket tidy" if is_upkeep else _command(days)
    return (
        f"Then run it again: `{command}`. Nothing needs repairing first: a rerun replaces "
        "what this run wrote of its days."
    )


def _command(days: Days | None) -> str:
    if days is None:
        return "nightmarket ui"
    if len(days) > 1:
        return f"nightmarket backfill --from {days.first} --to {days.last}"
    return f"nightmarket night --day {days.last}"


def served(home: Home) -> str:
    """Say what readers see meanwhile."""
    try:
        found = read_current(home.publications).surfaces.values()
    except NoPublicationError:
        return "Readers see nothing yet: no slate was ever published."
    days = {str(one.slate_date) for one in found if one.slate_date}
    return f"Readers see the slates of {', '.join(sorted(days))} meanwhile."


def rejected_reasons(files: LakeFiles, days: Days) -> str:
    """Say in Markdown why lines were rejected: the most frequent reasons, each with a line."""
    columns = ["reason", "source", "file_name", "line_number", "sample"]
    found: Counter[str] = Counter()
    lines: dict[str, dict[str, Any]] = {}
    # Batch by batch: of a day that is rejected as a whole there are too many lines to hold.
    for batch in files.batches(tables.SILVER_REJECTED_LINES, days, columns=columns):
        reasons = batch.column("reason")
        for pair in pc.value_counts(reasons).to_pylist():
            reason = pair["values"]
            found[reason] += pair["counts"]
            place = pc.index(reasons, reason).as_py()
            lines.setdefault(reason, batch.slice(place, 1).to_pylist()[0])
    told = ["| reason | lines | one of them | where |", "|---|---|---|---|"]
    for reason, number in found.most_common(_SHOWN_REASONS):
        line = lines[reason]
        where = f"{line['source']}/{line['file_name']}, line {line['line_number']}"
        told.append(f"| {reason} | {number:,} | `{in_cell(line['sample'])}` | {where} |")
    return "\n".join(told)
